// Every way in which people name the hosts of an action, and its setters one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using strings = std::vector<std::string>;

strings given(detail::host_arguments hosts) {
  strings names;
  for (const host& h : std::move(hosts).take()) names.push_back(h.to_string());
  return names;
}

TEST(hosts_given, in_every_usual_way) {
  const std::string name = "n1";
  const host one("root@n1:22");
  EXPECT_THAT(given("n[1-3]"), ElementsAre("n1", "n2", "n3"));
  EXPECT_THAT(given(name), ElementsAre("n1"));
  EXPECT_THAT(given(host_set("n[1-2]")), ElementsAre("n1", "n2"));
  EXPECT_THAT(given(one), ElementsAre("root@n1:22"));
  EXPECT_THAT(given({"n2", "n1"}), ElementsAre("n2", "n1"));
  EXPECT_THAT(given({"n2", name}), ElementsAre("n2", "n1"));
  EXPECT_THAT(given({"n1"}), ElementsAre("n1"));
  EXPECT_THAT(given({one, host("n9")}), ElementsAre("root@n1:22", "n9"));
  EXPECT_THAT(given({one, "n9"}), ElementsAre("root@n1:22", "n9"));
  EXPECT_THAT(given(strings{"n2", "root@n1"}), ElementsAre("n2", "root@n1"));
  EXPECT_THAT(given(std::vector<host>{host("n3"), host("n3")}), ElementsAre("n3", "n3"));
  EXPECT_THAT(given(std::array<const char*, 2>{"n5", "n4"}), ElementsAre("n5", "n4"));
}

TEST(hosts_given, text_of_a_set_in_a_list_is_a_set) {
  EXPECT_THAT(given({"login", "n[1-2]"}), ElementsAre("login", "n1", "n2"));
  EXPECT_THAT(given(strings{"a,b", "c"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(given({"[::1]:22", "n1"}), ElementsAre("[::1]:22", "n1"));
  EXPECT_THROW(given({"n[1-", "n2"}), std::invalid_argument);
}

ssh_options nobody_there() {
  ssh_options o;
  o.port = 1;
  o.host_key_policy = host_keys::ignore;
  o.known_hosts = "/dev/null";
  return o;
}

std::size_t hosts_of(const action_result& end) { return end.all().size(); }

task<> spelled() {
  const host one("127.0.0.1");
  const strings names{"127.0.0.1", "127.0.0.2"};
  // gcc12-ok: braces that call a constructor, no array
  auto braces = co_await remote("true", {"127.0.0.1", "127.0.0.2"}).ssh(nobody_there()).run();
  EXPECT_EQ(hosts_of(braces), 2U);
  // gcc12-ok: braces that call a constructor, no array
  auto words = co_await remote({"echo", "a b"}, {"127.0.0.1", "127.0.0.2"}).ssh(nobody_there());
  EXPECT_EQ(hosts_of(words), 2U);
  EXPECT_THAT(words.all()[0].name(), ::testing::StartsWith("echo "));
  auto single = co_await remote("true", one).ssh(nobody_there()).run();
  EXPECT_EQ(hosts_of(single), 1U);
  auto vector = co_await remote("true", names).ssh(nobody_there()).run();
  EXPECT_EQ(hosts_of(vector), 2U);
  auto set = co_await remote(std::string("true"), "127.0.0.[1-3]").ssh(nobody_there()).run();
  EXPECT_EQ(hosts_of(set), 3U);
  auto of_command = co_await remote(command("ls", "-l"), "127.0.0.1").ssh(nobody_there()).run();
  EXPECT_EQ(hosts_of(of_command), 1U);
}

TEST(hosts_given, stand_in_an_expression_with_co_await) { sync_wait(spelled()); }

TEST(remote_setters, work_on_a_named_action_as_on_a_temporary) {
  context c;
  remote named("true", {"127.0.0.1", "127.0.0.2"});
  int lines = 0;
  named.fanout(3).ssh(nobody_there()).timeout(3s).on(c);
  named.on_line([&](const output_line&) { ++lines; }).on_notice([](std::string_view) {});
  auto end = sync_wait(c, named.run());
  EXPECT_EQ(hosts_of(end), 2U);
  EXPECT_EQ(lines, 0);
  EXPECT_THROW(named.timeout(2s), std::logic_error);
  EXPECT_NO_THROW(named.fanout(2)) << "that may change at any time";
}

TEST(moved_from, an_action_says_so_instead_of_crashing) {
  remote a("true", "127.0.0.1");
  remote b = std::move(a);
  EXPECT_THROW((void)a.run(), std::logic_error);
  EXPECT_THROW((void)a.next(), std::logic_error);
  EXPECT_THROW(a.start(), std::logic_error);
  EXPECT_THROW((void)a.stats(), std::logic_error);
  EXPECT_THROW(a.fanout(1), std::logic_error);
  a.kill();
  a.request_stop();
}

}  // namespace
}  // namespace execo::test
