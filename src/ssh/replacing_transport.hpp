// A transport that opens another one in the place of one that has failed before the command began.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "base/contain.hpp"
#include "ssh/forwarding_transport.hpp"

namespace execo::detail {

class replacing_transport : public forwarding_transport {
 public:
  // What is at the end of a connection.
  bool redirect(int, const child_stream&) final { return false; }

  void open(const command& what, transport_events& events) override {
    set_owner(events);
    what_ = &what;
    open_inner(what);
  }

  void pause(stream which, bool paused) final {
    paused_[static_cast<std::size_t>(which)] = paused;
    forwarding_transport::pause(which, paused);
  }

  void close() final {
    is_given_up_ = true;
    switch (stage_) {
      case stage::open:
        return forwarding_transport::close();
      case stage::closing:
        return;
      case stage::waiting:
        if (stop_waiting()) report_end();
        return;
      case stage::failed:
        return report_end();
    }
  }

 protected:
  replacing_transport(loop& on, std::unique_ptr<transport> first)
      : forwarding_transport(on, std::move(first)) {}

  /// One has failed so, and is closed. True: begin_next() is called, from the loop.
  virtual bool is_followed(const failed_try& lost, const end_report& found) = 0;
  virtual std::unique_ptr<transport> next() = 0;
  /// It is given up. True: begin_next() is not called any more.
  virtual bool stop_waiting() { return false; }
  /// What the failure of the last one is to the owner.
  virtual failure why_it_ends(failed_try lost) { return std::move(lost.why); }
  bool is_given_up() const noexcept { return is_given_up_; }
  /// By the present one, or by the last one that has failed.
  phase reached() const noexcept { return phase_; }

  void begin_next() {
    if (is_given_up_) return report_end();
    contain([this] { open_next(); }, [this](const std::exception_ptr&) { fail(); });
  }

 private:
  // open -> closing -> waiting -> open: the inner one works, or has begun the command; it has
  // failed before that, and is given up; another one is to be opened. failed: none is, and the
  // owner knows.
  enum class stage : std::uint8_t { open, closing, waiting, failed };

  void on_phase(phase entered) final {
    phase_ = entered;
    forwarding_transport::on_phase(entered);
  }

  // Without memory for it nothing follows.
  void on_failed(failure why) final {
    if (phase_ == phase::run) return forwarding_transport::on_failed(std::move(why));
    contain([this] { last_ = std::make_unique<end_of_one>(); }, [](const std::exception_ptr&) {});
    if (!last_) return forwarding_transport::on_failed(std::move(why));
    stage_ = stage::closing;
    last_->lost.where = phase_;
    last_->lost.why = std::move(why);
    inner().close();
  }

  void on_closed(end_report found) final {
    if (stage_ != stage::closing) return forwarding_transport::on_closed(std::move(found));
    last_->found = std::move(found);
    if (is_given_up_) return report_end();
    stage_ = stage::waiting;
    bool follows = false;
    contain([&] { follows = is_followed(last_->lost, last_->found); },
            [](const std::exception_ptr&) {});
    if (!follows) fail();
  }

  void open_next() {
    std::unique_ptr<transport> made = next();
    if (!made->tells_before_start()) owner().on_may_begin();
    if (is_given_up_) return report_end();
    for (stream which : {stream::out, stream::err})
      made->pause(which, paused_[static_cast<std::size_t>(which)]);
    replace_inner(std::move(made));
    stage_ = stage::open;
    phase_ = phase::resolve;
    open_inner(*what_);
    last_.reset();
  }

  void fail() {
    stage_ = stage::failed;
    owner().on_failed(why_it_ends(last_->lost));
  }

  void report_end() { owner().on_closed(complete(std::move(last_->found))); }

  class end_of_one {
   public:
    failed_try lost;
    end_report found;
  };

  const command* what_ = nullptr;
  std::array<bool, 2> paused_{};
  std::unique_ptr<end_of_one> last_;  // from closing on
  phase phase_ = phase::resolve;
  stage stage_ = stage::open;
  bool is_given_up_ = false;
};

}  // namespace execo::detail
