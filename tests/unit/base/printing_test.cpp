// Values print themselves: to a stream, and in fmt::format.
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <unordered_set>

#include "execo/execo.hpp"
#include "execo/interop/fmt.hpp"

namespace execo::test {
namespace {

std::string streamed(const auto& value) {
  std::ostringstream to;
  to << value;
  return to.str();
}

void expect_text(const auto& value, const std::string& text) {
  EXPECT_EQ(streamed(value), text);
  EXPECT_EQ(fmt::format("{}", value), text);
  EXPECT_EQ(fmt::format("{:>40}", value), fmt::format("{:>40}", text));
}

TEST(printing, of_every_value_is_its_text) {
  expect_text(end_reason::connect_failed, "connect_failed");
  expect_text(phase::kex, "kex");
  expect_text(stream::err, "err");
  expect_text(kill_scope::session, "session");
  expect_text(log_level::warning, "warning");
  expect_text(host_keys::accept_new, "accept_new");
  expect_text(expect_end::end_of_stream, "end_of_stream");
  expect_text(host_set_errc::group, "group");
  expect_text(host("root@n1:22"), "root@n1:22");
  expect_text(host_set("n[1-3]"), "n[1-3]");
  expect_text(range_set("1-3"), "1-3");
  expect_text(exit_status::of_code(3), "exit code 3");
  expect_text(exit_status::of_signal(9), "signal KILL");
  expect_text(exit_status(), "no status");
  expect_text(run_stats(), "0 commands: 0 ok");
  expect_text(action_result(), action_result().describe());
  expect_text(leftover_cause::held, "held");
}

TEST(printing, of_results_says_how_they_ended) {
  const result r = run("sh -c 'exit 3'");
  expect_text(r, r.describe());
  EXPECT_THAT(streamed(r), ::testing::HasSubstr("exited 3"));
  const host_result h(host("n7"), 0, r);
  expect_text(h, h.describe());
  expect_text(r.stats(), "1 commands: 0 ok, 1 with another exit code");
  if (r.usage()) {
    EXPECT_THAT(streamed(*r.usage()), ::testing::HasSubstr("user"));
  }
  report all;
  all.add(r);
  expect_text(all, all.to_string());
}

TEST(exit_code, is_that_of_a_shell) {
  EXPECT_EQ(run("true").exit_code(), 0);
  EXPECT_EQ(run("sh -c 'exit 3'").exit_code(), 3);
  EXPECT_EQ(run("sh -c 'kill -9 $$'").exit_code(), 128 + 9);
  EXPECT_EQ(run("/nonexistent/program").exit_code(), -1);
  EXPECT_EQ(result().exit_code(), -1);
}

TEST(hash, of_equal_hosts_is_equal) {
  std::unordered_set<host> hosts{host("a"), host("root@a"), host("a:22"), host("a")};
  EXPECT_EQ(hosts.size(), 3U);
  EXPECT_TRUE(hosts.contains(host("root@a")));
}

}  // namespace
}  // namespace execo::test
