// The fleet's end of its keeper: a child process that starts the commands and outlives the fleet by
// a moment, so that even SIGKILL of the fleet leaves nothing running.
//
// Why a process and not a thread: the keeper is the subreaper of every descendant of a command, and
// spawning copies the descriptor table, which is tiny there and tens of thousands of entries here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "fleet/reactor.hpp"

namespace execo::fleet {

/// Is notified of the end of a process it spawned, on the reactor's thread.
class process_owner {
 public:
  virtual void process_ended(int wait_status) = 0;
  virtual void process_not_begun(int error) = 0;

 protected:
  ~process_owner() = default;
};

class spawn_request {
 public:
  spawn_request() = default;

  std::string command;
  bool shell = false;        // no command: a shell on its stdin
  bool on_terminal = false;  // in, out and err are the slave of a pseudo-terminal
  std::vector<std::string> environment;
  unique_fd in, out, err;
};

class keeper {
 public:
  /// Forks, so it is made before threads, libraries and memory are.
  /// Throws: std::system_error.
  keeper();
  /// Ends all commands and their descendants: TERM, KILL after half a second, all reaped.
  ~keeper();
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;

  /// `lost` is called if the keeper dies.
  void attach(reactor& r, delegate<> lost);

  /// Later calls exactly one of the owner's two functions, unless the process is forgotten first.
  std::uint64_t spawn(spawn_request request, process_owner& owner);
  /// Signals the process group of the command; does nothing if it has ended.
  void signal(std::uint64_t id, int number);
  /// The process keeps running, and its end is not reported.
  void forget(std::uint64_t id) noexcept { owners_.erase(id); }

 private:
  class message {
   public:
    std::string bytes;
    unique_fd fds[3];
  };

  void on_ready(std::uint32_t events);
  void receive();
  void post(message m);
  bool send(const message& m);
  void flush();

  unique_fd socket_;
  pid_t pid_ = -1;
  reactor* reactor_ = nullptr;
  watch watch_;
  delegate<> lost_;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, process_owner*> owners_;
  std::deque<message> unsent_;  // bounded by the descriptors its messages hold
};

}  // namespace execo::fleet
