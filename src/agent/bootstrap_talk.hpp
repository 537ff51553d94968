// Stage 1 of a child's start, spoken over its descriptor: see wire/bootstrap.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/reactor.hpp"
#include "wire/bootstrap.hpp"

namespace execo::agent {

/// An agent's program, as the root has sent it.
class agent_program {
 public:
  std::size_t size = 0;
  std::array<char, 32> sha256{};
  std::string bytes;  // whole once there are as many as its size

  bool is_whole() const noexcept { return size > 0 && bytes.size() == size; }
};

class bootstrap_owner {
 public:
  /// The agent speaks from here on. `rest`: what it has said already.
  virtual void on_agent_started(std::string_view rest) = 0;
  virtual void on_no_agent(const std::string& why) = 0;
  /// Null if there is none, or not yet all of it. It must stay until the talk is over.
  virtual const agent_program* program_for(detail::machine arch) = 0;

 protected:
  ~bootstrap_owner() = default;
};

class bootstrap_talk {
 public:
  /// Sends the opening line of stage 1. `folder`: an unguessable name for a directory on the host.
  /// Pre: `fd` is a non-blocking socket to which nothing was written yet. It stays open until
  /// on_agent_started() or on_no_agent() is called.
  bootstrap_talk(reactor& on, bootstrap_owner& owner, int fd, std::string_view nonce,
                 std::string_view folder);
  bootstrap_talk(const bootstrap_talk&) = delete;
  bootstrap_talk& operator=(const bootstrap_talk&) = delete;
  ~bootstrap_talk();

  /// Reads what has come.
  void drain();
  /// Reads and writes nothing more.
  void cut() noexcept { loop_.forget(seen_); }

 private:
  void on_ready(std::uint32_t events);
  void read();
  void answer();
  void write();
  void fail(const std::string& why);

  reactor& loop_;
  bootstrap_owner& owner_;
  int fd_;
  watch seen_;
  detail::stage1_reader reader_;
  std::string header_;
  const agent_program* program_ = nullptr;
  std::size_t sent_ = 0;  // of the header and the program
};

}  // namespace execo::agent
