// A descriptor that libssh has closed is nobody's any more: hosts that break off at any moment harm
// neither the other hosts nor the rest of the program.
#include <gtest/gtest.h>

#include <execo/execo.hpp>

#include "close_count.hpp"
#include "fleet_way.hpp"
#include "long_count.hpp"

namespace execo::test {
namespace {

constexpr const char* all_hosts = "127.5.0.[1-40]";
constexpr const char* bad_hosts = "127.5.0.[1-39/2]";

TEST(ssh_open, ends_at_once_when_the_channel_is_closed_instead_of_an_answer) {
  fleet_fixture fleet("127.5.0.1", {"--fault", "127.5.0.1:close-exec"});
  auto one = remote("true", host_set("127.5.0.1")).ssh(way_to(fleet));
  action_result all = sync_wait(one.run());
  const host_result& end = all.all()[0];
  EXPECT_EQ(end.how(), end_reason::status_lost) << end.describe();
  EXPECT_EQ(end.phase(), phase::open);
  EXPECT_EQ(end.status(), exit_status()) << "the code that came without an answer";
  EXPECT_NE(end.error_context().find("instead of answering"), std::string::npos)
      << end.error_context();
}

TEST(ssh_open, has_the_deadline_of_the_connection_unless_it_has_its_own) {
  fleet_fixture fleet("127.5.0.1", {"--fault", "127.5.0.1:stall-exec"});
  for (bool own : {false, true}) {
    ssh_options how = way_to(fleet);
    (own ? how.limits.open : how.limits.establish) = std::chrono::seconds(1);
    auto one = remote("true", host_set("127.5.0.1")).ssh(how);
    action_result all = sync_wait(one.run());
    EXPECT_EQ(all.all()[0].how(), end_reason::timed_out) << all.all()[0].describe();
    EXPECT_EQ(all.all()[0].phase(), phase::open);
  }
}

/// Of `words`, which the fault's host says when it disconnects.
class goodbye {
 public:
  const char* fault;
  end_reason how;
  execo::phase phase;
  const char* words;
};

TEST(ssh_disconnect, reaches_the_result_with_its_words_in_each_phase) {
  for (goodbye g :
       {goodbye{"disconnect-auth", end_reason::auth_failed, phase::auth,
                "Too many authentication failures"},
        goodbye{"disconnect-open", end_reason::connection_lost, phase::open,
                "No more sessions; the command was not started"},
        goodbye{"disconnect-run", end_reason::connection_lost, phase::run, "Too long a session"}}) {
    fleet_fixture fleet("127.5.0.1", {"--fault", std::string("127.5.0.1:") + g.fault});
    auto one = remote("echo 123456789", host_set("127.5.0.1")).ssh(way_to(fleet));
    action_result all = sync_wait(one.run());
    const host_result& end = all.all()[0];
    EXPECT_EQ(end.how(), g.how) << g.fault;
    EXPECT_EQ(end.phase(), g.phase) << g.fault;
    EXPECT_NE(end.error_context().find(std::string("the server disconnected: ") + g.words),
              std::string::npos)
        << end.error_context();
  }
}

TEST(ssh_disconnect, behind_the_end_of_a_command_leaves_its_output_and_status) {
  fleet_fixture fleet("127.5.0.1", {"--fault", "127.5.0.1:disconnect-end"});
  auto one = remote("echo 123456789; exit 3", host_set("127.5.0.1")).ssh(way_to(fleet));
  action_result all = sync_wait(one.run());
  const host_result& end = all.all()[0];
  EXPECT_EQ(end.how(), end_reason::exited) << end.describe();
  EXPECT_EQ(end.status().code(), 3);
  EXPECT_EQ(end.out, "123456789\n");
}

class broken_fleet {
 public:
  explicit broken_fleet(const std::string& fault)
      : fleet_(all_hosts, {"--exec", "canned", "--fault", std::string(bad_hosts) + ":" + fault}),
        how_(way_to(fleet_)) {
    how_.max_retries = 0;
  }

  /// Runs once on all hosts; whether each of the good ones, and none of the others, ended well.
  void run(end_reason expected) {
    auto up = remote("true", host_set(all_hosts)).fanout(6).ssh(how_);
    action_result ends = sync_wait(mine_, up.run());
    for (const host_result& h : ends.all()) {
      bool good = h.index % 2 == 1;
      EXPECT_EQ(h.ok(), good) << h.describe();
      if (!good) {
        EXPECT_EQ(h.how(), expected) << h.describe();
      }
    }
  }

 private:
  fleet_fixture fleet_;
  ssh_options how_;
  context mine_;
};

void repeat(int times, const std::string& fault, end_reason expected) {
  broken_fleet hosts(fault);
  unsigned before = bad_closes();
  for (int i = 0; i < times && !::testing::Test::HasFailure(); ++i) hosts.run(expected);
  EXPECT_EQ(bad_closes(), before) << "a descriptor was closed twice";
}

TEST(ssh_descriptor, counter_sees_what_is_closed_twice) {
  unsigned before = bad_closes();
  int fd = ::dup(2);
  EXPECT_EQ(::close(fd), 0);
  EXPECT_EQ(::close(fd), -1);
  if (bad_closes() == before) GTEST_SKIP() << "ThreadSanitizer has its own close()";
  EXPECT_EQ(bad_closes(), before + 1);
}

TEST(ssh_descriptor, of_a_host_that_resets_is_closed_once_and_no_other_host_is_lost) {
  repeat(long_count(500), "reset", end_reason::connect_failed);
}

TEST(ssh_descriptor, of_a_host_that_disconnects_in_auth_is_closed_once_and_no_other_host_is_lost) {
  repeat(long_count(200), "disconnect-auth", end_reason::auth_failed);
}

TEST(ssh_descriptor, of_a_host_that_disconnects_or_drops_later_is_closed_once) {
  repeat(long_count(50), "disconnect-open", end_reason::connection_lost);
  repeat(long_count(50), "disconnect-run", end_reason::connection_lost);
  repeat(long_count(50), "drop-mid-output", end_reason::connection_lost);
}

}  // namespace
}  // namespace execo::test
