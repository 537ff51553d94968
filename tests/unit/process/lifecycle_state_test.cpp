// The transition table of lifecycle.hpp: each event in each state.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "unit/process/noting_transport.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::run_state;

const char* word(run_state s) {
  static constexpr const char* words[] = {"idle",     "establishing", "running",  "stopping",
                                          "draining", "closing",      "flushing", "ended"};
  return words[static_cast<std::size_t>(s)];
}

/// A run whose transport gives its last event only when the test says so.
class lifecycle_state : public noted_run {
 protected:
  lifecycle_state() { seen.holds_last_event = true; }
  ~lifecycle_state() override {
    if (!run || run->ended()) return;
    if (run->state() != run_state::closing) fail();
    seen.events->on_closed({});
    EXPECT_TRUE(run->ended());
  }

  void bring_to(run_state wanted) {
    command what("noted");
    what.run_timeout = 10s;
    deadlines limits;
    limits.establish = 10s;
    start(what, limits);
    seen.events->on_phase(phase::resolve);
    if (wanted == run_state::establishing) return;
    seen.events->on_phase(phase::open);
    seen.events->on_phase(phase::run);
    if (wanted == run_state::stopping) run->cancel();
    if (wanted == run_state::draining) exit();
    if (wanted == run_state::closing) fail();
  }
  void exit() { seen.events->on_exit(exit_status::of_code(0)); }
  void fail() { seen.events->on_failed(detail::failure(end_reason::connection_lost, {}, "lost")); }
};

class lifecycle_table : public lifecycle_state {
 public:
  struct row {
    std::string name;
    std::function<void(lifecycle_table&)> happen;
    run_state establishing, running, stopping, draining;
  };
  void expect(const row& r) {
    const std::vector<std::pair<run_state, run_state>> cases{
        {run_state::establishing, r.establishing},
        {run_state::running, r.running},
        {run_state::stopping, r.stopping},
        {run_state::draining, r.draining},
        {run_state::closing, run_state::closing}};
    for (auto [from, to] : cases) {
      bring_to(from);
      ASSERT_EQ(word(run->state()), std::string(word(from)));
      r.happen(*this);
      EXPECT_EQ(word(run->state()), std::string(word(to))) << r.name << " in " << word(from);
      end();
    }
  }
  void end() {
    if (run->state() != run_state::closing) fail();
    seen.events->on_closed({});
    EXPECT_TRUE(run->ended());
    run = {};
    seen = {};
    seen.holds_last_event = true;
  }
  void let_deadline_expire() { time.pass(10s); }
  using lifecycle_state::end_streams;
  using lifecycle_state::exit;
  using lifecycle_state::fail;
  using noted_run::on;
  using noted_run::run;
  using noted_run::seen;
  using noted_run::time;
};

constexpr auto establishing = run_state::establishing;
constexpr auto running = run_state::running;
constexpr auto stopping = run_state::stopping;
constexpr auto draining = run_state::draining;
constexpr auto closing = run_state::closing;

TEST_F(lifecycle_table, has_each_event_in_each_state) {
  using t = lifecycle_table;
  const std::vector<row> rows{
      {"run", [](t& x) { x.seen.events->on_phase(phase::run); }, running, running, stopping,
       draining},
      {"exit", [](t& x) { x.exit(); }, draining, draining, draining, draining},
      {"end of both outputs", [](t& x) { x.end_streams(); }, establishing, running, stopping,
       closing},
      {"end of one output", [](t& x) { x.seen.events->on_eof(stream::out); }, establishing, running,
       stopping, draining},
      {"output", [](t& x) { x.seen.events->on_output(stream::out, std::span("x", 1)); },
       establishing, running, stopping, draining},
      {"failure", [](t& x) { x.fail(); }, closing, closing, closing, closing},
      {"cancel", [](t& x) { x.run->cancel(); }, closing, stopping, stopping, draining},
      {"TERM of the user", [](t& x) { x.run->kill(SIGTERM); }, closing, running, stopping,
       draining},
      {"USR1 of the user", [](t& x) { x.run->kill(SIGUSR1); }, closing, running, stopping,
       draining},
      {"output held by others", [](t& x) { x.seen.events->on_no_output_pending(); }, establishing,
       running, stopping, closing},
      {"end of the loop", [](t& x) { x.on.shut_down_members(); }, closing, stopping, stopping,
       closing},
  };
  for (const row& r : rows) expect(r);
}

TEST_F(lifecycle_table, counts_time_by_the_state) {
  bring_to(establishing);
  let_deadline_expire();
  EXPECT_EQ(run->state(), closing);
  end();
  bring_to(running);
  let_deadline_expire();
  EXPECT_EQ(run->state(), stopping);
  end();
  bring_to(draining);
  let_deadline_expire();
  EXPECT_EQ(run->state(), closing) << "its output was silent for a drain timeout";
  end();
}

TEST_F(lifecycle_table, ends_what_was_not_started_at_once) {
  notes others;
  detail::intrusive_ptr<detail::lifecycle> never(
      new detail::lifecycle(on, std::make_shared<const command>("noted"), {},
                            std::make_unique<noting_transport>(others), deadlines()));
  EXPECT_EQ(never->state(), run_state::idle);
  never->cancel();
  EXPECT_EQ(never->state(), run_state::ended);
  never->cancel();
  never->kill(SIGTERM);
  EXPECT_EQ(never->final_result().how(), end_reason::cancelled);
  EXPECT_EQ(others.events, nullptr) << "its transport was not opened";
}

TEST_F(lifecycle_table, gives_up_when_the_last_grace_period_is_over) {
  bring_to(stopping);
  for (int i = 0; i < 10 && run->state() == stopping; ++i) time.pass(60s);
  EXPECT_EQ(run->state(), closing);
  EXPECT_EQ(seen.signals.back(), SIGKILL);
  end();
}

}  // namespace
}  // namespace execo::test
