// A line from a terminal that does not show it.
#pragma once

#include <atomic>
#include <optional>
#include <string_view>

#include "execo/secret.hpp"
#include "interrupts.hpp"

namespace execo::cli {

/// What ends all questions: an interrupt, or the end of the run that they are for.
class end_of_questions {
 public:
  explicit end_of_questions(const stop_flag& stop) noexcept : stop_(stop) {}
  /// From any thread.
  void come() noexcept { has_come_.store(true); }
  bool has_come() const noexcept { return has_come_.load() || stop_.raised(); }

 private:
  const stop_flag& stop_;
  std::atomic<bool> has_come_{false};
};

/// Whatever signal ends or stops the program meanwhile, the terminal is as before. Stopped and
/// continued, it asks again. nullopt: an end of file, the end of questions, or no terminal any
/// more. Pre: one call at a time.
std::optional<secret> read_hidden_line(int terminal, std::string_view prompt,
                                       const end_of_questions& end);

/// A line that comes on a descriptor, without its end; the last one may have none. nullopt: there
/// is no line, or the end of questions has come. Throws: std::invalid_argument if it is too long.
std::optional<secret> read_line(int fd, const end_of_questions* end);

}  // namespace execo::cli
