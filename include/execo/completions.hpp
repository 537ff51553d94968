/// completions: the outcomes that the body of as_completed takes.
#pragma once

#include <cstddef>
#include <exception>
#include <list>
#include <optional>
#include <utility>

#include "execo/detail/operation.hpp"
#include "execo/outcome.hpp"

namespace execo {

/// Which operation ended, by its position in the range, and how.
template <class T>
class completion {
 public:
  completion(std::size_t i, execo::outcome<T> end) : index(i), outcome(std::move(end)) {}
  std::size_t index;
  execo::outcome<T> outcome;
};

namespace detail {

/// What a body of as_completed waits for. Lives on the loop of the operations.
class completion_waiter : public operation, public list_node {
 protected:
  explicit completion_waiter(loop& affinity) noexcept : operation(&affinity) {}
  completion_waiter(completion_waiter&& other) noexcept : operation(std::move(other)) {}

  void on_stop() noexcept final {
    if (!linked()) return stop_missed();
    unlink();
    stopped_ = true;
    complete();
  }
  bool stopped_ = false;
};

}  // namespace detail

/// The operations of an as_completed, as its body sees them.
template <class T>
class completions {
 public:
  class next_op;

  completions(const completions&) = delete;
  completions& operator=(const completions&) = delete;

  /// The next outcome; nullopt after the last one.
  ///
  /// Stop: the wait ends; no outcome is lost.
  /// Resumes: on the awaiting coroutine's own loop.
  /// Throws: operation_cancelled after a stop; what the source of the operations threw, instead of
  /// the outcomes that would have followed.
  next_op next();

 protected:
  completions() = default;
  ~completions() = default;

  virtual detail::loop& where() const noexcept = 0;
  /// An outcome was taken: another operation may start.
  virtual void on_taken() noexcept = 0;

  /// Reserves room for one more outcome, so that add() does not allocate.
  void make_room(std::size_t running) {
    while (spare_.size() <= running) spare_.emplace_back();
  }
  void add(std::size_t index, outcome<T> ended) noexcept {
    if (waiters_.linked()) {
      auto& first = static_cast<next_op&>(*waiters_.next());
      first.unlink();
      first.give(completion<T>(index, std::move(ended)));
      on_taken();
      return;
    }
    spare_.front().emplace(index, std::move(ended));
    ready_.splice(ready_.end(), spare_, spare_.begin());
  }
  /// No further outcome comes.
  void finish(std::exception_ptr failed) noexcept {
    finished_ = true;
    failed_ = std::move(failed);
    while (waiters_.linked()) {
      auto& first = static_cast<next_op&>(*waiters_.next());
      first.unlink();
      first.give_up();
    }
  }

 private:
  std::list<std::optional<completion<T>>> ready_;
  std::list<std::optional<completion<T>>> spare_;
  detail::list_node waiters_;
  std::exception_ptr failed_;
  bool finished_ = false;
};

template <class T>
class [[nodiscard]] completions<T>::next_op final : public detail::completion_waiter {
 public:
  explicit next_op(completions& from) noexcept : completion_waiter(from.where()), from_(from) {}
  /// Pre: not awaited yet.
  next_op(next_op&& other) noexcept : completion_waiter(std::move(other)), from_(other.from_) {}

  std::optional<completion<T>> await_resume() {
    if (stopped_) throw operation_cancelled();
    if (failed_) std::rethrow_exception(failed_);
    return std::move(taken_);
  }

 private:
  friend class completions;
  bool cancelled() const noexcept override { return stopped_; }
  void on_start(bool stopped) noexcept override {
    if (stopped) {
      stopped_ = true;
      complete();
    } else if (!from_.ready_.empty()) {
      taken_ = std::exchange(from_.ready_.front(), std::nullopt);
      from_.spare_.splice(from_.spare_.end(), from_.ready_, from_.ready_.begin());
      from_.on_taken();
      complete();
    } else if (from_.finished_) {
      give_up();
    } else {
      link_before(from_.waiters_);
    }
  }
  void give(completion<T> ended) noexcept {
    taken_.emplace(std::move(ended));
    complete();
  }
  void give_up() noexcept {
    failed_ = std::exchange(from_.failed_, nullptr);
    complete();
  }

  completions& from_;
  std::optional<completion<T>> taken_;
  std::exception_ptr failed_;
};

template <class T>
typename completions<T>::next_op completions<T>::next() {
  return next_op(*this);
}

}  // namespace execo
