// An ssh agent, asked from the loop: questions wait for one of a few connections, and nothing waits
// for the agent but who asked.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/fd.hpp"
#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/delegate.hpp"
#include "execo/detail/node.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class agent_connection;

/// A message to an agent, and what became of it. Destroyed, it is withdrawn.
class agent_question : private list_node {
 public:
  /// `answered` only takes note: it may be called while another question is being asked.
  explicit agent_question(delegate<> answered) noexcept : answered_(answered) {}
  agent_question(const agent_question&) = delete;
  agent_question& operator=(const agent_question&) = delete;
  ~agent_question() { withdraw(); }

  bool pending() const noexcept { return linked() || connection_ != nullptr; }
  void withdraw() noexcept;
  /// The message that came, without its length; empty: `problem` says why there is none, unless
  /// there was no memory to say so.
  std::string answer;
  std::string problem;

 private:
  friend class agent_client;
  friend class agent_connection;
  void end(std::string message, std::string why) noexcept;

  delegate<> answered_;
  std::string message_;
  clock::duration limit_{};
  clock::time_point asked_at_{};
  unsigned refusals_ = 0;
  agent_connection* connection_ = nullptr;  // that has it
};

class agent_client {
 public:
  agent_client(loop& on, std::string path);
  agent_client(const agent_client&) = delete;
  agent_client& operator=(const agent_client&) = delete;
  ~agent_client();

  const std::string& path() const noexcept { return path_; }
  /// It may be asked so many questions at the same time, or more if it was allowed before.
  void allow(unsigned questions) noexcept;
  /// Sends a message with its length in front, when its turn has come. `limit`: for the answer,
  /// from when it was sent. Pre: `from` is not pending.
  void ask(agent_question& from, std::string message, clock::duration limit);

 private:
  friend class agent_connection;

  void serve() noexcept;
  bool connect_for(agent_question& first);
  bool postpone(agent_question& first, const std::string& why);
  void refused(agent_question& by, int error);
  agent_question* next() noexcept;
  void closed(agent_connection& gone) noexcept;

  loop& loop_;
  const std::string path_;
  list_node waiting_;
  deadline_timer retry_;
  unsigned allowed_ = 1;
  unsigned limit_ = 1;        // fewer, once it has refused some
  unsigned connections_ = 0;  // they end before it, as members of the loop
};

/// The agents of a loop, by path.
class agent_clients final : public loop_service {
 public:
  explicit agent_clients(loop& on) noexcept : loop_(on) {}
  agent_client& at(const std::string& path);

 private:
  loop& loop_;
  std::unordered_map<std::string, std::unique_ptr<agent_client>> known_;
};

}  // namespace execo::detail
