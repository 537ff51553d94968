// Questions to a peer: when their answers count as having come.
#include <gtest/gtest.h>

#include <optional>

#include "held_clock.hpp"
#include "recorded_run.hpp"
#include "slow_proxy.hpp"
#include "ssh/environment.hpp"
#include "ssh/remote_session.hpp"
#include "ssh/rest_question.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::delegate;
using detail::round_trip;

class logged_in final : public detail::session_owner {
 public:
  logged_in(driven_loop& on, const sshd_fixture& server, int port = 0)
      : on_(on),
        shared_(detail::make_ssh_environment(on, options_for(server))),
        session(shared_, "127.1.0.1", port != 0 ? port : server.port(), server.user(), *this) {
    session.start();
    EXPECT_TRUE(on_.until([this] { return ready || failed; }));
  }
  ~logged_in() {
    session.close();
    EXPECT_TRUE(on_.until([this] { return closed; }));
  }

 private:
  driven_loop& on_;
  std::shared_ptr<detail::ssh_environment> shared_;

 public:
  detail::remote_session session;
  bool ready = false;
  bool failed = false;
  bool closed = false;

 private:
  void session_entered(phase) override {}
  void session_waits() override {}
  void session_ready() override { ready = true; }
  void session_failed(detail::failure) override { failed = true; }
  void session_closed() override { closed = true; }
};

class asker {
 public:
  explicit asker(detail::remote_session& of) : of_(of) {}
  void ask() { of_.ask(*trip); }

  int again = 0;  // times to ask from the answer
  int answers = 0;
  std::optional<round_trip> trip{delegate<>::to<&asker::done>(this)};

 private:
  void done() {
    ++answers;
    if (again > 0) {
      --again;
      ask();
    }
  }
  detail::remote_session& of_;
};

class round_trips : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    server.emplace();
  }
  std::optional<sshd_fixture> server;
  driven_loop loop;
};

TEST_F(round_trips, end_with_the_answer_of_the_server) {
  logged_in at(loop, *server);
  ASSERT_TRUE(at.ready);
  std::uint64_t before = at.session.packets_received();
  asker a(at.session);
  a.ask();
  EXPECT_TRUE(loop.until([&] { return a.answers == 1; }));
  EXPECT_GT(at.session.packets_received(), before);
}

TEST_F(round_trips, may_follow_each_other_from_the_answer) {
  logged_in at(loop, *server);
  ASSERT_TRUE(at.ready);
  asker a(at.session);
  a.again = 20;
  a.ask();
  EXPECT_TRUE(loop.until([&] { return a.answers == 21; }));
}

TEST_F(round_trips, of_several_askers_end_each_once) {
  logged_in at(loop, *server);
  ASSERT_TRUE(at.ready);
  asker a(at.session), b(at.session);
  a.again = 3;
  a.ask();
  b.ask();
  EXPECT_TRUE(loop.until([&] { return a.answers == 4; }));
  EXPECT_EQ(b.answers, 1);
}

TEST_F(round_trips, that_are_given_up_do_not_lend_their_answer_to_the_next) {
  way far;
  far.delay = 50ms;
  slow_proxy proxy(server->port(), far);
  logged_in at(loop, *server, proxy.port());
  ASSERT_TRUE(at.ready);
  asker a(at.session), b(at.session);
  a.ask();
  loop.get().turn(0);
  a.trip.reset();
  b.ask();
  std::uint64_t before = at.session.packets_received();
  EXPECT_TRUE(loop.until([&] { return b.answers == 1; }));
  EXPECT_GE(at.session.packets_received() - before, 2u);
  EXPECT_EQ(a.answers, 0);
}

class rest_asker {
 public:
  explicit rest_asker(detail::remote_session& of) : question(of, done()) {}

  std::optional<detail::rest_question::answer> found;
  detail::rest_question question;

 private:
  delegate<detail::rest_question::answer> done() {
    return delegate<detail::rest_question::answer>::to<&rest_asker::answered>(this);
  }
  void answered(detail::rest_question::answer a) { found = a; }
};

TEST_F(round_trips, for_the_rest_of_an_output_have_the_time_in_which_the_connection_is_read) {
  held_clock time(loop);
  logged_in at(loop, *server);
  ASSERT_TRUE(at.ready);
  rest_asker a(at.session);
  at.session.hold_input();
  a.question.put();
  const detail::clock::duration limit = at.session.shared().answer_limit;
  for (int i = 0; i < 10; ++i) time.pass(limit);
  EXPECT_FALSE(a.found) << "the server was not even asked";
  at.session.release_input();
  ASSERT_TRUE(loop.until([&] { return a.found.has_value(); }));
  EXPECT_EQ(*a.found, detail::rest_question::answer::none_left);
}

TEST_F(round_trips, for_the_rest_of_an_output_end_when_the_server_is_silent) {
  slow_proxy proxy(server->port(), way());
  held_clock time(loop);
  logged_in at(loop, *server, proxy.port());
  ASSERT_TRUE(at.ready);
  proxy.fall_silent();
  rest_asker a(at.session);
  a.question.put();
  time.pass(at.session.shared().answer_limit);
  ASSERT_TRUE(a.found);
  EXPECT_EQ(*a.found, detail::rest_question::answer::silence);
}

TEST_F(round_trips, under_way_end_with_the_session_without_an_answer) {
  logged_in at(loop, *server);
  ASSERT_TRUE(at.ready);
  asker a(at.session);
  a.ask();
  at.session.close();
  EXPECT_TRUE(loop.until([&] { return at.closed; }));
  EXPECT_EQ(a.answers, 0);
  EXPECT_FALSE(a.trip->linked());
}

}  // namespace
}  // namespace execo::test
