// What when_all, when_all_settled and as_completed over many operations share: it takes operations
// from a source, keeps at most so many open, and hands each one's outcome on.
#pragma once

#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "execo/detail/group.hpp"
#include "execo/detail/source.hpp"
#include "execo/outcome.hpp"

namespace execo::detail {

/// The limit itself: how many are open, and when to take more.
class limited_group : protected child_group {
 protected:
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  limited_group() noexcept;
  limited_group(limited_group&& other) noexcept : limited_group() { limit_ = other.limit_; }

  /// Pre: not awaited yet. Throws std::invalid_argument for none at all.
  void set_limit(std::size_t n);
  std::size_t limit() const noexcept { return limit_; }

  /// Takes the next operation and starts it. False: there was none left.
  virtual bool start_next() = 0;
  /// The source or the start of an operation threw: it is not asked again.
  virtual void on_source_failed(std::exception_ptr error) noexcept = 0;
  /// A stop came while the source may have had more: they are left alone.
  virtual void on_truncated() noexcept = 0;
  /// No operation is started any more.
  virtual void on_exhausted() noexcept {}

  /// Starts as many as fit.
  void open() noexcept;
  /// One fewer is open: from outside a child, or when one has just ended.
  void release_slot() noexcept;
  /// Takes no more operations, whatever is open. Pre: a stop was requested.
  void abandon() noexcept;

 private:
  void fill() noexcept;
  void schedule() noexcept;
  void run_fill() noexcept;

  std::size_t limit_ = no_limit;
  std::size_t open_ = 0;
  queue_node fill_;
  bool exhausted_ = false;
  bool filling_ = false;
  bool scheduled_ = false;
  bool abandoned_ = false;
};

/// The children, in slots that are used again.
template <class Source>
class source_group : protected limited_group {
 protected:
  using value = child_value_t<typename Source::op>;
  using maker = child_maker<typename Source::op>;
  using running_child = typename maker::type;

  explicit source_group(Source source) : source_(std::move(source)) {}
  source_group(source_group&& other) noexcept
      : limited_group(std::move(other)), source_(std::move(other.source_)) {}

  /// Room for one more outcome; the operation has that position in the source.
  virtual void on_start(std::size_t position) = 0;
  virtual void on_outcome(std::size_t position, outcome<value>&& end) noexcept = 0;

  void on_child_done(child_index index, bool) noexcept override {
    slot& ended = slots_[index];
    ended.next_free = first_free_;
    first_free_ = index;
    --running_;
    outcome<value> end = outcome_of(*ended.running);
    ended.running.reset();
    on_outcome(ended.position, std::move(end));
  }
  const Source& source() const noexcept { return source_; }
  std::size_t running() const noexcept { return running_; }

 private:
  struct slot {
    std::size_t position = 0;
    std::size_t next_free = no_limit;
    std::optional<running_child> running;
  };

  static outcome<value> outcome_of(running_child& ended) noexcept {
    if (ended.promise().error()) return outcome<value>(std::move(ended.promise().error()));
    try {
      if constexpr (std::is_void_v<await_result_t<typename Source::op>>) {
        return outcome<value>(value());
      } else {
        return outcome<value>(ended.promise().take());
      }
    } catch (...) {
      return outcome<value>(std::current_exception());
    }
  }

  bool start_next() final {
    auto op = source_.next();
    if (!op) return false;
    const std::size_t position = taken_++;
    on_start(position);
    if (first_free_ == no_limit) {
      slots_.emplace_back();
      first_free_ = slots_.size() - 1;
    }
    const std::size_t index = first_free_;
    slot& chosen = slots_[index];
    chosen.running.emplace(maker::make(std::move(*op)));
    first_free_ = chosen.next_free;
    chosen.position = position;
    // The child may end here and now, and the slots may move.
    ++running_;
    start_child(*chosen.running, static_cast<child_index>(index));
    return true;
  }

  Source source_;
  std::vector<slot> slots_;
  std::size_t first_free_ = no_limit;
  std::size_t taken_ = 0;
  std::size_t running_ = 0;
};

}  // namespace execo::detail
