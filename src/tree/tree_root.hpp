// The root of a tree: its hosts, the agents that it has started itself, and the commands on all of
// them. It lives on one loop, and ends when nobody uses it and its agents have ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "execo/host.hpp"
#include "execo/tree.hpp"
#include "loop/loop.hpp"
#include "shape/work_pool.hpp"
#include "tree/certificate_desk.hpp"
#include "tree/owned_step.hpp"
#include "tree/ready_seats.hpp"
#include "tree/sign_desk.hpp"
#include "tree/tree_child.hpp"
#include "tree/tree_copy.hpp"
#include "tree/tree_hosts.hpp"
#include "tree/tree_links.hpp"
#include "tree/tree_outfit.hpp"
#include "tree/tree_plan.hpp"
#include "tree/tree_runs.hpp"
#include "tree/tree_seat.hpp"
#include "tree/tree_talks.hpp"
#include "tree/tree_watcher.hpp"
#include "tree/tree_wave.hpp"
#include "tree/tree_way.hpp"
#include "tree/tunnel_source.hpp"

namespace execo::detail {

class tree_root final : public ref_counted,
                        private loop_member,
                        private tree_child_owner,
                        private certificate_desk_owner {
 public:
  /// In the pool: an index that no host has.
  static constexpr host_index itself = 0xffff'fffe;

  tree_root(loop& on, const tree_settings& how, std::shared_ptr<tree_way> way);
  ~tree_root() override;

  /// The seat's host is wanted: seat_up() or seat_failed() follows. Pre: the seat is not linked.
  void enter(tree_seat& seat, const host& where);
  /// No event of it comes any more. A command that runs goes on.
  void leave(tree_seat& seat) noexcept { runs_.leave(seat); }
  /// Sends the command. Its run is set here. If there is no room for it, seat_has_room() follows.
  /// One that folds goes at the end of the turn, with all that are the same: seat_failed() may
  /// follow. Pre: seat_up() was called.
  send_result execute(tree_seat& seat, execute_message what);
  /// The same for a file, whose content, run and size are set here.
  send_result write_file(tree_seat& seat, file_order_message what,
                         const std::shared_ptr<tree_content>& content);
  /// Anything else of its run. If there is no room for it, seat_has_room() follows. Pre: execute()
  /// was.
  template <class Message>
  send_result send(tree_seat& seat, Message message) {
    if constexpr (requires { message.hosts; }) message.hosts = index_ranges(seat.host_in_tree);
    if constexpr (std::is_same_v<Message, credit_message>) message.host = seat.host_in_tree;
    // Nothing of a run overtakes its order.
    if (seat.run_in_tree == runs_.folded().waiting_run()) send_folded();
    if (seat.run_in_tree == 0 || !links_[seat.link_in_tree].child) return send_result::over;
    message.run = seat.run_in_tree;
    send_result sent = links_.send(seat.link_in_tree, message);
    if (sent == send_result::full) wait_for_room(seat);
    return sent;
  }
  /// Agents let go what nobody is sent any more. One that does not hear of it keeps a descriptor
  /// until the tree ends.
  void forget_unused_files();
  tree_talks& talks() noexcept { return talks_; }
  tree_wave& wave() noexcept { return wave_; }
  const tree_wave& wave() const noexcept { return wave_; }
  /// The command of the seat is there from now on. Pre: execute() was.
  void join_talk(const tree_seat& seat, talk_group& talk, std::uint32_t rank) {
    if (tree_child* child = links_[seat.link_in_tree].child.get())
      talks_.join(talk, rank, seat.host_in_tree, *child);
  }
  /// Where the host of the seat is; empty if it was not entered.
  std::string place_of(const tree_seat& seat) const;
  /// Pre: it is up.
  bool can(const tree_seat& seat, capability what) const noexcept {
    const tree_child* child = way_to(seat.host_in_tree);
    return child != nullptr && child->hello().can(what);
  }
  /// What leads to that host, if another one passes on the bytes of its session; else null.
  std::shared_ptr<route_source> way_through_tree(const host& where) {
    return source_for(index_of(where));
  }
  /// The name of what has reached it: of another host, or of this machine. Pre: it is up.
  std::string father_of(const tree_seat& seat) const;

  /// Null: nobody. It outlives its interest.
  void watch(tree_watcher* by) noexcept { watcher_ = by; }
  /// The number of a host here. Throws: std::bad_alloc.
  std::uint32_t index_of(const host& where) { return hosts_.index_of(where); }
  /// Those of them that are neither up nor wanted, and can have an agent, are wanted from now on,
  /// without a seat.
  void want_all(std::span<const std::uint32_t> hosts);
  const host& host_of(std::uint32_t index) const noexcept { return hosts_[index].where; }
  std::uint32_t host_count() const noexcept { return static_cast<std::uint32_t>(hosts_.size()); }
  bool is_up(std::uint32_t index) const noexcept { return hosts_[index].at == tree_stage::up; }
  bool is_wanted(std::uint32_t index) const noexcept {
    return hosts_[index].at == tree_stage::wanted;
  }
  /// A host is still to be reached, whoever waits for it.
  bool is_deploying() const noexcept { return hosts_.count(tree_stage::wanted) != 0; }
  /// Levels below the root. Pre: it is up.
  unsigned depth_of(std::uint32_t index) const noexcept { return hosts_[index].depth; }
  /// The host whose agent has reached it; no_host: the root has.
  std::uint32_t parent_index_of(std::uint32_t index) const noexcept { return hosts_[index].parent; }
  /// It was reached, and can have no agent: seats of it fail.
  bool has_no_agent(const host& where) const { return hosts_.is_direct(where); }

  /// Says goodbye to all agents: what runs on them is ended.
  void close() noexcept;
  bool is_closing() const noexcept { return is_closing_; }
  tree_status status() const noexcept;
  std::size_t stream_window() const noexcept { return outfit_.stream_window(); }

 private:
  using node = tree_hosts::node;

  // -- tree_child_owner
  void child_up(tree_child& child) override;
  void child_frame(tree_child& child, const frame& f) override;
  void child_has_room(tree_child& child) noexcept override;
  void child_ended(tree_child& child, host_failure why, failure what) noexcept override;
  // -- certificate_desk_owner
  void send_errand(std::uint32_t link, tree_links::errand what) override;
  std::string name_of_link(std::uint32_t link) override;
  void hosts_uncertified(std::uint32_t link, const index_ranges& hosts,
                         const std::string& why) override;
  // -- loop_member
  void shut_down() noexcept override { close(); }
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;

  // -- commands
  void send_folded();
  void send_folded_to(std::uint32_t link, const execute_message& order,
                      std::span<tree_seat* const> seats);
  void fail_unsent(list_node& seats);
  template <class Message>
  send_result order(tree_seat& seat, Message what);
  tree_child* way_to(std::uint32_t index) const noexcept;
  void wait_for_room(tree_seat& seat) noexcept;
  void end_seats(node& its, const failure& why);

  // -- hosts: tree_root_hosts.cpp
  void want(std::uint32_t index);
  void begin_wanted() noexcept;
  host_index leader_for(const host& where);
  std::optional<std::uint32_t> usable_leader_of(const host& where);
  std::shared_ptr<tunnel_source> source_for(std::uint32_t index);
  void note_gateway(std::uint32_t index, std::optional<failure> problem);
  void follow(pool_decisions& decided);
  void start_child(std::uint32_t index) noexcept;
  void give(std::uint32_t link, std::span<const host_span> hosts);
  void take_back(std::uint32_t link, std::span<const host_span> hosts);
  void mark_up(std::uint32_t index, std::uint32_t link, std::uint32_t parent, unsigned depth);
  void mark_failed(std::uint32_t index, const failure& why);
  void mark_ended(std::uint32_t index, host_failure how, const failure& why);
  void notify_lost(std::uint32_t index, const failure& why);
  void lose_hosts(const tree_child& child, std::uint32_t link, const failure& why);
  bool take_state(tree_child& child, std::uint32_t link, const frame& f);
  bool take_steal(std::uint32_t link, const frame& f);
  bool take_returned(tree_child& child, std::uint32_t link, const frame& f);
  bool is_with(const tree_child& child, std::uint32_t link, const index_ranges& hosts) const;
  bool try_here(std::uint32_t index, host_failure how, const failure& why);
  void tick();
  void watch_time();

  // -- children and the end
  std::uint32_t link_of(const tree_child& child) const noexcept;
  void release_gateway_of(const tree_child& child) noexcept;
  bool make_inner(tree_child& child);
  void miss_child(const tree_child& child, host_failure how, const failure& why);
  void lose_child(const tree_child& child, std::uint32_t link, const failure& why);
  bool take_want(tree_child& child, const frame& f);
  void fail_all(const std::exception_ptr& error) noexcept;
  void end_closed() noexcept;

  loop& loop_;
  std::shared_ptr<tree_way> way_;
  tree_outfit outfit_;
  tree_hosts hosts_;
  std::optional<tree_leaders> leaders_;  // of a shape by hand
  const bool tunnels_;                   // to the hosts of leaders
  std::unordered_map<std::uint32_t, std::shared_ptr<tunnel_source>> sources_;  // by leader
  std::optional<tree_zones> zones_;
  tree_links links_;
  tree_wave wave_;
  tree_runs runs_;
  tree_copies copies_;
  tree_talks talks_;
  sign_desk signing_;
  certificate_desk certificates_;
  ready_seats ready_;
  owned_step folded_step_;
  owned_step wanted_step_;
  host_spans wanted_;  // since the turn began, where there are zones
  deadline_timer tick_;
  work_pool pool_;
  pool_decisions decided_;
  intrusive_ptr<tree_root> self_;  // while it has children
  tree_watcher* watcher_ = nullptr;
  tree_totals cost_;
  bool is_closing_ = false;
};

}  // namespace execo::detail
