/// channel<T>: a bounded queue between coroutines.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "execo/detail/channel_core.hpp"

namespace execo {
namespace detail {

template <class T, class Lock>
class channel_sender : public waiting_sender<T> {
 public:
  bool await_ready() noexcept { return may_go_on_at_once() && try_complete(nullptr); }
  bool await_resume() const {
    if (stopped_) throw operation_cancelled();
    return this->sent;
  }

 protected:
  explicit channel_sender(channel_core<T, Lock>& to) noexcept : to_(to) {}
  channel_sender(channel_sender&& other) noexcept
      : waiting_sender<T>(std::move(other)), to_(other.to_) {}

 private:
  bool cancelled() const noexcept override { return stopped_; }
  void on_start(bool stopped) noexcept override {
    stopped_ = stopped;
    if (stopped || try_complete(this)) this->complete();
  }
  void on_stop() noexcept override {
    if (!to_.leave(*this)) return this->stop_missed();
    stopped_ = true;
    this->complete();
  }
  bool try_complete(channel_waiter* waiter) noexcept {
    channel_waiter* served = nullptr;
    const channel_state s = to_.put(this->value(), served, waiter);
    channel_waiter::finish(served);
    // One that waits may be another thread's to finish by now.
    if (s == channel_state::wait) return false;
    this->sent = s == channel_state::done;
    return true;
  }

  channel_core<T, Lock>& to_;
  bool stopped_ = false;
};

/// Owns what it sends.
template <class T, class Lock>
class [[nodiscard]] channel_send_op final : public channel_sender<T, Lock> {
 public:
  channel_send_op(channel_core<T, Lock>& to, T value) noexcept
      : channel_sender<T, Lock>(to), value_(std::move(value)) {}
  /// Pre: not awaited yet.
  channel_send_op(channel_send_op&& other) noexcept
      : channel_sender<T, Lock>(std::move(other)), value_(std::move(other.value_)) {}

 private:
  T& value() noexcept override { return value_; }
  T value_;
};

/// Sends what the caller keeps until it is taken.
template <class T, class Lock>
class [[nodiscard]] channel_send_from_op final : public channel_sender<T, Lock> {
 public:
  channel_send_from_op(channel_core<T, Lock>& to, T& value) noexcept
      : channel_sender<T, Lock>(to), value_(value) {}
  /// Pre: not awaited yet.
  channel_send_from_op(channel_send_from_op&& other) noexcept
      : channel_sender<T, Lock>(std::move(other)), value_(other.value_) {}

 private:
  T& value() noexcept override { return value_; }
  T& value_;
};

template <class T, class Lock>
class [[nodiscard]] channel_receive_op final : public waiting_receiver<T> {
 public:
  explicit channel_receive_op(channel_core<T, Lock>& from) noexcept : from_(from) {}
  /// Pre: not awaited yet.
  channel_receive_op(channel_receive_op&& other) noexcept
      : waiting_receiver<T>(std::move(other)), from_(other.from_) {}

  bool await_ready() noexcept { return may_go_on_at_once() && try_complete(nullptr); }
  std::optional<T> await_resume() {
    if (stopped_) throw operation_cancelled();
    return std::move(this->taken);
  }

 private:
  bool cancelled() const noexcept override { return stopped_; }
  void on_start(bool stopped) noexcept override {
    stopped_ = stopped;
    if (stopped || try_complete(this)) this->complete();
  }
  void on_stop() noexcept override {
    if (!from_.leave(*this)) return this->stop_missed();
    stopped_ = true;
    this->complete();
  }
  bool try_complete(channel_waiter* waiter) noexcept {
    channel_waiter* served = nullptr;
    // Not this->taken: once it waits, that is for another thread to fill.
    std::optional<T> now;
    const channel_state s = from_.take(now, served, waiter);
    channel_waiter::finish(served);
    if (s == channel_state::wait) return false;
    if (now) this->taken.emplace(std::move(*now));
    return true;
  }

  channel_core<T, Lock>& from_;
  bool stopped_ = false;
};

}  // namespace detail

/// A queue of at most `capacity` elements. Who sends waits while it is full, who receives while it
/// is empty; both are served in the order in which they came, and none overtakes one that waits.
/// Capacity 0 is a rendezvous: an element goes from hand to hand.
///
/// channel<T> may be used from coroutines of any contexts and from any thread; local_channel<T> is
/// the same without a lock, for the coroutines of one context. No operation allocates.
///
/// Pre: `T` moves without throwing. There is no waiter when it is destroyed.
template <class T, class Lock>
class basic_channel {
  static_assert(std::is_nothrow_move_constructible_v<T>, "elements move without throwing");

 public:
  using send_op = detail::channel_send_op<T, Lock>;
  using send_from_op = detail::channel_send_from_op<T, Lock>;
  using receive_op = detail::channel_receive_op<T, Lock>;

  explicit basic_channel(std::size_t capacity) : core_(capacity) {}
  basic_channel(const basic_channel&) = delete;
  basic_channel& operator=(const basic_channel&) = delete;

  /// Puts a value in; waits for room. Gives true, or false if the channel is closed: then the value
  /// is dropped.
  ///
  /// Stop: leaves; the value is dropped with the operation, and is not in the channel.
  /// Resumes: on the awaiting coroutine's own loop.
  /// Throws: operation_cancelled after a stop.
  [[nodiscard]] send_op send(T value) { return send_op(core_, std::move(value)); }

  /// The same for a value that stays with the caller until the channel takes it: false and
  /// operation_cancelled leave it as it was.
  /// Pre: `value` lives until then.
  [[nodiscard]] send_from_op send_from(T& value) { return send_from_op(core_, value); }

  /// Takes the oldest element; waits for one. Nothing once the channel is closed and empty.
  ///
  /// Stop: leaves; no element is lost: one that was handed over already is given.
  /// Resumes: on the awaiting coroutine's own loop.
  /// Throws: operation_cancelled after a stop.
  [[nodiscard]] receive_op receive() { return receive_op(core_); }

  /// False, and `value` as it was, if that would have to wait or the channel is closed.
  bool try_send(T&& value) noexcept {
    detail::channel_waiter* served = nullptr;
    if (core_.put(value, served) != detail::channel_state::done) return false;
    detail::channel_waiter::finish(served);
    return true;
  }

  /// Nothing if that would have to wait, or never end.
  std::optional<T> try_receive() noexcept {
    std::optional<T> taken;
    detail::channel_waiter* served = nullptr;
    core_.take(taken, served);
    detail::channel_waiter::finish(served);
    return taken;
  }

  /// Ends the sending: sends that wait or come give false, receives give what is left, then
  /// nothing. Closing again does nothing.
  void close() noexcept {
    detail::channel_waiter* served = nullptr;
    core_.close(served);
    detail::channel_waiter::finish(served);
  }

  bool closed() const noexcept { return core_.closed(); }
  /// Elements that wait in it.
  std::size_t size() const noexcept { return core_.size(); }
  std::size_t capacity() const noexcept { return core_.capacity(); }

 private:
  detail::channel_core<T, Lock> core_;
};

template <class T>
using channel = basic_channel<T, std::mutex>;
template <class T>
using local_channel = basic_channel<T, detail::no_lock>;

}  // namespace execo
