#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "execo/detail/text_of.hpp"

namespace execo {

/// One host as a user writes it: `name`, `user@name`, `name:port`, `user@name:port`, an IPv4 or
/// IPv6 literal, or `[v6]:port`. A value: copies are independent.
class host {
 public:
  host() noexcept;
  host(const host& other);
  host(host&& other) noexcept;
  host& operator=(const host& other);
  host& operator=(host&& other) noexcept;
  ~host();

  /// Reads the text. A name with two or more colons is an IPv6 literal, without a port.
  ///
  /// Throws: std::invalid_argument for an empty name or user, a name with blanks or control
  /// characters, a user with control characters, or a port outside 1-65535.
  host(std::string_view text);
  host(const char* text);
  host(const std::string& text);

  /// The name without user, port and brackets, used to resolve the host and to label its output.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The user to log in as; empty means the default.
  [[nodiscard]] const std::string& user() const noexcept;
  /// The port to connect to; 0 means the default.
  [[nodiscard]] int port() const noexcept;

  /// Text that reads back as an equal host.
  [[nodiscard]] std::string to_string() const;

  bool operator==(const host& other) const noexcept;
  /// Orders by name, then user, then port.
  std::strong_ordering operator<=>(const host& other) const noexcept;

 private:
  // Of tens of thousands of hosts few have a user or a port: these two are stored
  // separately.
  struct login;
  void parse(std::string_view text);

  std::string name_;
  std::unique_ptr<login> login_;
};

static_assert(!std::is_aggregate_v<host>);

}  // namespace execo

template <>
struct std::hash<execo::host> {
  std::size_t operator()(const execo::host& h) const noexcept;
};
