// What becomes of the hosts of a tree: what its pool decides, and what children say of them.
#include <chrono>
#include <utility>
#include <vector>

#include "base/contain.hpp"
#include "base/hex.hpp"
#include "base/machine_name.hpp"
#include "execo/log.hpp"
#include "execo/printable.hpp"
#include "tree/tree_root.hpp"
#include "wire/host_spans.hpp"

namespace execo::detail {
namespace {

// Between two looks for agents that are slow to deploy what they have taken.
constexpr auto look_interval = std::chrono::seconds(1);

std::chrono::microseconds since_start(clock::time_point now) noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
}

end_reason end_of(host_failure why) noexcept {
  switch (why) {
    case host_failure::auth:
      return end_reason::auth_failed;
    case host_failure::host_key:
      return end_reason::host_key_rejected;
    case host_failure::protocol:
      return end_reason::protocol_error;
    case host_failure::no_agent:
      return end_reason::unsupported;
    case host_failure::silent:
    case host_failure::lost:
      return end_reason::connection_lost;
    default:
      return end_reason::connect_failed;
  }
}

}  // namespace

void tree_root::want(std::uint32_t index) {
  node& its = hosts_[index];
  hosts_.set_stage(its, tree_stage::wanted);
  note_gateway(index, std::nullopt);
  if (zones_) its.zone = zones_->zone_of(its.where);
  const bool relays = signing_.serves();
  if (relays && hosts_.item_of(index).key.empty()) its.by = tree_reach::root_only;
  host_span one = span_of(index);
  one.zone = its.zone;
  if (leaders_) {
    one.leads = leaders_->leads(hosts_[index].where);
    one.under = leader_for(hosts_[index].where);
    if (tunnels_) its.through = one.under;
    (void)source_for(index);
  }
  if (its.by == tree_reach::root_only || certificates_.is_refused()) one.under = itself;
  if (zones_) {
    append_span(wanted_, one);
    return wanted_step_.queue();
  }
  decided_.clear();
  pool_.add(one, decided_);
  follow(decided_);
}

// The root reaches hosts of each zone in turn: it has to know them.
void tree_root::begin_wanted() noexcept {
  const host_spans wanted = std::exchange(wanted_, {});
  if (is_closing_) return;
  contain(
      [&] {
        decided_.clear();
        pool_.add(wanted, decided_);
        follow(decided_);
      },
      [&](const std::exception_ptr& error) { fail_all(error); });
}

// It comes first. One that has failed is not tried again for each host behind it.
host_index tree_root::leader_for(const host& where) {
  std::optional<std::uint32_t> index = usable_leader_of(where);
  if (!index) return anybody;
  // Nobody else may reach what is behind it end to end.
  const bool is_tried_again = tunnels_ && hosts_[*index].at == tree_stage::failed;
  if (hosts_[*index].at == tree_stage::unknown || is_tried_again) want(*index);
  return *index;
}

// With tunnels one that has not failed, if there is one: they take turns.
std::optional<std::uint32_t> tree_root::usable_leader_of(const host& where) {
  constexpr int max_turns = 8;
  std::optional<host> leader = leaders_->leader_of(where);
  for (int turn = 1; tunnels_ && turn < max_turns && leader; ++turn) {
    const tree_stage at = hosts_[index_of(*leader)].at;
    if (at != tree_stage::failed && at != tree_stage::direct) break;
    leader = leaders_->leader_of(where);
  }
  if (!leader) return std::nullopt;
  return index_of(*leader);
}

std::shared_ptr<tunnel_source> tree_root::source_for(std::uint32_t index) {
  const std::uint32_t by = hosts_[index].through;
  if (by == no_host) return nullptr;
  std::shared_ptr<tunnel_source>& its = sources_[by];
  if (!its) its = std::make_shared<tunnel_source>(loop_, *this, hosts_[by].where);
  return its;
}

void tree_root::note_gateway(std::uint32_t index, std::optional<failure> problem) {
  if (auto its = sources_.find(index); its != sources_.end())
    its->second->set_problem(std::move(problem));
}

// -- what the pool decides ------------------------------------------------------------------------

void tree_root::follow(pool_decisions& decided) {
  // What is done here may lead to further decisions only later, from the loop.
  for (const host_span& one : decided.start)
    for (std::uint32_t i = 0; i < one.count; ++i) start_child(one.first + i);
  for (const pool_decisions::to_child& one : decided.give)
    give(links_.of_slot(one.child), decided.of(one));
  for (const pool_decisions::to_child& one : decided.take_back)
    take_back(links_.of_slot(one.child), decided.of(one));
  watch_time();
}

