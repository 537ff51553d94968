// What commands in a tree are told of their place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/machine_name.hpp"
#include "execo/execo.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;

class places_in_a_tree : public testing::Test {
 protected:
  places_in_a_tree() { way_.connector = "local"; }

  std::string out(remote command, const tree& shape) {
    action_result all = sync_wait(command.ssh(way_).via(shape).timeout(60s).run());
    std::string text;
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      text += one.out;
    }
    return text;
  }

  ssh_options way_;
};

TEST_F(places_in_a_tree, are_in_the_environment) {
  remote all("echo $EXECO_HOST $EXECO_RANK/$EXECO_COUNT $EXECO_FATHER", "gw,n[1-2]");
  EXPECT_EQ(out(std::move(all), tree().gateway("gw")),
            "gw 1/3 " + detail::machine_name() + "\nn1 2/3 gw\nn2 3/3 gw\n");
}

TEST_F(places_in_a_tree, are_put_in_the_text_the_words_and_the_variables) {
  remote text("echo {{{rank}}} of {{{count}}} by {{{father}}} \"$V\"", "gw,n1");
  text.env("V", "<{{{father}}}>");
  std::string here = detail::machine_name();
  EXPECT_EQ(out(std::move(text), tree().gateway("gw")),
            "1 of 2 by " + here + " <" + here + ">\n2 of 2 by gw <gw>\n");
  EXPECT_EQ(out(remote({"echo", "by  {{{father}}}"}, "n1"), tree().gateway("gw")), "by  gw\n");
}

TEST_F(places_in_a_tree, are_known_without_one) {
  action_result all =
      sync_wait(remote("echo {{{rank}}}/{{{count}}} {{{father}}}", "n[1-2]").ssh(way_).run());
  EXPECT_EQ(all.all()[1].out, "2/2 " + detail::machine_name() + "\n");
}

TEST_F(places_in_a_tree, are_refused_where_they_are_not_known_in_time) {
  remote by_name("true", "n1");
  by_name.out(to_file("{{{father}}}.log"));
  EXPECT_THROW((void)sync_wait(by_name.ssh(way_).via(tree()).run()), std::invalid_argument);
  remote kept("echo '{{{\\father}}}' {{{father}}}", "n1");
  EXPECT_THROW((void)sync_wait(kept.ssh(way_).via(tree()).run()), std::invalid_argument);
  EXPECT_EQ(out(remote("echo '{{{\\father}}}'", "n1"), tree()), "{{{father}}}\n");
}

}  // namespace
}  // namespace execo
