// The root of a tree: its hosts, the agents that it has started itself, and the commands on all of
// them. It lives on one loop, and ends when nobody uses it and its agents have ended.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "execo/host.hpp"
#include "execo/tree.hpp"
#include "loop/loop.hpp"
#include "shape/work_pool.hpp"
#include "tree/signer.hpp"
#include "tree/tree_child.hpp"
#include "tree/tree_copy.hpp"
#include "tree/tree_plan.hpp"
#include "tree/tree_seat.hpp"
#include "tree/tree_watcher.hpp"

namespace execo::detail {

/// How the root comes to hosts.
class tree_way {
 public:
  virtual ~tree_way() = default;
  /// A command on the host whose input is written and whose output is read by who gets it.
  virtual intrusive_ptr<lifecycle> run_on(const host& where, std::size_t index,
                                          std::string text) = 0;
  /// How agents come to further hosts; nothing: they do not.
  virtual std::optional<connector_message> connector() const = 0;
  /// As whom, and where. For a connector that relays: without a key if agents cannot come to it.
  virtual work_item item_for(const host& where) const = 0;
  /// What the ssh of an agent that logs in to that host is answered, as a message of an ssh agent.
  /// `done` is called from the loop, if at all.
  virtual void answer(const host& where, sign_ask_message ask,
                      std::function<void(std::string)> done) = 0;
  /// None is called any more.
  virtual void forget_answers() noexcept = 0;
};

class tree_root final : public ref_counted, private loop_member, private tree_child_owner {
 public:
  tree_root(loop& on, const tree_settings& how, std::shared_ptr<tree_way> way);
  ~tree_root() override;

  /// The seat's host is wanted: seat_up() or seat_failed() follows. Pre: the seat is not linked.
  void enter(tree_seat& seat, const host& where);
  /// No event of it comes any more. A command that runs goes on.
  void leave(tree_seat& seat) noexcept;
  /// Sends the command. Its run is set here. If there is no room for it, seat_has_room() follows.
  /// Pre: seat_up() was called.
  send_result execute(tree_seat& seat, execute_message what);
  /// The same for a file, whose content, run and size are set here.
  send_result write_file(tree_seat& seat, file_order_message what,
                         const std::shared_ptr<tree_content>& content);
  /// Anything else of its run. If there is no room for it, seat_has_room() follows. Pre: execute()
  /// was.
  template <class Message>
  send_result send(tree_seat& seat, Message message) {
    message.run = seat.run_in_tree;
    if constexpr (requires { message.hosts; }) message.hosts = index_ranges(seat.host_in_tree);
    if constexpr (std::is_same_v<Message, credit_message>) message.host = seat.host_in_tree;
    tree_child* child = links_[seat.link_in_tree]->child.get();
    if (seat.run_in_tree == 0 || child == nullptr) return send_result::over;
    send_result sent = child->send(message);
    if (sent == send_result::full) wait_for_room(seat);
    return sent;
  }
  /// Where the host of the seat is; empty if it was not entered.
  std::string place_of(const tree_seat& seat) const;
  /// The name of what has reached it: of another host, or of this machine. Pre: it is up.
  std::string father_of(const tree_seat& seat) const;

  /// Null: nobody. It outlives its interest.
  void watch(tree_watcher* by) noexcept { watcher_ = by; }
  /// The number of a host here. Throws: std::bad_alloc.
  std::uint32_t index_of(const host& where);
  /// Those of them that are neither up nor wanted, and can have an agent, are wanted from now on,
  /// without a seat.
  void want_all(std::span<const std::uint32_t> hosts);
  const host& host_of(std::uint32_t index) const noexcept { return nodes_[index].where; }
  bool is_up(std::uint32_t index) const noexcept { return nodes_[index].at == stage::up; }
  bool is_wanted(std::uint32_t index) const noexcept { return nodes_[index].at == stage::wanted; }
  /// Levels below the root. Pre: it is up.
  unsigned depth_of(std::uint32_t index) const noexcept { return nodes_[index].depth; }
  /// The host whose agent has reached it; no_host: the root has.
  std::uint32_t parent_index_of(std::uint32_t index) const noexcept { return nodes_[index].parent; }
  /// It was reached, and can have no agent: seats of it fail.
  bool has_no_agent(const host& where) const;

  /// Says goodbye to all agents: what runs on them is ended.
  void close() noexcept;
  tree_status status() const noexcept;
  std::size_t stream_window() const noexcept { return stream_window_; }

 private:
  static constexpr std::uint32_t no_link = 0xffff'ffff;
  using errand = std::variant<work_message, revoke_message, sign_answer_message>;

