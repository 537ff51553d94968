// The way to a connected socket: resolve, then the addresses. Each has a quarter of a second for
// itself; then the next one is tried as well, and the first to answer is taken (RFC 8305). Driven
// by its session, which waits for events() on fd() and calls connect().
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "ssh/environment.hpp"
#include "ssh/failure.hpp"

namespace execo::detail {

class connector {
 public:
  enum class progress { waiting, done, failed };

  /// `wake` is called when resolve() or connect() should be, apart from readiness of fd().
  connector(ssh_environment& shared, const std::string& name, int port, delegate<> wake);
  ~connector();

  /// `done`: the addresses are known.
  progress resolve();
  /// Does what can be done now; `done`: take(). `ready`: an event came for fd().
  /// Pre: resolve() was done.
  progress connect(bool ready);

  int fd() const noexcept;
  unsigned events() const noexcept;
  /// After `done`. The socket counts as open in the environment until its owner says freed().
  unique_fd take();
  /// After `failed`.
  failure why() const { return why_; }

 private:
  enum class opened { connecting, connected, failed, starved };

  bool may_begin() const;
  opened begin_next();
  bool open_socket(unique_fd& socket);
  bool watch_several(int socket);
  void take_answers();
  void drop(std::size_t attempt);
  void drop_all();
  void postpone();
  progress fail(std::error_code code, std::string context);
  std::string target() const;

  ssh_environment& shared_;
  const std::string& name_;
  int port_;
  bool asked_ = false;
  unsigned starved_turns_ = 0;
  std::size_t next_ = 0;             // the address to begin with
  std::vector<unique_fd> attempts_;  // in flight, the oldest first
  unique_fd connected_;
  unique_fd several_;  // an epoll of all attempts, once there are two
  clock::time_point next_begins_{};
  std::error_code last_error_;
  resolver::question question_;
  descriptor_queue::waiter starvation_;
  deadline_timer stagger_;
  failure why_;
};

}  // namespace execo::detail
