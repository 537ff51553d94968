// Actions that are made as a configuration says. Their connector runs the commands here.
#include <execo/action_factory.hpp>

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "action/action_access.hpp"
#include "action/fanout_action.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "temp_folder.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr auto settings = R"(
fanout = 3
timeout = 50
idle_timeout = 40
total_timeout = 60
kill_timeout = 2
max_output = 4
[ssh]
connector = "env WAY=file sh -c"
)";

detail::fanout_action& inside(action& a) {
  return detail::configurable(detail::action_access::core(a));
}

std::vector<std::string> all_outputs(const action_result& all) {
  std::vector<std::string> texts;
  for (const host_result& r : all.all()) texts.push_back(r.out);
  return texts;
}

TEST(action_factory, makes_commands_that_go_the_way_of_the_configuration) {
  const config file = parse_config("[ssh]\nconnector = 'sh -c'");
  auto work = [](const config& mine) -> task<action_result> {
    auto shown = make_remote("echo $EXECO_HOST", "n[1-2]", mine);
    execo::action_result all = co_await shown.run();
    co_return all;
  };
  EXPECT_THAT(all_outputs(sync_wait(work(file))), ElementsAre("n1\n", "n2\n"));
}

TEST(action_factory, gives_commands_the_fanout_and_the_limits) {
  config mine = parse_config(settings);
  remote made = make_remote(command("sh", "-c", "printf 123456"), {"n1", "n2"}, mine);
  const command& what = inside(made).commands.what;
  EXPECT_EQ(inside(made).fanout, 3U);
  EXPECT_EQ(what.run_timeout, 50s);
  EXPECT_EQ(what.idle_timeout, 40s);
  EXPECT_EQ(what.total_timeout, 60s);
  EXPECT_EQ(what.kill_timeout, 2s);
  EXPECT_THAT(all_outputs(sync_wait(made.run())), ElementsAre("1234", "1234"));
  local here = make_local("printf 123456", "one", mine);
  EXPECT_EQ(inside(here).fanout, 3U);
  EXPECT_THAT(all_outputs(sync_wait(here.run())), ElementsAre("1234"));
}

TEST(action_factory, makes_copies_that_go_the_same_way) {
  config mine = parse_config(settings);
  temp_folder folder;
  const std::string from = folder / "from", to = folder / "to";
  std::ofstream(from) << "text";
  put there = make_put(from, "n1", to, mine);
  EXPECT_EQ(inside(there).fanout, 3U);
  EXPECT_EQ(inside(there).commands.what.run_timeout, 50s);
  EXPECT_EQ(inside(there).commands.what.total_timeout, 60s);
  action_result sent = sync_wait(there.run());
  EXPECT_TRUE(sent.ok()) << sent.describe();
  action_result came = sync_wait(make_get(to, "n1", folder / "back", mine).run());
  EXPECT_TRUE(came.ok()) << came.describe();
  EXPECT_TRUE(std::filesystem::exists(folder / "back/n1/to"));
}

TEST(action_factory, leaves_single_values_to_setters) {
  config mine = parse_config(settings);
  auto made = make_remote("true", "n1", mine).fanout(7).timeout(1s);
  EXPECT_EQ(inside(made).fanout, 7U);
  EXPECT_EQ(inside(made).commands.what.run_timeout, 1s);
}

}  // namespace
}  // namespace execo::test
