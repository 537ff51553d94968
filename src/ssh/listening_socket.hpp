// A socket that listens for the connections of a forward, on a port or on a path.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "execo/forward_endpoint.hpp"

namespace execo::detail {

/// Throws: std::invalid_argument if it is no path, nor a port of a literal address, `localhost` or
/// `*`, or if the path is too long for a socket.
void check_listening(const forward_endpoint& at);

/// It does not block. Its path goes with it.
class listening_socket {
 public:
  listening_socket() noexcept = default;
  /// Throws: std::system_error.
  explicit listening_socket(const forward_endpoint& at);
  listening_socket(const listening_socket&) = delete;
  listening_socket& operator=(listening_socket&& other) noexcept;
  ~listening_socket() { close(); }

  int fd() const noexcept { return fd_.get(); }
  bool is_path() const noexcept { return !path_.empty(); }
  /// 0: it is a path.
  int port() const noexcept { return port_; }
  void close() noexcept;

 private:
  void bind_path(const std::string& path);
  void bind_port(const forward_endpoint& at);

  unique_fd fd_;
  std::string path_;
  dev_t device_ = 0;  // of the path, to know it again
  ino_t inode_ = 0;
  int port_ = 0;
};

}  // namespace execo::detail
