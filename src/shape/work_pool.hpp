// What a node of a tree, the root too, does with hosts that are to be started: which it starts by
// itself, which it gives to children that ask for some (thieves), when it asks its parent, and when
// it takes hosts back from a child that is slow. Pure: events go in, decisions come out, and times
// are the caller's.
//
// A host that is given away stays on the books until its end is told. What a lost child had comes
// back as doubtful: it may have been begun. What a child hands back, because it was asked to, it
// has not begun, and it is as fresh as before.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "shape/bound_hosts.hpp"
#include "shape/connect_window.hpp"
#include "shape/given_hosts.hpp"
#include "shape/host_queue.hpp"

namespace execo::detail {

struct pool_rules {
  /// Children of a node. Exceeded only if every child is full: hosts are never left over.
  std::uint32_t arity = 64;
  /// Levels below the root. A node that deep has no children; 1 is flat.
  std::uint32_t max_depth = 0xffffffff;
  std::uint32_t depth = 0;  ///< of this node; 0 is the root
  std::uint32_t zone = 0;   ///< of this node; 0: that of the first hosts that it receives
  host_index self = anybody;
  unsigned window = connect_window::first_limit;
};

/// Names a child from its start until it is lost. Numbers are used again.
using child_slot = std::uint32_t;

/// What a child is able to do.
enum class child_role : std::uint8_t { inner, leaf };

enum class host_fate : std::uint8_t { up, failed };

enum class connect_failure : std::uint8_t {
  unreachable,  ///< the host's own fault: refused, timed out, not allowed in
  turned_away   ///< ours: reset before the login, no descriptors or processes left here
};

/// What is to be done now. The caller keeps one and empties it after each event.
class pool_decisions {
 public:
  struct to_child {
    child_slot child;
    std::uint32_t first, count;  ///< of the spans
  };
  enum class to_parent : std::uint8_t { nothing, ask, full };

  void clear() noexcept;
  std::span<const host_span> of(const to_child& what) const noexcept {
    return std::span(spans).subspan(what.first, what.count);
  }

  host_spans start;                 ///< connect to these
  std::vector<to_child> give;       ///< WORK
  std::vector<to_child> take_back;  ///< REVOKE
  host_spans spans;                 ///< of both
  to_parent parent = to_parent::nothing;
  std::uint32_t credit = 0;  ///< hosts to ask the parent for; a full node asks for none
};

class work_pool {
 public:
  static constexpr std::uint32_t max_credit = 1 << 16;

  explicit work_pool(const pool_rules& rules) noexcept;

  /// This node has a parent that hears it: it asks for hosts. Called once, and not for a root.
  void joined(pool_decisions& out) { settle(out); }
  /// Hosts to start, from whoever owns this node. Pre: it does not have them yet; a leader comes
  /// before those that are bound to it.
  void add(std::span<const host_span> hosts, pool_decisions& out);
  void add(const host_span& hosts, pool_decisions& out) { add(std::span(&hosts, 1), out); }
  /// Hosts from the parent. False if they are more than were asked for: the parent is not to be
  /// trusted.
  [[nodiscard]] bool receive(std::span<const host_span> hosts, pool_decisions& out);

  /// A host that was started here is up, after `took`. Gives the child that it is now.
  /// Pre: it is being started here.
  child_slot host_up(host_index host, connect_window::duration took, child_role role,
                     pool_decisions& out);
  /// Pre: it is being started here.
  void host_failed(host_index host, connect_failure why, pool_decisions& out);
  /// A child tells that a host ended, up or failed. False if it does not have that host.
  [[nodiscard]] bool host_ended(child_slot child, host_index host, host_fate fate,
                                pool_decisions& out);
  /// A child asks for up to `credit` hosts; none: it is full.
  void child_asks(child_slot child, std::uint32_t credit, pool_decisions& out);
  void child_lost(child_slot child, pool_decisions& out);