  // unknown -> wanted, when a seat enters -> up, failed or direct; from up to unknown when the way
  // is lost; from failed to wanted when another seat enters. direct: it can have no agent.
  enum class stage : std::uint8_t { unknown, wanted, up, failed, direct };
  // open -> root_only  agents cannot come to it, or one has tried and failed
  enum class reach : std::uint8_t { open, root_only };
  class node {
   public:
    explicit node(const host& h) : where(h) {}
    host where;
    stage at = stage::unknown;
    reach by = reach::open;
    std::uint8_t asked = 0;  // for signatures
    std::uint8_t depth = 0;
    std::uint32_t parent = no_host;
    std::uint32_t link = no_link;  // the child of ours through which it is reached
    list_node seats;               // that wait for it
  };
  class entry {
   public:
    intrusive_ptr<tree_child> child;  // null: unused
    child_slot slot = 0;              // in the pool, once it is up
    bool is_up = false;
    bool may_deploy = false;
    unsigned refusals = 0;      // of signatures
    list_node seats;            // whose commands were sent that way
    list_node blocked;          // of them, those that wait for room
    std::deque<errand> unsent;  // they wait for it, too
  };

  // -- tree_child_owner
  void child_up(tree_child& child) override;
  void child_frame(tree_child& child, const frame& f) override;
  void child_has_room(tree_child& child) noexcept override;
  void child_ended(tree_child& child, host_failure why, failure what) noexcept override;
  // -- loop_member
  void shut_down() noexcept override { close(); }
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;

  void set_stage(node& its, stage to) noexcept;
  void end_closed() noexcept;
  template <class Message>
  send_result order(tree_seat& seat, Message what);
  void forget_unused_files();
  tree_child* way_to(std::uint32_t index) const noexcept;
  std::uint32_t link_of(const tree_child& child) const noexcept;
  std::uint32_t link_of_slot(child_slot slot) const noexcept;
  void wait_for_room(tree_seat& seat) noexcept;
  void tell(std::uint32_t link, errand what);
  void send_unsent(entry& to);
  void want(std::uint32_t index);
  host_index leader_for(const host& where);
  void follow(pool_decisions& decided);
  void start_child(std::uint32_t index) noexcept;
  bool make_inner(tree_child& child);
  bool send_program(tree_child& child);
  void give(std::uint32_t link, std::span<const host_span> hosts);
  void take_back(std::uint32_t link, std::span<const host_span> hosts);
  void mark_up(std::uint32_t index, std::uint32_t link, std::uint32_t parent, unsigned depth);
  void mark_failed(std::uint32_t index, const failure& why);
  void end_seats(node& its, const failure& why);
  void mark_ended(std::uint32_t index, host_failure how, const failure& why);
  void lose_hosts(const tree_child& child, std::uint32_t link, const failure& why);
  bool take_state(tree_child& child, std::uint32_t link, const frame& f);
  bool take_want(tree_child& child, const frame& f);
  bool take_steal(std::uint32_t link, const frame& f);
  bool take_returned(tree_child& child, std::uint32_t link, const frame& f);
  bool take_of_run(std::uint32_t link, const frame& f);
  bool is_with(const tree_child& child, std::uint32_t link, const index_ranges& hosts) const;
  bool are_all(stage at, const index_ranges& hosts) const;
  bool take_ask(tree_child& child, std::uint32_t link, const frame& f);
  sign_target target_of(std::uint32_t index, std::uint32_t link);
  void record_refusal(const tree_child& child, std::uint32_t link, std::string_view why);
  void answer(const tree_child& child, sign_answer_message reply);
  bool try_here(std::uint32_t index, host_failure why);
  void call_ready();
  void ready_soon() noexcept;
  void tick();
  void watch_time();
  void fail_all(const std::exception_ptr& error) noexcept;

  loop& loop_;
  tree_settings how_;
  std::shared_ptr<tree_way> way_;
  bytes16 secret_{};
  std::deque<node> nodes_;                                    // by index
  std::unordered_map<std::string, std::uint32_t> indices_;    // by user, name and port
  std::unordered_map<std::uint32_t, failure> without_agent_;  // why a host has none
  std::optional<tree_leaders> leaders_;                       // of a shape by hand
  std::vector<std::unique_ptr<entry>> links_;
  std::vector<std::uint32_t> unused_links_;
  std::vector<std::uint32_t> links_of_slots_;  // of the pool
  std::unordered_map<std::uint32_t, tree_seat*> runs_;
  tree_copies copies_;
  const agent_image* program_ = nullptr;  // that plain_ is
  std::string plain_;
  list_node ready_;  // seats whose hosts are up, and who do not know yet
  queue_node ready_step_;
  deadline_timer tick_;
  work_pool pool_;
  pool_decisions decided_;
  intrusive_ptr<tree_root> self_;  // while it has children
  tree_watcher* watcher_ = nullptr;
  std::array<std::size_t, 5> in_stage_{};    // hosts, by stage
  std::array<std::size_t, 256> on_level_{};  // hosts that are up, by depth
  std::size_t children_up_ = 0;
  std::size_t stream_window_ = 0;
  std::uint32_t last_run_ = 0;
  std::size_t children_ = 0;
  bool relays_ = false;  // agents log in with what this process tells them
  bool is_closing_ = false;
  bool ready_queued_ = false;
};

}  // namespace execo::detail