void tree_root::start_child(std::uint32_t index) noexcept {
  node& its = hosts_[index];
  contain(
      [&] {
        bytes16 nonce = random_bytes16();
        intrusive_ptr<lifecycle> way =
            way_->run_on(its.where, index, stage1_command(), source_for(index));
        intrusive_ptr<tree_child> child(new tree_child(loop_, *this, std::move(way), nonce,
                                                       outfit_.welcome(index, its.where.name())));
        its.link = links_.add(child);
        if (its.through != no_host) ++hosts_[its.through].carries;
        if (!self_) {
          self_ = intrusive_ptr<tree_root>(this);
          loop_.adopt(*this);
        }
        child->start();
      },
      [&](const std::exception_ptr& error) { fail_all(error); });
}

void tree_root::give(std::uint32_t link, std::span<const host_span> hosts) {
  tree_child& child = *links_[link].child;
  index_ranges given = set_of(hosts);
  child.hand_over(given);
  std::vector<work_item> items = items_of(hosts, [&](std::uint32_t index) {
    hosts_[index].link = link;
    return hosts_.item_of(index);
  });
  while (!items.empty()) {
    work_message work = take_work(items);
    certificates_.is_used() ? certificates_.give(link, std::move(work))
                            : links_.tell(link, std::move(work));
  }
}

void tree_root::take_back(std::uint32_t link, std::span<const host_span> hosts) {
  revoke_message message;
  message.hosts = set_of(hosts);
  certificates_.take_back(link, std::move(message));
}

void tree_root::tick() {
  decided_.clear();
  pool_.tick(since_start(loop_.now()), decided_);
  follow(decided_);
}

// Hosts whose way is given are nobody else's, however slow that is.
void tree_root::watch_time() {
  if (leaders_) return;
  if (pool_.needs_time() && !tick_.armed() && !links_.empty())
    loop_.arm_after(tick_, look_interval);
}

// -- what children say ----------------------------------------------------------------------------

// Of itself a child says nothing, and nothing of hosts that have failed there, and may be
// elsewhere.
bool tree_root::is_with(const tree_child& child, std::uint32_t link,
                        const index_ranges& hosts) const {
  return !hosts.contains(child.index()) && hosts_.are_behind(link, hosts);
}

bool tree_root::take_state(tree_child& child, std::uint32_t link, const frame& f) {
  auto message = host_state_message::decode(f);
  if (!message || !is_with(child, link, message->hosts)) return false;
  if (!child.served().contains(message->parent)) return false;
  if (message->state == tree_host_state::connecting) return true;
  if (message->state == tree_host_state::up && !hosts_.are_all(tree_stage::wanted, message->hosts))
    return false;
  bool is_right = true;
  decided_.clear();
  message->hosts.for_each([&](std::uint32_t index) {
    node& its = hosts_[index];
    if (message->state == tree_host_state::up) {
      is_right = is_right && pool_.host_ended(links_[link].slot, index, host_fate::up, decided_);
      return mark_up(index, link, message->parent, message->depth);
    }
    failure why(end_of(message->why), {},
                printable(its.where.name()) + ": " + printable(message->text));
    // One that was up and is lost: its commands have their own ends.
    if (its.at == tree_stage::up) return mark_failed(index, why);
    is_right = is_right && pool_.host_ended(links_[link].slot, index, host_fate::failed, decided_);
    if (!is_right || !try_here(index, message->why, why)) mark_ended(index, message->why, why);
  });
  follow(decided_);
  return is_right;
}

// Agents may be where a host cannot be reached from, or have an ssh that cannot ask.
bool tree_root::try_here(std::uint32_t index, host_failure how, const failure& why) {
  node& its = hosts_[index];
  bool may_be_theirs =
      how != host_failure::protocol && how != host_failure::silent && how != host_failure::lost;
  if (!signing_.serves() || its.by == tree_reach::root_only || !may_be_theirs || is_closing_)
    return false;
  its.by = tree_reach::root_only;
  its.link = tree_hosts::no_link;
  if (hosts_.note_why_here(index, why.text()) && certificates_.is_used())
    log(log_level::warning, [&] { return "a host of a tree is reached from here: " + why.text(); });
  host_span one = span_of(index);
  one.under = itself;
  pool_.add(one, decided_);
  return true;
}

