// The children of this agent: which hosts it deploys, and which way every host below it lies.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/branch.hpp"
#include "agent/connect_measure.hpp"
#include "agent/reactor.hpp"
#include "agent/run_certificate.hpp"
#include "agent/sign_socket.hpp"
#include "shape/work_pool.hpp"
#include "wire/messages.hpp"
#include "wire/route_table.hpp"

namespace execo::agent {

class children_owner {
 public:
  virtual void on_child_touched(line& which) = 0;
  /// A frame about runs or hosts, of a child that may speak for them.
  virtual void on_child_frame(branch& from, const detail::frame& what) = 0;
  virtual void on_connecting(const detail::index_ranges& hosts) = 0;
  /// It is a child from now on.
  virtual void on_child_up(branch& which) = 0;
  /// From now on these hosts lie that way.
  virtual void on_way(branch& to, const detail::index_ranges& hosts) = 0;
  /// They lie nowhere any more. `silent`: others that nobody speaks for any more, of whom it was
  /// told before that they failed.
  virtual void on_hosts_lost(const detail::index_ranges& hosts, const detail::index_ranges& silent,
                             detail::host_failure why, const std::string& text) = 0;
  /// They were given to a child that is lost, and are started anew from here.
  virtual void on_hosts_back(const detail::index_ranges& hosts, const std::string& text) = 0;
  /// There is room for so many more hosts, or for none any more.
  virtual void on_hosts_wanted(const detail::steal_message& what) = 0;
  /// A connector asks the root. `hosts` are not set.
  virtual void on_ask(detail::sign_ask_message what) = 0;

 protected:
  ~children_owner() = default;
};

class children final : private branch_owner, private sign_socket_owner {
 public:
  using link_number = std::uint32_t;
  /// The way to hosts that are here, but not up.
  static constexpr link_number not_up = detail::route_table::nowhere - 1;
  static constexpr link_number nowhere = detail::route_table::nowhere;

  children(reactor& on, children_owner& owner, const surroundings& around)
      : loop_(on),
        owner_(owner),
        around_(around),
        signing_(on, static_cast<sign_socket_owner&>(*this), around),
        certificate_(around),
        look_(delegate<>::to<&children::on_look>(this)) {}

  /// What this agent was told of itself.
  void introduce(const detail::welcome_message& self);
  /// A part of an agent's program. False if it is none.
  bool take_program(const detail::image_message& part);
  void take_connector(const detail::connector_message& connector);
  /// What connectors log in with from now on.
  void take_certificate(const detail::certificate_message& what);
  /// Hosts to deploy. False if one of them is here already.
  bool add(const detail::work_message& work);
  /// Takes those out that nobody has begun with.
  detail::index_ranges withdraw(const detail::index_ranges& hosts);
  /// What the root answers to on_ask().
  void answer(const detail::sign_answer_message& what) { signing_.answer(what); }
  /// The child gives them back. False if it was not asked to.
  bool take_returned(branch& child, const detail::index_ranges& hosts);
  /// The child speaks of them: none of them lies another way now.
  bool may_tell(const branch& child, const detail::index_ranges& hosts) const;
  /// The child has said that of them. What ended before on one that failed may still be on its way.
  /// False if it may not.
  bool take_state(branch& child, const detail::index_ranges& hosts, detail::tree_host_state state);
  void ask(branch& child, std::uint32_t room);

  std::vector<detail::route_table::part> ways_of(const detail::index_ranges& hosts) const {
    return routes_.split(hosts);
  }
  link_number way_of(std::uint32_t host) const noexcept { return routes_.find(host); }
  /// Null if it is none or has no link any more.
  line* line_of(link_number child) noexcept;

  /// Those that are up; gives them in ascending order.
  template <class Message>
  std::vector<link_number> send_to_all(const Message& what) {
    std::vector<link_number> told;
    for (auto& [number, child] : branches_)
      if (child->state() == branch_state::up && child->line()->send(what)) told.push_back(number);
    return told;
  }

  /// Whether less than that waits for each child.
  bool has_room(std::size_t limit) noexcept;

  /// A child process is a zombie and about to be reaped. False: it is none of these.
  bool on_zombie(pid_t pid, int status);
  bool has_process(pid_t pid) const noexcept {
    return by_pid_.contains(pid) || signing_.has_process(pid) || certificate_.has_process(pid);
  }
  /// No more hosts; says goodbye to all.
  void leave(detail::goodbye_reason why);
  void kill_all() noexcept;
  /// Drops those that are gone. Not from a call of a child.
  void collect();
  bool idle() const noexcept { return branches_.empty(); }
  /// What agents below have used that have said goodbye.
  const detail::agent_usage& used() const noexcept { return used_; }

 private:
  void on_branch_frame(branch& from, const detail::frame& what) override;
  void on_branch_touched(line& which) override { owner_.on_child_touched(which); }
  void on_branch_over(branch& which) override;
  const agent_program* program_for(detail::machine arch) override;
  void send_programs(line& to);
  void on_branch_failed(branch& which) override;
  void on_branch_gone(branch& which) override;

  std::optional<std::uint32_t> host_of_connector(pid_t session) const noexcept override;
  void on_ask(detail::sign_ask_message what) override { owner_.on_ask(std::move(what)); }

  branch* find(link_number number) noexcept;
  bool begin(branch& made, const detail::welcome_message& welcome);
  unsigned last_level() const noexcept;
  void begin_pool();
  bool can_start() const noexcept;
  bool are_behind(const branch& child, const detail::index_ranges& hosts) const;
  void take_in(const detail::host_spans& hosts);
  /// Does what the pool has decided.
  void follow();
  void follow_starts(const detail::host_spans& hosts);
  void give(branch& child, std::span<const detail::host_span> hosts);
  void take_back(branch& child, std::span<const detail::host_span> hosts);
  bool start(std::uint32_t index);
  void note_usage(const branch& from, const detail::frame& what);
  void on_hello(branch& from, const detail::frame& what);
  bool make_inner(branch& child, const detail::hello_message& hello);
  void measure(branch& child);
  void watch_time();
  void on_look();

  reactor& loop_;
  children_owner& owner_;
  const surroundings& around_;
  sign_socket signing_;
  run_certificate certificate_;
  detail::welcome_message self_;
  bool leaving_ = false;
  std::optional<detail::connector_message> connector_;
  std::map<detail::machine, agent_program> programs_;
  std::optional<detail::work_pool> pool_;  // once there may be children
  std::optional<connect_measure> measured_;
  detail::pool_decisions decided_;
  detail::host_spans early_;                          // came before the program
  std::map<std::uint32_t, detail::work_item> hosts_;  // that have not ended, by index
  detail::route_table routes_;
  std::map<link_number, std::unique_ptr<branch>> branches_;
  std::map<pid_t, branch*> by_pid_;
  std::map<detail::child_slot, link_number> numbers_;
  std::vector<link_number> gone_;
  link_number last_number_ = 0;
  detail::agent_usage used_;
  alarm look_;
};

}  // namespace execo::agent
