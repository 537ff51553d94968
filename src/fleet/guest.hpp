// The command after `--`: the fleet serves it while it runs, and ends with it.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fleet/reactor.hpp"

namespace execo::fleet {

class guest {
 public:
  /// Starts it, found in PATH, with this process's standard streams, EXECO_FLEET_PORT in its
  /// environment, default signals and `files` as its limit of descriptors. It gets TERM if this
  /// process dies. The reactor stops when it has ended.
  /// Throws: std::system_error.
  guest(reactor& r, const std::vector<std::string>& words, std::uint16_t port, const rlimit& files);
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;
  /// Kills it, if it still runs.
  ~guest();

  /// A signal asks the fleet to end. The first one is passed to the command, unless it is an
  /// interrupt from the terminal, which it has already; then it has ten seconds. False: end at
  /// once.
  bool handles(int signal, bool from_terminal) noexcept;

  /// Its exit code, or 128 and the signal that ended it. Ends it first if it still runs.
  int exit_status() noexcept;

 private:
  void on_ended(std::uint32_t events);
  void on_overdue();
  void reap() noexcept;

  reactor& reactor_;
  pid_t pid_ = -1;  // -1: reaped
  int status_ = 0;
  bool signalled_ = false;
  unique_fd pidfd_;
  watch ended_;
  deadline_timer overdue_;
};

}  // namespace execo::fleet
