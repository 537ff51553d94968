// The way to a connected socket: resolve, then each address in turn. Driven by its session, which
// waits for events() on fd() and calls advance().
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "ssh/environment.hpp"
#include "ssh/failure.hpp"

namespace execo::detail {

class connector {
 public:
  enum class progress { waiting, connected, failed };

  /// `wake` is called when advance() should be, apart from readiness of fd().
  connector(ssh_environment& shared, const std::string& name, int port, callback<> wake);
  ~connector();

  /// Does what can be done now. `ready`: an event came for fd().
  progress advance(bool ready);

  bool resolved() const noexcept { return !question_.addresses.empty(); }
  int fd() const noexcept { return socket_.get(); }
  unsigned events() const noexcept;
  /// After `connected`. The socket counts as open in the environment until its owner says freed().
  unique_fd take() noexcept;
  /// After `failed`.
  failure why() const { return why_; }

 private:
  enum class step : std::uint8_t { resolving, choosing, starved, connecting, over };

  bool resolve();
  progress try_next();
  bool open_socket();
  progress check();
  void close_socket();
  progress fail(std::error_code code, std::string context);
  std::string target() const;

  ssh_environment& shared_;
  const std::string& name_;
  int port_;
  step step_ = step::resolving;
  bool asked_ = false;
  unsigned starved_turns_ = 0;
  std::size_t next_ = 0;
  unique_fd socket_;
  std::error_code last_error_;
  resolver::question question_;
  descriptor_queue::waiter starvation_;
  failure why_;
};

}  // namespace execo::detail
