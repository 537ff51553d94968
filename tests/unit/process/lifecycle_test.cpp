// What a lifecycle asks of its transport, with one that only takes notes.
#include "process/lifecycle.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace execo::test {
namespace {

using namespace detail;

struct notes {
  transport_events* events = nullptr;
  bool paused[2] = {false, false};
  std::vector<int> signals;
};

class noting_transport final : public transport {
 public:
  explicit noting_transport(notes& n) : notes_(n) {}
  void open(const command&, transport_events& events) override { notes_.events = &events; }
  void write(std::span<const char>) override {}
  void close_input() override {}
  void signal(int number) override { notes_.signals.push_back(number); }
  void pause(stream which, bool paused) override {
    notes_.paused[which == stream::out ? 0 : 1] = paused;
  }
  void close() override { notes_.events->on_closed(); }

 private:
  notes& notes_;
};

TEST(lifecycle, lets_a_slow_tap_hold_output_back_until_the_command_is_being_ended) {
  loop on;
  loop::driver driver(on);
  notes seen;
  auto what = std::make_shared<const command>("noted");
  intrusive_ptr<lifecycle> run(
      new lifecycle(on, what, std::make_unique<noting_transport>(seen), deadlines()));
  run->start();
  seen.events->on_phase(phase::run);
  run->kill(SIGUSR1);
  run->pause(stream::out, true);
  EXPECT_TRUE(seen.paused[0]) << "that signal ends nothing";
  run->kill(SIGTERM);
  EXPECT_FALSE(seen.paused[0]) << "its end may stand behind the output";
  run->pause(stream::out, true);
  EXPECT_FALSE(seen.paused[0]);
  EXPECT_EQ(seen.signals, (std::vector<int>{SIGUSR1, SIGTERM}));
  seen.events->on_exit(exit_status::of_signal(SIGTERM));
  seen.events->on_eof(stream::out);
  seen.events->on_eof(stream::err);
  ASSERT_TRUE(run->ended());
  EXPECT_EQ(run->final_result().how(), end_reason::signaled);
  EXPECT_TRUE(run->final_result().killed());
}

}  // namespace
}  // namespace execo::test
