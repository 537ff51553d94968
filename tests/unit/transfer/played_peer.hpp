// The other end of a copy, played by a test: its events come one in a turn of the loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "loop/loop.hpp"
#include "process/transport.hpp"

namespace execo::test {

class played_peer : public detail::transport {
 public:
  ~played_peer() override { *there_ = false; }

  void open(const command&, detail::transport_events& events) final {
    events_ = &events;
    soon([this] { events_->on_phase(phase::run); });
  }
  void pause(stream, bool) final {}
  void close() final {
    is_closed_ = true;
    events_->on_closed({});
  }

 protected:
  explicit played_peer(detail::loop& on) : loop_(on) {}

  detail::transport_events& events() const noexcept { return *events_; }
  void tell(stream which, std::string text) {
    if (text.empty()) return;
    soon([this, which, text = std::move(text)] {
      events_->on_output(which, std::span<const char>(text));
    });
  }
  void end_output() {
    events_->on_eof(stream::out);
    events_->on_eof(stream::err);
  }
  void soon(std::function<void()> event) {
    events_to_come_.push_back(std::move(event));
    if (events_to_come_.size() == 1) loop_.defer(step_);
  }

 private:
  // The last one may take this along.
  void step() {
    std::function<void()> event = std::move(events_to_come_.front());
    const std::shared_ptr<const bool> there = there_;
    event();
    if (!*there) return;
    events_to_come_.pop_front();
    if (!events_to_come_.empty() && !is_closed_) loop_.defer(step_);
  }

  detail::loop& loop_;
  detail::transport_events* events_ = nullptr;
  std::deque<std::function<void()>> events_to_come_;
  detail::queue_node step_{detail::delegate<>::to<&played_peer::step>(this)};
  const std::shared_ptr<bool> there_ = std::make_shared<bool>(true);
  bool is_closed_ = false;
};

}  // namespace execo::test
