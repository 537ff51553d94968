// Calls the handlers of one command and keeps what the first of them throws.
#pragma once

#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "execo/handler.hpp"
#include "io/line_splitter.hpp"
#include "process/lifecycle.hpp"

namespace execo::detail {

/// The handlers of a process or an action, called in the order in which they were given. One that
/// throws is not called again.
class handler_calls {
 public:
  explicit handler_calls(const std::vector<std::shared_ptr<handler>>& all)
      : handlers_(all.begin(), all.end()) {}

  bool empty() const noexcept { return handlers_.empty(); }
  bool wants_lines() const noexcept;
  /// Each returns what a handler threw during the call, if one did.
  std::exception_ptr start(const started_command& command) noexcept;
  std::exception_ptr line(const output_line& line) noexcept;
  std::exception_ptr end(const ended_command& command) noexcept;

 private:
  template <class Call>
  std::exception_ptr each(const Call& call) noexcept;

  std::vector<std::shared_ptr<handler>> handlers_;
};

/// Logs it: perhaps no coroutine awaits the command.
void log_handler_failure(const std::exception_ptr& error) noexcept;

/// Between the execution of a process and its handlers. The execution keeps it.
class handler_tap final : public output_tap {
 public:
  handler_tap(const command& what, execo::host where)
      : calls_(what.handlers), where_(std::move(where)), with_lines_(calls_.wants_lines()) {}

  /// What a handler threw first.
  /// Pre: the run has ended.
  const std::exception_ptr& problem() const noexcept { return problem_; }

 private:
  bool wants_output() const noexcept override { return with_lines_; }
  void on_running(execution& run) override;
  void on_output(execution& run, stream which, std::span<const char> bytes) override;
  void on_ending(execution& run) noexcept override;
  void notify_line(execution& run, stream from, std::string_view text, bool complete);
  void note(execution& run, std::exception_ptr error) noexcept;

  handler_calls calls_;
  execo::host where_;
  bool with_lines_;
  line_splitter out_;
  line_splitter err_;
  std::exception_ptr problem_;
};

}  // namespace execo::detail