void tree_root::send_errand(std::uint32_t link, tree_links::errand what) {
  links_.tell(link, std::move(what));
}

std::string tree_root::name_of_link(std::uint32_t link) {
  const host& where = hosts_[links_[link].child->index()].where;
  return "execo on " + machine_name() + ", through " + printable(where.name());
}

// As if the child had tried them.
void tree_root::hosts_uncertified(std::uint32_t link, const index_ranges& hosts,
                                  const std::string& why) {
  decided_.clear();
  hosts.for_each([&](std::uint32_t index) {
    const std::string name = printable(hosts_[index].where.name());
    const failure end(end_reason::auth_failed, {}, name + ": no certificate: " + why);
    if (!pool_.host_ended(links_[link].slot, index, host_fate::failed, decided_)) return;
    if (!try_here(index, host_failure::auth, end)) mark_failed(index, end);
  });
  follow(decided_);
}

// Hosts are given to those alone that were told how to reach them.
bool tree_root::take_steal(std::uint32_t link, const frame& f) {
  auto message = steal_message::decode(f);
  if (!message || !links_[link].may_deploy) return false;
  decided_.clear();
  pool_.child_asks(links_[link].slot, message->hosts, decided_);
  follow(decided_);
  return true;
}

bool tree_root::take_returned(tree_child& child, std::uint32_t link, const frame& f) {
  auto message = returned_message::decode(f);
  if (!message || !is_with(child, link, message->hosts)) return false;
  if (!hosts_.are_all(tree_stage::wanted, message->hosts)) return false;
  decided_.clear();
  host_spans back = spans_of(message->hosts);
  // If it is not right, all that it has is taken when it is lost.
  if (!pool_.child_returns(links_[link].slot, back, decided_)) return false;
  child.take_back(message->hosts);
  message->hosts.for_each([&](std::uint32_t index) { hosts_[index].link = tree_hosts::no_link; });
  follow(decided_);
  return true;
}

// -- where that leads -----------------------------------------------------------------------------

void tree_root::mark_up(std::uint32_t index, std::uint32_t link, std::uint32_t parent,
                        unsigned depth) {
  hosts_.set_up(index, link, parent, depth);
  note_gateway(index, std::nullopt);
  if (watcher_ != nullptr) watcher_->host_up(index);
  ready_.add_all(hosts_[index].seats);
}

void tree_root::mark_failed(std::uint32_t index, const failure& why) {
  node& its = hosts_[index];
  const bool was_up = its.at == tree_stage::up;
  hosts_.set_stage(its, tree_stage::failed);
  its.link = tree_hosts::no_link;
  note_gateway(index, why);
  if (was_up)
    notify_lost(index, why);
  else if (watcher_ != nullptr)
    watcher_->host_failed(index, why);
  end_seats(its, why);
}

void tree_root::notify_lost(std::uint32_t index, const failure& why) {
  wave_.lose(index);
  if (watcher_ != nullptr) watcher_->host_lost(index, why);
}

// Another way may lead to a host that has no agent: see leaf_transport.
void tree_root::mark_ended(std::uint32_t index, host_failure how, const failure& why) {
  if (how != host_failure::no_agent) return mark_failed(index, why);
  hosts_.set_direct(index, why);
  note_gateway(index, why);
  if (watcher_ != nullptr) watcher_->host_failed(index, why);
  end_seats(hosts_[index], why);
}

// Commands that were sent that way are lost; hosts that were up that way may come up again in
// another one, and those that were on their way are with the pool.
void tree_root::lose_hosts(const tree_child& child, std::uint32_t link, const failure& why) {
  child.served().for_each([&](std::uint32_t index) {
    node& its = hosts_[index];
    if (its.link != link) return;
    its.link = tree_hosts::no_link;
    if (its.at != tree_stage::up) return;
    hosts_.set_stage(its, tree_stage::unknown);
    notify_lost(index, why);
  });
  runs_.drop(link);
  tree_links::entry& its = links_[link];
  while (its.blocked.linked()) its.blocked.next()->link_before(its.seats);
  while (its.seats.linked()) {
    auto& seat = static_cast<tree_seat&>(*its.seats.next());
    bool was_sent = seat.run_in_tree != 0;
    leave(seat);
    was_sent ? seat.seat_lost(why) : seat.seat_failed(why);
  }
}

}  // namespace execo::detail
