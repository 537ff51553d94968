/// forward_endpoint: where a forwarded connection begins or ends, a TCP port or a unix socket.
#pragma once

#include <string>
#include <string_view>

namespace execo {

/// An end of a forward as a user writes it. A value.
class forward_endpoint {
 public:
  /// `127.0.0.1:8080`, `[::1]:8080`, `name:80`, `:8080` (127.0.0.1), `*:8080` (all addresses), or
  /// `/path/of/socket`.
  /// Throws: std::invalid_argument for anything else, and for a port outside 0-65535.
  forward_endpoint(std::string_view text);
  forward_endpoint(const char* text) : forward_endpoint(std::string_view(text)) {}
  forward_endpoint(const std::string& text) : forward_endpoint(std::string_view(text)) {}

  bool is_path() const noexcept { return !path_.empty(); }
  /// The path of a unix socket; empty: it is a port.
  const std::string& path() const noexcept { return path_; }
  /// Name or address, without brackets; `*`: all addresses.
  const std::string& host() const noexcept { return host_; }
  /// 0: a free one, where a forward listens.
  int port() const noexcept { return port_; }

  /// The same with another port. Pre: it is no path.
  forward_endpoint with_port(int port) const {
    forward_endpoint other = *this;
    other.port_ = port;
    return other;
  }
  /// Text that reads back as an equal one.
  std::string to_string() const;

  friend bool operator==(const forward_endpoint&, const forward_endpoint&) = default;

 private:
  std::string host_;
  std::string path_;
  int port_ = 0;
};

}  // namespace execo
