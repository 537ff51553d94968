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

/// The path of a unix socket, to be removed by who has made it. Another one may have taken it
/// since.
class socket_path {
 public:
  socket_path() noexcept = default;
  /// Of the socket that is there now. Throws: std::system_error if there is none.
  explicit socket_path(std::string path);

  bool empty() const noexcept { return path_.empty(); }
  /// If it is the same one still. Empty from then on.
  void remove() noexcept;

 private:
  std::string path_;
  dev_t device_ = 0;  // to know it again
  ino_t inode_ = 0;
};

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
  socket_path path_;
  int port_ = 0;
};

}  // namespace execo::detail
