// A host that cannot be reached at all: what is known of it says so.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "loop/loop.hpp"
#include "process/streamless_transport.hpp"

namespace execo::detail {

class failing_transport final : public streamless_transport {
 public:
  failing_transport(loop& on, end_reason how, std::string why)
      : loop_(on),
        step_(delegate<>::to<&failing_transport::go_on>(this)),
        how_(how),
        why_(std::move(why)) {}

  void open(const command&, transport_events& events) override {
    events_ = &events;
    queue_step();
  }
  void signal(int) override {}
  void close() override {
    if (closed_) return;
    closed_ = true;
    queue_step();
  }

 private:
  void queue_step() {
    if (!std::exchange(queued_, true)) loop_.defer(step_);
  }
  void go_on() {
    queued_ = false;
    if (closed_) return events_->on_closed({});
    events_->on_failed(failure(how_, std::make_error_code(std::errc::invalid_argument), why_));
  }

  loop& loop_;
  queue_node step_;
  transport_events* events_ = nullptr;
  end_reason how_;
  std::string why_;
  bool queued_ = false;
  bool closed_ = false;
};

}  // namespace execo::detail