  /// The parent wants these back: appends those that nobody has begun to `back`.
  void revoke(std::span<const host_span> wanted, host_spans& back);
  /// The child's answer. False if it hands back what it does not have, or was not asked for.
  [[nodiscard]] bool child_returns(child_slot child, std::span<const host_span> hosts,
                                   pool_decisions& out);

  /// Looks for children that are slow. Call it now and then while needs_time().
  void tick(std::chrono::microseconds now, pool_decisions& out);
  bool needs_time() const noexcept { return queue_.empty() && given_.size() > in_flight(); }

  void set_arity(std::uint32_t arity, pool_decisions& out);
  /// This node's processors have more to do than they can.
  void overloaded() noexcept { window_.overloaded(); }

  std::uint64_t queued() const noexcept { return queue_.size() + own_.size() + bound_.waiting(); }
  /// Of them, those that children may be given.
  std::uint64_t shared() const noexcept { return queue_.size() + bound_.waiting(); }
  std::size_t given() const noexcept { return given_.size(); }
  unsigned in_flight() const noexcept { return window_.in_flight(); }
  std::uint32_t children() const noexcept { return live_; }
  const connect_window& window() const noexcept { return window_; }
  bool idle() const noexcept { return queued() == 0 && given_.empty(); }
  std::size_t bytes() const noexcept;

 private:
  enum class appetite : std::uint8_t {
    none,     // no child
    unknown,  // up, and has not asked yet
    waiting,  // a thief that has asked
    served,   // has been given something, and has not asked since
    full      // will not ask
  };
  enum class revocation : std::uint8_t { none, asked };
  enum class request : std::uint8_t { none, asked, full };

  struct child_state {
    appetite wants = appetite::none;
    revocation back = revocation::none;
    std::uint32_t zone = 0;
    std::uint32_t credit = 0;
    std::uint32_t batch = 2;
    std::uint32_t taken_back = 0;      // how many it was asked for
    child_slot before = 0, after = 0;  // among those that wait, or among unused slots
    std::chrono::microseconds progress{};
  };

  child_state& child(child_slot slot) noexcept;
  child_slot new_child();
  void set_appetite(child_slot slot, appetite wants) noexcept;
  void enqueue(child_slot slot) noexcept;
  void dequeue(child_slot slot) noexcept;

  bool all_full() const noexcept { return live_ >= rules_.arity && may_ask_ == 0; }
  bool is_root() const noexcept { return rules_.depth == 0; }
  std::uint32_t room_below_arity() const noexcept;
  std::uint32_t room_to_start() const noexcept;
  std::uint32_t wanted() const noexcept;

  void take_in(const host_span& hosts, pool_decisions& out);
  void leader_ended(host_index host, child_slot by, pool_decisions& out);
  void leader_gone(host_index host);
  void give(child_slot slot, const host_spans& hosts, pool_decisions& out);

  void settle(pool_decisions& out);
  void begin(const host_span& last);
  void start_here(pool_decisions& out);
  void serve_thieves(pool_decisions& out);
  void serve(child_slot slot, pool_decisions& out);
  void ask_parent(pool_decisions& out) noexcept;
  bool is_slow(child_slot slot) const noexcept;
  void take_back_from(child_slot slot, pool_decisions& out);

  pool_rules rules_;
  connect_window window_;
  host_queue queue_;
  host_queue own_;  // bound to this node
  bound_hosts bound_;
  given_hosts given_;                  // slot 0: to this node itself
  std::vector<child_state> children_;  // slot 0: ends of the list of those that wait
  host_spans taken_, marked_;          // by the decision that is being made
  child_slot unused_ = 0;
  std::uint32_t live_ = 0;     // children
  std::uint32_t may_ask_ = 0;  // of them, those that are not full
  std::uint32_t thieves_ = 0;  // of those, the ones that have asked so far
  std::uint32_t waiting_credit_ = 0;
  std::uint32_t asked_ = 0;  // hosts that the parent was asked for
  request request_ = request::none;
  std::chrono::microseconds now_{};
};

}  // namespace execo::detail
