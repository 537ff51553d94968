// Hosts played by timers: an action runs over them as over ssh, and the test sees every call.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "action/fanout_action.hpp"
#include "execo/action.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"

namespace execo::test {

/// What one host does when a command is run on it.
class script {
 public:
  script() = default;
  duration takes = std::chrono::milliseconds(1);
  std::string out;
  std::string err;
  int code = 0;
  bool fails = false;  // connect_failed
  bool deaf = false;   // only KILL ends it
  bool tells = false;  // its command begins after `open`, not before
};

/// All that happened at the hosts of a test.
class fake_hosts {
 public:
  std::function<script(const host&)> behaviour = [](const host&) { return script(); };
  void all_take(duration time) {
    behaviour = [time](const host&) {
      script s;
      s.takes = time;
      return s;
    };
  }
  int open = 0;
  int most_open = 0;
  int opened = 0;
  int began = 0;  // commands
  int closed = 0;
  int signals = 0;
  std::vector<std::string> order;              // in which they were opened
  std::map<std::string, command> commands;     // by host
  std::set<const command*> distinct_commands;  // as objects, for those open at once
};

class fake_transport final : public detail::transport {
 public:
  fake_transport(detail::loop& on, fake_hosts& hosts, const host& where)
      : loop_(on), hosts_(hosts), script_(hosts.behaviour(where)), name_(where.name()) {}
  ~fake_transport() override {
    EXPECT_TRUE(closed_ || events_ == nullptr);
    *there_ = false;
  }

  bool tells_before_start() const noexcept override { return script_.tells; }

  void open(const command& what, detail::transport_events& events) override {
    events_ = &events;
    hosts_.commands.insert_or_assign(name_, what);
    hosts_.distinct_commands.insert(&what);
    ++hosts_.opened;
    hosts_.most_open = std::max(hosts_.most_open, ++hosts_.open);
    hosts_.order.push_back(name_);
    loop_.arm_after(step_, duration(0));
  }
  void write(std::span<const char>) override {}
  void close_input() override {}
  void signal(int number) override {
    ++hosts_.signals;
    if (script_.deaf && number != SIGKILL) return;
    ended_by_ = number;
    loop_.arm_after(step_, duration(0));
  }
  void pause(stream, bool) override {}
  void close() override {
    // Often nothing is pending here, and then the end is told from inside this call.
    loop_.disarm(step_);
    closed_ = true;
    --hosts_.open;
    ++hosts_.closed;
    events_->on_closed({});
  }

 private:
  void step() {
    if (!running_) {
      if (script_.fails)
        return events_->on_failed(
            detail::failure(end_reason::connect_failed,
                            std::make_error_code(std::errc::connection_refused), "connect"));
      events_->on_phase(phase::connect);
      // A command that may not begin is given up here, and this may go with it.
      const std::shared_ptr<const bool> there = there_;
      events_->on_phase(phase::open);
      if (!*there || closed_) return;
      running_ = true;
      ++hosts_.began;
      events_->on_phase(phase::run);
      if (!step_.armed()) loop_.arm_after(step_, script_.takes);
      return;
    }
    tell_output(stream::out, script_.out);
    tell_output(stream::err, script_.err);
    events_->on_eof(stream::out);
    events_->on_eof(stream::err);
    events_->on_exit(ended_by_ != 0 ? exit_status::of_signal(ended_by_)
                                    : exit_status::of_code(script_.code));
  }
  void tell_output(stream which, const std::string& text) {
    if (!text.empty()) events_->on_output(which, std::span<const char>(text.data(), text.size()));
  }

  detail::loop& loop_;
  fake_hosts& hosts_;
  script script_;
  std::string name_;
  detail::transport_events* events_ = nullptr;
  detail::deadline_timer step_{detail::delegate<>::to<&fake_transport::step>(this)};
  const std::shared_ptr<bool> there_ = std::make_shared<bool>(true);
  int ended_by_ = 0;
  bool running_ = false;
  bool closed_ = false;
};

/// Makes transports by a function of the test.
class made_by_test final : public detail::command_factory {
 public:
  using maker = std::function<std::unique_ptr<detail::transport>(detail::loop&, const host&)>;
  explicit made_by_test(maker make, std::size_t descriptors = 1)
      : make_(std::move(make)), descriptors_(descriptors) {}
  std::size_t descriptors() const noexcept override { return descriptors_; }

 private:
  std::unique_ptr<detail::transport> transport_to(detail::loop& on, std::size_t,
                                                  detail::attempt& what) override {
    return make_(on, what.where);
  }
  maker make_;
  std::size_t descriptors_;
};

/// An action over fake hosts, with its options open to the test.
class fake_action : public action {
 public:
  fake_action(fake_hosts& hosts, std::size_t count)
      : fake_action(new detail::fanout_action(command("work"), named(count))) {
    make_by([&hosts](detail::loop& on, const host& where) {
      return std::make_unique<fake_transport>(on, hosts, where);
    });
  }
  void make_by(made_by_test::maker make, std::size_t descriptors = 1) {
    state().factory = std::make_shared<made_by_test>(std::move(make), descriptors);
  }
  detail::fanout_action& state() {
    return static_cast<detail::fanout_action&>(*state_.operator->());
  }
  fake_action& fanout(std::size_t n) {
    detail::set_fanout(*this, n);
    return *this;
  }

 private:
  explicit fake_action(detail::fanout_action* made) : action(detail::action_ref(made)) {}
  static std::vector<host> named(std::size_t count) {
    std::vector<host> hosts;
    for (std::size_t i = 0; i < count; ++i) hosts.emplace_back("h" + std::to_string(i));
    return hosts;
  }
};

}  // namespace execo::test
