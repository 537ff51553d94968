/// pipeline: commands of which each one reads what the one before it writes.
#pragma once

#include <concepts>
#include <csignal>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "execo/context.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/process.hpp"
#include "execo/status.hpp"
#include "execo/task.hpp"

namespace execo {

/// How the commands of a pipeline ended, in their order; there is at least one.
class pipeline_result {
 public:
  /// Pre: not empty.
  explicit pipeline_result(std::vector<result> all) noexcept : all_(std::move(all)) {}

  const std::vector<result>& all() const noexcept { return all_; }
  /// Its standard output is that of the pipeline.
  const result& last() const noexcept { return all_.back(); }
  /// Each command is ok. One that ended by SIGPIPE is, unless it is the last: the one after it
  /// needed no more, as in `yes | head -1`.
  bool ok() const noexcept { return first_failed() == nullptr; }
  /// Null: none.
  const result* first_failed() const noexcept;
  /// "ok, 3 commands", or the first that failed: result::describe().
  std::string describe() const;
  /// Throws: process_error of the first that failed.
  const pipeline_result& check() const;

 private:
  std::vector<result> all_;
};

/// `process("a") | process("b") | process("c")`. Lazy, as a process is. Each command keeps its own
/// sinks, limits and handlers: set them before it is joined.
///
/// The commands run at the same time, joined by pipes of the kernel, see process::in(). If one
/// cannot be started, those beside it find their pipe closed. Handles of any kind can be joined: a
/// process, or an ssh_process, whose bytes pass through this process.
class [[nodiscard]] pipeline {
 public:
  /// Throws: as process::in(reader).
  pipeline(process first, process second);
  pipeline(const pipeline&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("a pipeline is moved, not copied: pass it with std::move");
  pipeline(pipeline&&) noexcept = default;
  pipeline& operator=(pipeline&&) noexcept = default;

  /// Joins one more at its end. Throws: as process::in(reader).
  pipeline& add(process next) &;

  /// The context on which all will run.
  pipeline& on(executor where) &;
  pipeline&& on(executor where) && { return std::move(on(where)); }

  /// Starts all of them now. Starting twice does nothing.
  /// Thread: any. Throws: as process::start().
  pipeline& start() &;
  pipeline start() && {
    start();
    return std::move(*this);
  }

  /// Starts what was not started and waits until all have ended. `co_await p` is the same.
  /// Stop: ends all of them at once, by their stop policies, and joins them.
  /// Resumes: on the awaiting coroutine's loop.
  /// Throws: never for the way a command ended.
  task<pipeline_result> run() &;
  task<pipeline_result> run() &&;
  auto operator co_await() & { return run().operator co_await(); }
  auto operator co_await() && { return std::move(*this).run().operator co_await(); }

  /// Waits for the end of all. Pre: started; throws std::logic_error otherwise.
  /// Stop: leaves them running; throws operation_cancelled.
  task<pipeline_result> wait() &;

  /// Ends all of them by their stop policies; sends a signal to all of them.
  /// Thread: any.
  void kill() noexcept;
  void kill(int signal) noexcept;

  std::size_t size() const noexcept { return members_.size(); }
  /// Throws: std::out_of_range.
  process& operator[](std::size_t i) & { return members_.at(i); }

 private:
  std::vector<process> members_;
};

template <class First, class Second>
requires std::derived_from<First, detail::process_handle> &&
    std::derived_from<Second, detail::process_handle>
        pipeline operator|(First&& first, Second&& second) {
  return pipeline(process(std::move(first)), process(std::move(second)));
}

template <class Next>
requires std::derived_from<Next, detail::process_handle> pipeline operator|(pipeline&& so_far,
                                                                            Next&& next) {
  so_far.add(process(std::move(next)));
  return std::move(so_far);
}

}  // namespace execo
