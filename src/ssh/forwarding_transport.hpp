// A transport that has another one do the work. What a kind of it changes it overrides.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "loop/loop.hpp"
#include "process/failure.hpp"
#include "process/transport.hpp"

namespace execo::detail {

class forwarding_transport : public transport, protected transport_events {
 public:
  bool redirect(int number, const child_stream& to) override {
    return inner_->redirect(number, to);
  }
  void allow_bulk(stream which) override { inner_->allow_bulk(which); }
  void write(std::span<const char> bytes) override { inner_->write(bytes); }
  void cancel_write() override { inner_->cancel_write(); }
  void close_input() override { inner_->close_input(); }
  void signal(int number) override { inner_->signal(number); }
  void outlive() override { inner_->outlive(); }
  void end_scope(duration until_kill) override { inner_->end_scope(until_kill); }
  void pause(stream which, bool paused) override { inner_->pause(which, paused); }
  bool query_pending_output() override { return inner_->query_pending_output(); }
  clock::duration max_output_delay() const noexcept override { return inner_->max_output_delay(); }
  bool tells_before_start() const noexcept override { return inner_->tells_before_start(); }
  bool knows_host() const noexcept override { return inner_->knows_host(); }
  clock::duration unread_time() const noexcept override { return inner_->unread_time(); }
  void describe(std::vector<std::string>& lines) const override { inner_->describe(lines); }
  void close() override { inner_->close(); }

 protected:
  forwarding_transport(loop& on, std::unique_ptr<transport> inner) noexcept
      : loop_(on), inner_(std::move(inner)) {}
  ~forwarding_transport() override = default;

  loop& home() const noexcept { return loop_; }
  transport& inner() const noexcept { return *inner_; }
  transport_events& owner() const noexcept { return *owner_; }
  void replace_inner(std::unique_ptr<transport> other) noexcept { inner_ = std::move(other); }
  std::unique_ptr<transport> take_inner() noexcept { return std::move(inner_); }
  void set_owner(transport_events& events) noexcept { owner_ = &events; }
  void open_inner(const command& what) { inner_->open(what, *this); }
  /// What the last event says.
  virtual end_report complete(end_report found) { return found; }

  void on_phase(phase entered) override { owner_->on_phase(entered); }
  void on_waiting() override { owner_->on_waiting(); }
  void on_may_begin() override { owner_->on_may_begin(); }
  void on_output(stream which, std::span<const char> bytes) override {
    owner_->on_output(which, bytes);
  }
  void on_eof(stream which) override { owner_->on_eof(which); }
  void on_exit(exit_status status) override { owner_->on_exit(status); }
  void on_failed(failure why) override { owner_->on_failed(std::move(why)); }
  void on_no_output_pending() override { owner_->on_no_output_pending(); }
  void on_written(std::size_t count) override { owner_->on_written(count); }
  void on_input_closed() override { owner_->on_input_closed(); }
  void on_closed(end_report found) override { owner_->on_closed(complete(std::move(found))); }

 private:
  loop& loop_;
  std::unique_ptr<transport> inner_;
  transport_events* owner_ = nullptr;
};

/// One that may refuse a command, which the other one is not given then.
class refusing_transport : public forwarding_transport {
 public:
  void close() override {
    if (!problem_) return forwarding_transport::close();
    // From inside its event, or later; before that the event does not come any more.
    if (std::exchange(closing_, true) || !problem_sent_) return;
    owner().on_closed(complete({}));
  }

 protected:
  refusing_transport(loop& on, std::unique_ptr<transport> inner)
      : forwarding_transport(on, std::move(inner)),
        step_(delegate<>::to<&refusing_transport::send_problem>(this)) {}

  /// Instead of open_inner(): the events come from the loop.
  void fail_soon(failure why) {
    problem_ = std::move(why);
    home().defer(step_);
  }

 private:
  void send_problem() {
    problem_sent_ = true;
    if (closing_) return owner().on_closed(complete({}));
    owner().on_failed(*problem_);
  }

  queue_node step_;
  std::optional<failure> problem_;
  bool problem_sent_ = false;
  bool closing_ = false;
};

}  // namespace execo::detail
