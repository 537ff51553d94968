/// host_process: the command of one host of an action, as it runs.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "execo/detail/action_ops.hpp"
#include "execo/detail/process_ops.hpp"
#include "execo/stream.hpp"

namespace execo {

namespace detail {
class host_process_op;
}  // namespace detail

/// The streams of a command of an action: host_handle::process(). Its action ends it, not this
/// handle. Streams are as those of a process that was started.
class host_process {
 public:
  reader out() const;
  reader err() const;
  /// For an action with in(pipe()).
  writer in() const;

 private:
  friend class detail::host_process_op;
  explicit host_process(detail::process_ref state) noexcept : state_(std::move(state)) {}
  detail::process_ref state_;
};

namespace detail {

class host_run;
class fanout_action;

class [[nodiscard]] host_process_op final : public action_wait {
 public:
  host_process_op(action_ref state, std::size_t index) noexcept
      : action_wait(std::move(state)), index_(index) {}
  host_process_op(host_process_op&& other) noexcept
      : action_wait(std::move(other)), index_(other.index_) {}
  std::optional<host_process> await_resume();

 private:
  friend class fanout_action;

  //   stage     meaning                                  leaves by
  //   waiting   for the host's turn                      its start: asking; a stop, its end: done
  //   asking    the ring of the host                     its answer: done
  //   done      the coroutine resumes in a step of its own
  enum class stage : unsigned char { waiting, asking, done };
  enum class ending : unsigned char { good, cancelled, no_memory };

  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return end_ == ending::cancelled; }
  const char* what() const noexcept override { return "the start of a host's command"; }
  void deliver() noexcept override { finish(); }
  /// Pre: waiting; `run` is the host's.
  void ask(host_run& run) noexcept;
  void answer() noexcept;
  void finish() noexcept;
  void resume() noexcept { complete(); }

  std::size_t index_;
  queue_node step_;
  host_run* asked_ = nullptr;  // counted
  process_ref found_{nullptr};
  stage stage_ = stage::waiting;
  ending end_ = ending::good;
};

}  // namespace detail
}  // namespace execo
