// Distinguishes the processes of a command from those of others on the same connection: the server
// gives all commands but one a variable with a value of its own.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace execo::detail {

class command_mark {
 public:
  /// There are no others.
  command_mark() = default;
  /// `value` is that of the variable.
  static command_mark of(std::string value) { return command_mark(kind::marked, std::move(value)); }
  /// The one that has no mark: those of the others begin with `nonce`.
  static command_mark none_of(std::string nonce) {
    return command_mark(kind::unmarked, std::move(nonce));
  }

  enum class kind : std::uint8_t { alone, marked, unmarked };
  kind what() const noexcept { return what_; }
  const std::string& text() const noexcept { return text_; }

 private:
  command_mark(kind what, std::string text) : what_(what), text_(std::move(text)) {}

  kind what_ = kind::alone;
  std::string text_;
};

}  // namespace execo::detail
