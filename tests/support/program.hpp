// A program beside the test, run without the library under test: ssh, the fleet, the tool.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace execo::test {

/// How a program ended, and all it wrote.
class outcome {
 public:
  outcome() = default;

  int code = -1;   // the exit code, or -1
  int signal = 0;  // the signal that ended it, or 0
  bool too_late = false;
  std::string out, err;
};

class program {
 public:
  /// Starts it, with `variables` (NAME=VALUE) added to the environment.
  /// Throws: std::system_error.
  explicit program(const std::vector<std::string>& words,
                   const std::vector<std::string>& variables = {});
  /// The same on a terminal of its own, of a session that it leads. Both its outputs are out().
  static program on_terminal(const std::vector<std::string>& words,
                             const std::vector<std::string>& variables = {});
  /// Kills it if it runs.
  ~program();
  program(program&& other) noexcept;
  program& operator=(program&&) = delete;

  pid_t pid() const noexcept { return pid_; }
  bool running();
  /// Keys on its terminal: "\x03" is Ctrl-C.
  void type(std::string_view keys) noexcept;
  void kill(int signal) noexcept;

  /// Reads until its output holds `text`; false if it ended or the time is over before.
  bool out_has(std::string_view text, std::chrono::milliseconds within = std::chrono::seconds(30));
  const std::string& out() const noexcept { return outcome_.out; }

  /// Writes `input` to its stdin, closes that, reads on and waits for the end; kills it after
  /// `within`.
  outcome finish(std::string_view input = {},
                 std::chrono::milliseconds within = std::chrono::seconds(60));

 private:
  program() = default;
  bool turn(std::string_view& input, std::chrono::steady_clock::time_point deadline);
  void reap();

  pid_t pid_ = -1;
  detail::unique_fd in_, out_, err_;
  outcome outcome_;
};

/// Runs it to its end.
outcome run_program(const std::vector<std::string>& words, std::string_view input = {});

}  // namespace execo::test
