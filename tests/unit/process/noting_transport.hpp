// A transport that only takes notes: the test is the command.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <functional>
#include <memory>
#include <vector>

#include "held_clock.hpp"
#include "process/lifecycle.hpp"
#include "process/transport.hpp"

namespace execo::test {

struct notes {
  detail::transport_events* events = nullptr;
  bool paused[2] = {false, false};
  std::vector<int> signals;
  bool can_ask = false;
  int asked = 0;
  bool closed = false;
  detail::end_report report;  // given with the last event
  bool holds_last_event = false;
  std::function<detail::clock::duration()> unread;  // null: never
};

class noting_transport final : public detail::transport {
 public:
  explicit noting_transport(notes& n) : notes_(n) {}
  void open(const command&, detail::transport_events& events) override { notes_.events = &events; }
  void write(std::span<const char>) override {}
  void close_input() override {}
  void signal(int number) override { notes_.signals.push_back(number); }
  void pause(stream which, bool paused) override {
    notes_.paused[which == stream::out ? 0 : 1] = paused;
  }
  bool query_pending_output() override {
    ++notes_.asked;
    return notes_.can_ask;
  }
  detail::clock::duration max_output_delay() const noexcept override {
    return notes_.can_ask ? std::chrono::hours(1) : detail::clock::duration(0);
  }
  detail::clock::duration unread_time() const noexcept override {
    return notes_.unread ? notes_.unread() : detail::clock::duration(0);
  }
  void close() override {
    notes_.closed = true;
    if (!notes_.holds_last_event) notes_.events->on_closed(notes_.report);
  }

 private:
  notes& notes_;
};

/// A lifecycle over such a transport, on a clock that the test moves.
class noted_run : public ::testing::Test {
 protected:
  void start(const command& what, const deadlines& limits = deadlines()) {
    run = detail::intrusive_ptr<detail::lifecycle>(
        new detail::lifecycle(on, std::make_shared<const command>(what), {},
                              std::make_unique<noting_transport>(seen), limits));
    run->start();
  }
  void start_running(const command& what) {
    start(what);
    seen.events->on_phase(phase::run);
  }
  void end_streams() {
    seen.events->on_eof(stream::out);
    seen.events->on_eof(stream::err);
  }
  void end_by(int signal) {
    seen.events->on_exit(exit_status::of_signal(signal));
    end_streams();
  }

  detail::loop on;
  detail::loop::driver driver{on};
  held_clock time{on};
  notes seen;
  detail::intrusive_ptr<detail::lifecycle> run;
};

/// The same. What still runs at the end of the test is killed.
class killed_run : public noted_run {
 protected:
  ~killed_run() override {
    if (!run || run->ended()) return;
    run->kill(SIGKILL);
    end_by(SIGKILL);
  }
};

}  // namespace execo::test
