// The action of one run, as its options want it: a command on hosts or a copy, perhaps in batches.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "execo/context.hpp"
#include "execo/remote.hpp"
#include "execo/rollout.hpp"
#include "execo/time.hpp"
#include "execo/transfer.hpp"
#include "execo/tree_network.hpp"
#include "run_options.hpp"

namespace execo::cli {

/// TERM, this grace period, KILL, one more second for the peer: an interrupt ends within 2 s, and
/// later only for hosts that answer and are slow.
constexpr auto grace_after_term = std::chrono::milliseconds(500);

class run_work {
 public:
  /// Who hears of it while it runs.
  class audience {
   public:
    audience() = default;
    std::function<void(const output_line&)> line;  // null: output is kept for the results
    std::function<void(std::string_view)> notice;
  };

  /// Takes the hosts and the connection options out of `options`, which it refers to.
  /// Throws: std::invalid_argument, usage_error, journal_error.
  run_work(run_options& options, context& on, audience to);
  run_work(const run_work&) = delete;
  run_work& operator=(const run_work&) = delete;

  execo::action& action() noexcept { return *action_; }
  /// Of a copy; of one in a rollout only the hosts are counted.
  copy_progress copied() const;
  /// How many hosts at a time, from now on. Pre: > 0.
  void set_fanout(std::size_t at_a_time);
  /// The tree that is asked about when the action has ended; null: none is.
  const tree_network* net() const noexcept { return net_ ? &*net_ : nullptr; }
  /// Why none was taken where that was left open; empty: it was not, or one was taken.
  const std::string& why_no_tree() const noexcept { return why_no_tree_; }
  /// Null: it has no batches.
  const execo::rollout* rollout() const noexcept { return rollout_ ? &*rollout_ : nullptr; }

 private:
  void choose_way();
  void make();
  remote made_command();
  put made_put();
  get made_get();
  command wanted_command();
  void set_streams(remote& to);
  void set_folders(remote& to);
  void set_ends(remote& of);
  template <class Copy>
  void set_copy(Copy copy);
  template <class Action>
  void set_hosts(Action& of);
  template <class Action>
  void set_way(Action& of);
  template <class Action>
  void keep(Action what);

  run_options& options_;
  context& context_;
  audience audience_;
  std::variant<std::monostate, remote, put, get> work_;
  std::optional<tree_network> net_;
  std::string why_no_tree_;
  std::optional<execo::rollout> rollout_;  // of what is not in `work_` then
  execo::action* action_ = nullptr;        // one of these
};

}  // namespace execo::cli
