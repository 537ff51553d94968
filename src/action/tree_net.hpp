// A tree that stands between actions: its hosts, who waits for them, and hosts that are to come
// back.
//
//   state     meaning                              leaves by
//   planned   not used yet                         the first use: open; close: closed
//   open      it has a root                        close, or the end of its loop: closing
//   closing   its agents are ending                the last one has ended: closed
//   closed    it has no root any more              nothing
//
// It is on one loop from its first use on; what is said of threads concerns what comes before.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "action/tree_factory.hpp"
#include "base/intrusive_ptr.hpp"
#include "execo/connection.hpp"
#include "execo/tree_network.hpp"
#include "loop/loop.hpp"
#include "tree/tree_watcher.hpp"

namespace execo::detail {

class tree_net final : public ref_counted, private loop_member, private tree_watcher {
 public:
  using host_call = std::function<void(const tree_host&)>;
  /// In words.
  static constexpr const char* was_closed = "the tree was closed";

  tree_net(std::vector<host> hosts, const tree& shape, std::optional<ssh_options> options);

  // -- from any thread --------------------------------------------------------------------------
  /// Its loop, from now on. After its end: any.
  loop& place(loop* affinity);
  /// Pre of these: it is not placed; throws std::logic_error otherwise.
  void choose(loop& on);
  void set_on_lost(host_call call);
  void set_on_healed(host_call call);
  tree shape() const;
  /// Ignored once it is placed.
  void set_shape(const tree& shape);
  /// Without options of its own: the default ones until it is placed, then those of its context.
  const ssh_options& options() const noexcept;
  bool is_over() const noexcept { return over_.load(std::memory_order_acquire); }
  tree_status status() const;
  /// Nobody has a handle of it any more.
  void drop() noexcept;

  // -- on its loop ------------------------------------------------------------------------------
  /// How commands come to its hosts; begins it. Null: it is closing or closed.
  /// Throws: std::invalid_argument for options that cannot be used.
  tree_factory* open();
  void deploy(tree_deploy_op& waiter);
  void ping(tree_ping_op& waiter);
  /// It does not wait any more.
  void leave(tree_ping_op& waiter) noexcept;
  void close(tree_close_op& waiter) noexcept;
  void close() noexcept;
  /// Drops the files that no copy uses any more.
  void forget_files();

 private:
  enum class state : std::uint8_t { planned, open, closing, closed };

  // -- loop_member
  void shut_down() noexcept override { close(); }
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;
  // -- tree_watcher
  void host_up(std::uint32_t index) noexcept override;
  void host_failed(std::uint32_t index, const failure& why) noexcept override;
  void host_lost(std::uint32_t index, const failure& why) noexcept override;
  void tree_over(const tree_totals& cost) noexcept override;

  void check_unplaced() const;
  void begin();
  void take(const std::vector<host>& more, std::vector<std::uint32_t>& as);
  void note(std::uint32_t index, const failure& why);
  tree_host shown(std::uint32_t index) const;
  void heal_later(std::uint32_t index);
  void heal();
  void look_soon() noexcept;
  void look_at_waiters();
  bool is_settled(tree_deploy_op& waiter) const noexcept;
  void finish(tree_deploy_op& waiter) noexcept;
  void ask_agents() noexcept;
  void agents_answered();
  tree_answers answers() const;
  void publish() noexcept;
  void take_stock();
  void be_over() noexcept;

  // Set before it is placed, the defaults as it is.
  tree shape_;
  const std::optional<ssh_options> options_;
  ssh_options defaults_;
  host_call on_lost_;
  host_call on_healed_;
  loop* chosen_ = nullptr;

  std::atomic<loop*> home_{nullptr};
  std::atomic<bool> over_{false};
  mutable std::mutex mutex_;  // of status_, of shape_, and of becoming placed
  tree_status status_;

  state state_ = state::planned;
  std::shared_ptr<tree_factory> factory_;
  std::vector<host> given_;                              // until it begins
  std::vector<std::uint32_t> indices_;                   // of its hosts, as they were given
  std::unordered_map<std::uint32_t, failure> failures_;  // of those that are not up
  std::unordered_set<std::uint32_t> lost_;               // that were up once
  std::vector<std::uint32_t> to_heal_;
  std::vector<clock::duration> up_after_;  // by index
  tree_stats stats_;                       // from close() on
  clock::time_point begun_{};
  clock::duration pause_{};
  deadline_timer heal_timer_;
  queue_node look_;
  bool look_queued_ = false;
  list_node deploying_;
  list_node pinging_;  // the first one's wave is under way
  list_node closing_;
  intrusive_ptr<tree_net> self_;  // while it is open or closing
};

/// What a handle owns.
inline intrusive_ptr<tree_net> net_of(const tree_net_ref& handle) {
  return intrusive_ptr<tree_net>(&*handle);
}

/// For actions by way of it.
std::shared_ptr<command_factory> make_net_factory(intrusive_ptr<tree_net> net);

}  // namespace execo::detail
