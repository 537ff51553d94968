// The commands of `Match exec` in ssh_config(5): each text is run once, eight at a time, beside the
// loop, and its answer is kept for all hosts of the context.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "execo/detail/delegate.hpp"
#include "loop/loop.hpp"
#include "ssh/caller.hpp"

namespace execo::detail {

/// Thrown where the answer of a command is needed that is not known yet.
class command_wanted {
 public:
  explicit command_wanted(std::string command) : text(std::move(command)) {}
  std::string text;
};

/// A host that waits for a command. On the loop of the host.
class match_ticket {
 public:
  match_ticket(loop& on, std::string command, delegate<> woken)
      : home(on), text(std::move(command)), wake(woken) {}
  loop& home;
  const std::string text;
  /// Called once: its answer is known, or it was withdrawn and nothing runs for it any more.
  delegate<> wake;
};

class match_commands final : public std::enable_shared_from_this<match_commands> {
 public:
  match_commands(loop& home, const ssh_caller& by);
  match_commands(const match_commands&) = delete;
  match_commands& operator=(const match_commands&) = delete;
  ~match_commands();

  /// Whether it has ended with 0, once that is known. Thread: any.
  std::optional<bool> find(const std::string& text) const;
  /// Runs it, unless it runs already. Thread: the ticket's.
  void ask(std::shared_ptr<match_ticket> ticket);
  /// A command that nothing waits for any more is ended. Thread: the ticket's.
  void withdraw(std::shared_ptr<match_ticket> ticket);

 private:
  class run;
  static constexpr std::size_t max_running = 8;

  void join(std::shared_ptr<match_ticket> ticket);
  void leave(const std::shared_ptr<match_ticket>& ticket);
  void start_some();
  void ended(run& which);
  static void notify(std::shared_ptr<match_ticket> ticket);

  loop& home_;
  const ssh_caller by_;
  mutable std::mutex mutex_;  // of known_
  std::unordered_map<std::string, bool> known_;
  // On the loop.
  std::map<std::string, std::unique_ptr<run>> runs_;
  std::deque<run*> waiting_;
  std::size_t running_ = 0;
};

}  // namespace execo::detail
