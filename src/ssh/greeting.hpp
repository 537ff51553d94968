// What a server says before its ssh identification (RFC 4253, 4.2): "Exceeded MaxStartups", or
// HTTP. Read here, because libssh 0.10 drops it, and gives up on lines longer than 255 bytes.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <system_error>

namespace execo::detail {

class greeting {
 public:
  enum class progress {
    waiting,
    identified,  ///< the identification comes next, or what may be its first bytes
    ended,       ///< the server closed the connection
    failed,      ///< see why()
    too_long,
  };

  /// Takes what has come, up to the identification, without waiting.
  progress read(int socket);
  std::error_code why() const noexcept { return why_; }
  /// The beginning of it, as it came.
  const std::string& said() const noexcept { return said_; }

 private:
  std::size_t text_before_identification(std::string_view bytes);
  void note(std::string_view text);

  std::string said_;
  std::size_t total_ = 0;
  std::size_t line_ = 0;  // bytes of the line that has begun
  std::error_code why_;
};

/// What a server says that takes no more connections for now: sshd's own words, where it can send
/// them, and those of its PerSourcePenalties.
bool says_too_busy(std::string_view said) noexcept;
/// The words of an `ssh` that was turned away: those of the server, or its own.
bool tells_of_turning_away(std::string_view words) noexcept;

}  // namespace execo::detail
