// What the root keeps of commands that it is told of in sets of hosts: orders that are alike wait
// for the end of the turn, so that one frame is for all hosts of a link; of each run and link who
// waits for its hosts, and what those have printed alike, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tree/tree_seat.hpp"
#include "wire/index_ranges.hpp"
#include "wire/run_messages.hpp"

namespace execo::detail {

/// A run on hosts of one link, those that have not ended. What it is told is not believed: it says
/// false, or nothing, where the sender breaks the protocol.
class folded_run {
 public:
  folded_run() = default;
  /// Pre: no seat of that host is in it.
  void add(tree_seat& seat) { hosts_.emplace(seat.host_in_tree, waiting_host(seat)); }
  /// Nobody waits for that host any more. It may still be told of.
  void leave(std::uint32_t host) noexcept;
  bool is_over() const noexcept { return hosts_.empty(); }

  // Each calls `call(tree_seat&)` for those that somebody waits for. A call may leave any seat.

  template <class Call>
  bool start(const index_ranges& hosts, Call call) {
    return for_hosts(hosts, mark::started, call);
  }
  /// Of a single one: output that is not folded.
  template <class Call>
  bool stream(std::uint32_t host, Call call) {
    auto found = hosts_.find(host);
    if (found == hosts_.end()) return false;
    if (found->second.seat != nullptr) call(*found->second.seat);
    return true;
  }
  /// `call(tree_seat&, bytes)`.
  template <class Call>
  bool print(const folded_message& block, Call call) {
    std::optional<std::string_view> bytes = bytes_of(block);
    const mark what = block.stream == command_stream::errors ? mark::errors : mark::output;
    return bytes && for_hosts(block.hosts, what, [&](tree_seat& seat) { call(seat, *bytes); });
  }
  template <class Call>
  bool end(const index_ranges& hosts, Call call) {
    bool is_right = true;
    hosts.for_each([&](std::uint32_t index) {
      auto found = hosts_.find(index);
      is_right = is_right && found != hosts_.end();
      if (!is_right) return;
      tree_seat* seat = found->second.seat;
      hosts_.erase(found);
      if (seat != nullptr) call(*seat);
    });
    return is_right;
  }

 private:
  // What is told of a host once.
  enum class mark : std::uint8_t { started = 1, output = 2, errors = 4 };
  class waiting_host {
   public:
    explicit waiting_host(tree_seat& by) noexcept : seat(&by) {}
    /// False: it was told already.
    bool note(mark what) noexcept;
    tree_seat* seat;  // null: it has left
    std::uint8_t told = 0;
  };
  class digest_hash {
   public:
    std::size_t operator()(const bytes16& digest) const noexcept;
  };

  std::optional<std::string_view> bytes_of(const folded_message& block);
  template <class Call>
  bool for_hosts(const index_ranges& hosts, mark what, Call call) {
    bool is_right = true;
    hosts.for_each([&](std::uint32_t index) {
      auto found = hosts_.find(index);
      is_right = is_right && found != hosts_.end() && found->second.note(what);
      if (is_right && found->second.seat != nullptr) call(*found->second.seat);
    });
    return is_right;
  }

  std::unordered_map<std::uint32_t, waiting_host> hosts_;
  std::unordered_map<bytes16, std::string, digest_hash> blocks_;
};

class folded_runs {
 public:
  // -- orders -----------------------------------------------------------------------------------
  /// Of the order that waits; 0: none does.
  std::uint32_t waiting_run() const noexcept { return order_.run; }
  /// It is the order that waits.
  bool may_join(const execute_message& order) const { return order == order_; }
  /// The first one gives the order and its run. Pre: none waits, or may_join().
  void join(tree_seat& seat, execute_message&& order);
  /// Without hosts. None waits any more; `seats` are those that did.
  execute_message take_order(list_node& seats);

  // -- runs -------------------------------------------------------------------------------------
  /// Null: there is none. It outlives its end while it is held.
  std::shared_ptr<folded_run> find(std::uint32_t run, std::uint32_t link) const;
  /// Pre: there is none.
  folded_run& open(std::uint32_t run, std::uint32_t link);
  bool uses(std::uint32_t run) const noexcept { return run == order_.run || links_.contains(run); }
  /// If it is over.
  void forget(std::uint32_t run, std::uint32_t link);
  /// Pre: it was sent, or waits.
  void leave(const tree_seat& seat) noexcept;
  /// Nothing comes by that link any more.
  void drop(std::uint32_t link);

 private:
  using by_link = std::unordered_map<std::uint32_t, std::shared_ptr<folded_run>>;

  execute_message order_;
  list_node waiting_;
  std::unordered_map<std::uint32_t, by_link> links_;  // by run
};

}  // namespace execo::detail
