// The fields of ssh messages and keys (RFC 4251, 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace execo::detail {

inline void append_number(std::string& to, std::size_t value) {
  for (unsigned shift : {24U, 16U, 8U, 0U}) to += static_cast<char>(value >> shift & 0xffU);
}

inline void append_field(std::string& to, std::string_view bytes) {
  append_number(to, bytes.size());
  to += bytes;
}

/// Never reads beyond the end of its message.
class ssh_reader {
 public:
  explicit ssh_reader(std::string_view message) noexcept : rest_(message) {}

  /// Each of them reads zeros or nothing from the first field on that is not there.
  std::uint8_t byte() noexcept {
    std::string_view taken = take(1);
    return taken.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(taken[0]);
  }
  std::uint32_t number() noexcept {
    std::uint32_t value = 0;
    for (char c : take(4)) value = value << 8U | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string_view text() noexcept { return take(number()); }

  /// A field was not there, or longer than the rest.
  bool failed() const noexcept { return failed_; }
  std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view take(std::size_t size) noexcept {
    failed_ = failed_ || size > rest_.size();
    if (failed_) return {};
    std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace execo::detail
