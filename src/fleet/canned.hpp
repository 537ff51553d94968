// Answers without a process, for --exec canned.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace execo::fleet {

class canned_answer {
 public:
  explicit canned_answer(std::string text) : out(std::move(text)) {}

  std::string out;
  int code = 0;
  /// How long the command pretends to run.
  std::chrono::nanoseconds runs{0};
};

/// A pure function of the command's text and the host's address; docs/fleet.md lists the commands
/// it knows. Any other is answered with its own text.
canned_answer answer(std::string_view command, const std::string& address);

}  // namespace execo::fleet
