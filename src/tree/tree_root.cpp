#include "tree/tree_root.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/contain.hpp"
#include "base/hex.hpp"
#include "base/machine_name.hpp"
#include "base/random.hpp"
#include "execo/log.hpp"
#include "execo/printable.hpp"
#include "shape/cost_model.hpp"
#include "wire/message_limits.hpp"
#include "wire/ssh_agent_request.hpp"

namespace execo::detail {
namespace {

bytes16 random_bytes16() {
  return bytes_of_hex<std::tuple_size_v<bytes16>>(random_hex(std::tuple_size_v<bytes16>));
}

// Between two looks for agents that are slow to deploy what they have taken.
constexpr auto look_interval = std::chrono::seconds(1);

std::chrono::microseconds since_start(clock::time_point now) noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
}

// In the pool: an index that no host has.
constexpr host_index root_itself = 0xffff'fffe;

pool_rules rules_of(const tree_settings& how, const tree_way& way) {
  pool_rules rules;
  rules.self = root_itself;
  std::optional<connector_message> further = way.connector();
  if (further && further->local)
    rules.arity = arity_on_own_cores(std::thread::hardware_concurrency());
  if (how.arity != 0) rules.arity = static_cast<std::uint32_t>(how.arity);
  if (how.depth != 0) rules.most_depth = static_cast<std::uint32_t>(how.depth);
  return rules;
}

std::string key_of(const host& where) {
  return fmt::format("{}@{}:{}", where.user(), where.name(), where.port());
}

index_ranges set_of(std::span<const host_span> spans) {
  index_ranges set;
  for (const host_span& one : spans)
    set |= index_ranges(one.first, static_cast<std::uint32_t>(one.end() - 1));
  return set;
}

host_spans in_order(std::span<const host_span> spans) {
  host_spans sorted(spans.begin(), spans.end());
  std::ranges::sort(sorted, {}, &host_span::first);
  return sorted;
}

host_spans spans_of(const index_ranges& set) {
  host_spans spans;
  for (const index_range& r : set.ranges()) {
    host_span one;
    one.first = r.first;
    one.count = r.last - r.first + 1;
    spans.push_back(one);
  }
  return spans;
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

tree_root::tree_root(loop& on, const tree_settings& how, std::shared_ptr<tree_way> way)
    : loop_(on),
      how_(how),
      way_(std::move(way)),
      secret_(random_bytes16()),
      ready_step_(delegate<>::to<&tree_root::call_ready>(this)),
      tick_(delegate<>::to<&tree_root::tick>(this), "a look at the agents of a tree"),
      pool_(rules_of(how, *way_)),
      stream_window_(welcome_message().stream_window) {
  if (how.plan) leaders_.emplace(how.plan, root_in(how.plan->routes));
  std::optional<connector_message> connector = way_->connector();
  relays_ = connector && connector->relays;
}

tree_root::~tree_root() { assert(children_ == 0); }

// -- hosts ----------------------------------------------------------------------------------------

std::uint32_t tree_root::index_of(const host& where) {
  auto [place, is_new] = indices_.try_emplace(key_of(where), nodes_.size());
  if (is_new) {
    nodes_.emplace_back(where);
    ++in_stage_[static_cast<std::size_t>(stage::unknown)];
  }
  return place->second;
}

void tree_root::set_stage(node& its, stage to) noexcept {
  auto count = [&](std::size_t by) {
    in_stage_[static_cast<std::size_t>(its.at)] += by;
    if (its.at == stage::up) on_level_[its.depth] += by;
  };
  count(static_cast<std::size_t>(-1));
  its.at = to;
  count(1);
}

void tree_root::want_all(std::span<const std::uint32_t> hosts) {
  for (std::uint32_t index : hosts)
    if (nodes_[index].at == stage::unknown || nodes_[index].at == stage::failed) want(index);
}

void tree_root::enter(tree_seat& seat, const host& where) {
  seat.host_in_tree = index_of(where);
  seat.run_in_tree = 0;
  node& its = nodes_[seat.host_in_tree];
  if (its.at == stage::up) {
    seat.link_before(ready_);
    return ready_soon();
  }
  if (its.at == stage::direct) return seat.seat_failed(without_agent_.at(seat.host_in_tree));
  seat.link_before(its.seats);
  if (its.at != stage::wanted) want(seat.host_in_tree);
}

void tree_root::leave(tree_seat& seat) noexcept {
  seat.unlink();
  if (seat.run_in_tree != 0) runs_.erase(seat.run_in_tree);
  seat.run_in_tree = 0;
}

void tree_root::want(std::uint32_t index) {
  node& its = nodes_[index];
  set_stage(its, stage::wanted);
  if (relays_ && way_->item_for(its.where).key.empty()) its.by = reach::root_only;
  host_span one;
  one.first = index;
  one.count = 1;
  if (leaders_) {
    one.leads = leaders_->leads(nodes_[index].where);
    one.under = leader_for(nodes_[index].where);
  }
  if (its.by == reach::root_only) one.under = root_itself;
  decided_.clear();
  pool_.add(one, decided_);
  follow(decided_);
}

// It comes first. One that has failed is not tried again for each host behind it.
host_index tree_root::leader_for(const host& where) {
  std::optional<host> leader = leaders_->leader_of(where);
  if (!leader) return anybody;
  std::uint32_t index = index_of(*leader);
  if (nodes_[index].at == stage::unknown) want(index);
  return index;
}

bool tree_root::has_no_agent(const host& where) const {
  auto known = indices_.find(key_of(where));
  return known != indices_.end() && without_agent_.contains(known->second);
}

void tree_root::ready_soon() noexcept {
  if (std::exchange(ready_queued_, true)) return;
  retain();
  loop_.defer(ready_step_);
}

void tree_root::call_ready() {
  intrusive_ptr<tree_root> alive(this);
  release();
  ready_queued_ = false;
  while (ready_.linked()) {
    auto& seat = static_cast<tree_seat&>(*ready_.next());
    seat.unlink();
    seat.seat_up();
  }
}

tree_child* tree_root::way_to(std::uint32_t index) const noexcept {
  std::uint32_t link = nodes_[index].link;
  return link == no_link ? nullptr : links_[link]->child.get();
}

std::string tree_root::place_of(const tree_seat& seat) const {
  if (seat.host_in_tree == no_host) return {};
  const node& its = nodes_[seat.host_in_tree];
  if (its.parent == no_host) return {};
  return fmt::format("reached through {}", printable(nodes_[its.parent].where.name()));
}

std::string tree_root::father_of(const tree_seat& seat) const {
  const node& its = nodes_[seat.host_in_tree];
  return its.parent == no_host ? machine_name() : nodes_[its.parent].where.name();
}

// -- commands -------------------------------------------------------------------------------------

send_result tree_root::execute(tree_seat& seat, execute_message what) {
  return order(seat, std::move(what));
}

send_result tree_root::write_file(tree_seat& seat, file_order_message what,
                                  const std::shared_ptr<tree_content>& content) {
  forget_unused_files();
  what.content = copies_.number_of(content);
  what.size = content->size();
  if (tree_child* child = way_to(seat.host_in_tree)) copies_.expect(*child, what.content);
  return order(seat, std::move(what));
}

// An agent that does not hear of it keeps a descriptor until the tree ends.
void tree_root::forget_unused_files() {
  file_forget_message forget;
  for (std::uint32_t number : copies_.drop_unused()) {
    forget.content = number;
    for (const auto& its : links_)
      if (its->is_up) (void)its->child->send(forget);
  }
}

template <class Message>
send_result tree_root::order(tree_seat& seat, Message what) {
  tree_child* child = way_to(seat.host_in_tree);
  if (child == nullptr) return send_result::over;
  // 0 is for frames of no run.
  do {
    ++last_run_;
  } while (last_run_ == 0 || runs_.count(last_run_) != 0);
  what.run = last_run_;
  what.hosts = index_ranges(seat.host_in_tree);
  send_result sent = child->send(what);
  if (sent == send_result::full) wait_for_room(seat);
  if (sent != send_result::queued) return sent;
  runs_.emplace(what.run, &seat);
  seat.run_in_tree = what.run;
  seat.link_in_tree = nodes_[seat.host_in_tree].link;
  seat.link_before(links_[seat.link_in_tree]->seats);
  return sent;
}

// A run is of one host, so that the header of its frames names it. Of a run that was left, more may
// be on its way.
bool tree_root::take_of_run(std::uint32_t link, const frame& f) {
  bool was_ordered = static_cast<std::int32_t>(last_run_ - f.run) >= 0;
  auto known = runs_.find(f.run);
  tree_seat* seat = known == runs_.end() ? nullptr : known->second;
  if (seat == nullptr ? !was_ordered : seat->link_in_tree != link || seat->host_in_tree != f.host)
    return false;
  switch (f.type) {
    case frame_type::started: {
      auto message = started_message::decode(f);
      if (message && seat != nullptr) seat->seat_started();
      return message.has_value();
    }
    case frame_type::output: {
      auto message = output_message::decode(f);
      if (message && seat != nullptr) seat->seat_output(*message);
      return message.has_value();
    }
    case frame_type::credit: {
      auto message = credit_message::decode(f);
      if (message && seat != nullptr) seat->seat_credit(message->data);
      return message.has_value();
    }
    case frame_type::ended: {
      auto message = ended_message::decode(f);
      if (!message || seat == nullptr) return message.has_value();
      leave(*seat);
      seat->seat_ended(*message);
      return true;
    }
    default:
      return false;
  }
}

// -- what the pool decides ------------------------------------------------------------------------

void tree_root::follow(pool_decisions& decided) {
  // What is done here may lead to further decisions only later, from the loop.
  for (const host_span& one : decided.start)
    for (std::uint32_t i = 0; i < one.count; ++i) start_child(one.first + i);
  for (const pool_decisions::to_child& one : decided.give)
    give(link_of_slot(one.child), decided.of(one));
  for (const pool_decisions::to_child& one : decided.take_back)
    take_back(link_of_slot(one.child), decided.of(one));
  watch_time();
}

void tree_root::start_child(std::uint32_t index) noexcept {
  node& its = nodes_[index];
  contain(
      [&] {
        bytes16 nonce = random_bytes16();
        welcome_message welcome;
        welcome.tree_secret = secret_;
        welcome.index = index;
        welcome.depth = 1;
        welcome.orphan_grace_ms = static_cast<std::uint32_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(how_.orphan_grace).count());
        welcome.host = its.where.name();
        intrusive_ptr<lifecycle> way =
            way_->run_on(its.where, index, stage1_command(hex_of(nonce)));
        if (unused_links_.empty()) {
          links_.push_back(std::make_unique<entry>());
          unused_links_.push_back(static_cast<std::uint32_t>(links_.size() - 1));
        }
        std::uint32_t link = unused_links_.back();
        links_[link]->child = intrusive_ptr<tree_child>(
            new tree_child(loop_, *this, std::move(way), nonce, std::move(welcome)));
        unused_links_.pop_back();
        its.link = link;
        if (children_++ == 0) {
          self_ = intrusive_ptr<tree_root>(this);
          loop_.adopt(*this);
        }
        links_[link]->child->start();
      },
      [&](const std::exception_ptr& error) { fail_all(error); });
}

void tree_root::give(std::uint32_t link, std::span<const host_span> hosts) {
  tree_child& child = *links_[link]->child;
  index_ranges given = set_of(hosts);
  child.hand_over(given);
  std::vector<work_item> items;
  for (const host_span& one : in_order(hosts)) {
    for (std::uint32_t i = 0; i < one.count; ++i) {
      node& its = nodes_[one.first + i];
      its.link = link;
      items.push_back(way_->item_for(its.where));
      items.back().index = one.first + i;
      items.back().doubtful = one.claim == host_claim::doubtful;
      items.back().leads = one.leads;
      items.back().under = one.under;
    }
  }
  while (!items.empty()) tell(link, take_work(items));
}

void tree_root::take_back(std::uint32_t link, std::span<const host_span> hosts) {
  revoke_message message;
  message.hosts = set_of(hosts);
  tell(link, std::move(message));
}

// In order. What a child that is going does not take is the pool's again when it has gone.
void tree_root::tell(std::uint32_t link, errand what) {
  entry& to = *links_[link];
  to.unsent.push_back(std::move(what));
  if (to.unsent.size() == 1) send_unsent(to);
}

void tree_root::send_unsent(entry& to) {
  while (!to.unsent.empty()) {
    auto send = [&to](const auto& message) { return to.child->send(message); };
    if (std::visit(send, to.unsent.front()) == send_result::full) return;
    to.unsent.pop_front();
  }
}

// -- children -------------------------------------------------------------------------------------

std::uint32_t tree_root::link_of(const tree_child& child) const noexcept {
  return nodes_[child.index()].link;
}

std::uint32_t tree_root::link_of_slot(child_slot slot) const noexcept {
  return links_of_slots_[slot];
}

void tree_root::child_up(tree_child& child) {
  std::uint32_t link = link_of(child);
  entry& its = *links_[link];
  its.may_deploy = make_inner(child);
  decided_.clear();
  auto took = std::chrono::duration_cast<connect_window::duration>(child.connect_time());
  its.slot = pool_.host_up(child.index(), took,
                           its.may_deploy ? child_role::inner : child_role::leaf, decided_);
  its.is_up = true;
  ++children_up_;
  if (links_of_slots_.size() <= its.slot) links_of_slots_.resize(its.slot + 1);
  links_of_slots_[its.slot] = link;
  follow(decided_);
  mark_up(child.index(), link, no_host, 1);
}

// Without hosts that wait it has no use for programs to start on others.
bool tree_root::make_inner(tree_child& child) {
  std::optional<connector_message> connector = way_->connector();
  if (!connector || how_.depth == 1) return false;
  connector->arity = static_cast<std::uint16_t>(how_.arity);
  connector->depth = static_cast<std::uint8_t>(std::min<std::size_t>(how_.depth, UINT8_MAX));
  bool is_able = connector->local ||
                 (child.hello().can(capability::ssh) && pool_.shared() > 0 && send_program(child));
  return is_able && child.send(*connector) == send_result::queued;
}

// The one of its own kind of machine, for the hosts that it will start.
bool tree_root::send_program(tree_child& child) {
  const agent_image* image = find_agent_image(agent_images(), child.hello().arch);
  if (image == nullptr) return false;
  if (program_ != image) plain_ = image->plain();
  program_ = image;
  image_message part;
  part.arch = image->arch();
  part.size = static_cast<std::uint32_t>(plain_.size());
  part.sha256 = bytes_of_hex<32>(image->sha256());
  for (std::size_t at = 0; at < plain_.size(); at += part.bytes.size()) {
    part.offset = static_cast<std::uint32_t>(at);
    part.bytes = std::string_view(plain_).substr(at, chunk_limit);
    if (child.send(part) != send_result::queued) return false;
  }
  return true;
}

void tree_root::mark_up(std::uint32_t index, std::uint32_t link, std::uint32_t parent,
                        unsigned depth) {
  node& its = nodes_[index];
  its.link = link;
  its.parent = parent;
  its.depth = static_cast<std::uint8_t>(depth);
  set_stage(its, stage::up);
  if (watcher_ != nullptr) watcher_->host_up(index);
  while (its.seats.linked()) its.seats.next()->link_before(ready_);
  if (ready_.linked()) ready_soon();
}

void tree_root::mark_failed(std::uint32_t index, const failure& why) {
  node& its = nodes_[index];
  const bool was_up = its.at == stage::up;
  set_stage(its, stage::failed);
  its.link = no_link;
  if (watcher_ != nullptr)
    was_up ? watcher_->host_lost(index, why) : watcher_->host_failed(index, why);
  end_seats(its, why);
}

// Another way may lead to a host that has no agent: see leaf_transport.
void tree_root::mark_ended(std::uint32_t index, host_failure how, const failure& why) {
  if (how != host_failure::no_agent) return mark_failed(index, why);
  without_agent_.insert_or_assign(index, why);
  set_stage(nodes_[index], stage::direct);
  nodes_[index].link = no_link;
  if (watcher_ != nullptr) watcher_->host_failed(index, why);
  end_seats(nodes_[index], why);
}

void tree_root::end_seats(node& its, const failure& why) {
  list_node gone;
  while (its.seats.linked()) its.seats.next()->link_before(gone);
  while (gone.linked()) {
    auto& seat = static_cast<tree_seat&>(*gone.next());
    seat.unlink();
    seat.seat_failed(why);
  }
}

void tree_root::wait_for_room(tree_seat& seat) noexcept {
  bool was_sent = seat.run_in_tree != 0;
  std::uint32_t link = was_sent ? seat.link_in_tree : nodes_[seat.host_in_tree].link;
  seat.link_before(links_[link]->blocked);
}

void tree_root::child_has_room(tree_child& child) noexcept {
  entry& its = *links_[link_of(child)];
  contain([&] { send_unsent(its); }, [&](const std::exception_ptr&) { child.cut(); });
  if (!its.unsent.empty()) return;
  contain([&] { copies_.serve(child); }, [&](const std::exception_ptr&) { child.cut(); });
  list_node turn;
  while (its.blocked.linked()) its.blocked.next()->link_before(turn);
  while (turn.linked()) {
    auto& seat = static_cast<tree_seat&>(*turn.next());
    seat.unlink();
    if (seat.run_in_tree != 0) seat.link_before(its.seats);
    seat.seat_has_room();
  }
}

void tree_root::child_ended(tree_child& child, host_failure why, failure what) noexcept {
  intrusive_ptr<tree_root> alive(this);
  std::uint32_t link = link_of(child);
  entry& its = *links_[link];
  // Its number may be used again by what follows.
  intrusive_ptr<tree_child> gone = std::move(its.child);
  bool was_up = std::exchange(its.is_up, false);
  its.may_deploy = false;
  its.unsent.clear();
  copies_.forget(child);
  its.refusals = 0;
  contain(
      [&] {
        decided_.clear();
        if (was_up) {
          --children_up_;
          pool_.child_lost(its.slot, decided_);
          lose_hosts(child, link, what);
        } else {
          bool is_ours = why == host_failure::no_resource;
          pool_.host_failed(child.index(),
                            is_ours ? connect_failure::turned_away : connect_failure::unreachable,
                            decided_);
          mark_ended(child.index(), why, what);
        }
        unused_links_.push_back(link);
        if (is_closing_) decided_.clear();
        follow(decided_);
      },
      [&](const std::exception_ptr& error) { fail_all(error); });
  if (--children_ != 0) return;
  unlink();
  loop_.disarm(tick_);
  if (is_closing_) end_closed();
  self_ = {};
}

// Commands that were sent that way are lost; hosts that were up that way may come up again in
// another one, and those that were on their way are with the pool.
void tree_root::lose_hosts(const tree_child& child, std::uint32_t link, const failure& why) {
  child.served().for_each([&](std::uint32_t index) {
    node& its = nodes_[index];
    if (its.link != link) return;
    its.link = no_link;
    if (its.at != stage::up) return;
    set_stage(its, stage::unknown);
    if (watcher_ != nullptr) watcher_->host_lost(index, why);
  });
  entry& its = *links_[link];
  while (its.blocked.linked()) its.blocked.next()->link_before(its.seats);
  while (its.seats.linked()) {
    auto& seat = static_cast<tree_seat&>(*its.seats.next());
    bool was_sent = seat.run_in_tree != 0;
    leave(seat);
    was_sent ? seat.seat_lost(why) : seat.seat_failed(why);
  }
}

void tree_root::child_frame(tree_child& child, const frame& f) {
  std::uint32_t link = link_of(child);
  bool is_right = false;
  switch (f.type) {
    case frame_type::host_state:
      is_right = take_state(child, link, f);
      break;
    case frame_type::file_want:
      is_right = take_want(child, f);
      break;
    case frame_type::steal:
      is_right = take_steal(link, f);
      break;
    case frame_type::returned:
      is_right = take_returned(child, link, f);
      break;
    case frame_type::sign_ask:
      is_right = take_ask(child, link, f);
      break;
    default:
      is_right = take_of_run(link, f);
  }
  if (!is_right) child.refuse(wire_fault::refused, name_of(f.type));
}

// Of itself a child says nothing, and nothing of hosts that have failed there, and may be
// elsewhere.
bool tree_root::is_with(const tree_child& child, std::uint32_t link,
                        const index_ranges& hosts) const {
  bool all = !hosts.contains(child.index());
  hosts.for_each([&](std::uint32_t index) { all = all && nodes_[index].link == link; });
  return all;
}

bool tree_root::are_all(stage at, const index_ranges& hosts) const {
  bool all = true;
  hosts.for_each([&](std::uint32_t index) { all = all && nodes_[index].at == at; });
  return all;
}

bool tree_root::take_state(tree_child& child, std::uint32_t link, const frame& f) {
  auto message = host_state_message::decode(f);
  if (!message || !is_with(child, link, message->hosts)) return false;
  if (!child.served().contains(message->parent)) return false;
  if (message->state == tree_host_state::connecting) return true;
  if (message->state == tree_host_state::up && !are_all(stage::wanted, message->hosts))
    return false;
  bool is_right = true;
  decided_.clear();
  message->hosts.for_each([&](std::uint32_t index) {
    node& its = nodes_[index];
    if (message->state == tree_host_state::up) {
      is_right = is_right && pool_.host_ended(links_[link]->slot, index, host_fate::up, decided_);
      return mark_up(index, link, message->parent, message->depth);
    }
    failure why(end_of(message->why), {},
                printable(its.where.name()) + ": " + printable(message->text));
    // One that was up and is lost: its commands have their own ends.
    if (its.at == stage::up) return mark_failed(index, why);
    is_right = is_right && pool_.host_ended(links_[link]->slot, index, host_fate::failed, decided_);
    if (!is_right || !try_here(index, message->why)) mark_ended(index, message->why, why);
  });
  follow(decided_);
  return is_right;
}

// Agents may be where a host cannot be reached from, or have an ssh that cannot ask.
bool tree_root::try_here(std::uint32_t index, host_failure why) {
  node& its = nodes_[index];
  bool may_be_theirs =
      why != host_failure::protocol && why != host_failure::silent && why != host_failure::lost;
  if (!relays_ || its.by == reach::root_only || !may_be_theirs || is_closing_) return false;
  its.by = reach::root_only;
  its.link = no_link;
  host_span one;
  one.first = index;
  one.count = 1;
  one.under = root_itself;
  pool_.add(one, decided_);
  return true;
}

// A child may ask for what it likes: it is told no, and the reason is on record.
bool tree_root::take_ask(tree_child& child, std::uint32_t link, const frame& f) {
  auto ask = sign_ask_message::decode(f);
  if (!ask) return false;
  sign_target target;
  if (relays_ && child.served().contains(ask->target)) target = target_of(ask->target, link);
  sign_answer_message reply;
  reply.hosts = ask->hosts;
  reply.number = ask->number;
  if (std::string_view why = why_not_answer(*ask, target); !why.empty()) {
    record_refusal(child, link, why);
    reply.text = std::string(1, ssh_agent_failure);
    tell(link, std::move(reply));
    return true;
  }
  intrusive_ptr<tree_root> self(this);
  intrusive_ptr<tree_child> from(&child);
  way_->answer(nodes_[ask->target].where, std::move(*ask),
               [self, from, reply](std::string text) mutable {
                 reply.text = std::move(text);
                 self->answer(*from, std::move(reply));
               });
  return true;
}

sign_target tree_root::target_of(std::uint32_t index, std::uint32_t link) {
  node& its = nodes_[index];
  sign_target found;
  found.is_on_its_way = its.at == stage::wanted && its.link == link && its.by == reach::open;
  if (!found.is_on_its_way) return found;
  work_item told = way_->item_for(its.where);
  found.key = std::move(told.key);
  found.user = std::move(told.user);
  found.asked = its.asked;
  if (its.asked < UINT8_MAX) ++its.asked;
  return found;
}

// Who asks without end does not fill the log.
void tree_root::record_refusal(const tree_child& child, std::uint32_t link, std::string_view why) {
  constexpr unsigned most_records = 20;
  if (++links_[link]->refusals > most_records) return;
  log(log_level::warning, [&] {
    return fmt::format("{}: no signature for a login from there: {}",
                       printable(nodes_[child.index()].where.name()), why);
  });
}

// The child may have gone meanwhile.
void tree_root::answer(const tree_child& child, sign_answer_message reply) {
  std::uint32_t link = link_of(child);
  if (link != no_link && links_[link]->child.get() == &child) tell(link, std::move(reply));
}

bool tree_root::take_want(tree_child& child, const frame& f) {
  auto message = file_want_message::decode(f);
  return message && copies_.take_want(child, *message);
}

// Hosts are given to those alone that were told how to reach them.
bool tree_root::take_steal(std::uint32_t link, const frame& f) {
  auto message = steal_message::decode(f);
  if (!message || !links_[link]->may_deploy) return false;
  decided_.clear();
  pool_.child_asks(links_[link]->slot, message->hosts, decided_);
  follow(decided_);
  return true;
}

bool tree_root::take_returned(tree_child& child, std::uint32_t link, const frame& f) {
  auto message = returned_message::decode(f);
  if (!message || !is_with(child, link, message->hosts)) return false;
  if (!are_all(stage::wanted, message->hosts)) return false;
  decided_.clear();
  host_spans back = spans_of(message->hosts);
  // If it is not right, all that it has is taken when it is lost.
  if (!pool_.child_returns(links_[link]->slot, back, decided_)) return false;
  child.take_back(message->hosts);
  message->hosts.for_each([&](std::uint32_t index) { nodes_[index].link = no_link; });
  follow(decided_);
  return true;
}

// -- the end --------------------------------------------------------------------------------------

void tree_root::tick() {
  decided_.clear();
  pool_.tick(since_start(loop_.now()), decided_);
  follow(decided_);
}

// Hosts whose way is given are nobody else's, however slow that is.
void tree_root::watch_time() {
  if (leaders_) return;
  if (pool_.needs_time() && !tick_.armed() && children_ > 0) loop_.arm_after(tick_, look_interval);
}

// Nothing can be started any more: memory or descriptors are short.
void tree_root::fail_all(const std::exception_ptr& error) noexcept {
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].at != stage::wanted || nodes_[i].link != no_link) continue;
    contain(
        [&] {
          mark_failed(i, failure(end_reason::connect_failed, error_of(error),
                                 printable(nodes_[i].where.name())));
        },
        [](const std::exception_ptr&) {});
  }
}

void tree_root::close() noexcept {
  is_closing_ = true;
  intrusive_ptr<tree_root> alive(this);
  way_->forget_answers();
  for (std::size_t i = 0; i < links_.size(); ++i)
    if (links_[i]->child) links_[i]->child->leave();
  if (children_ == 0) end_closed();
}

// Hosts that were still wanted have an end, too.
void tree_root::end_closed() noexcept {
  std::error_code why = std::make_error_code(std::errc::operation_canceled);
  fail_all(std::make_exception_ptr(std::system_error(why, "the tree was closed")));
  if (tree_watcher* by = std::exchange(watcher_, nullptr)) by->tree_over();
}

tree_status tree_root::status() const noexcept {
  auto count = [this](stage at) { return in_stage_[static_cast<std::size_t>(at)]; };
  tree_status found;
  found.hosts = nodes_.size();
  found.up = count(stage::up);
  found.failed = count(stage::failed);
  found.direct = count(stage::direct);
  found.children = children_up_;
  for (std::size_t level = 0; level < on_level_.size(); ++level)
    if (on_level_[level] != 0) found.depth = level;
  return found;
}

void tree_root::describe(std::vector<std::string>& lines, clock::time_point) const {
  tree_status now = status();
  lines.push_back(
      fmt::format("tree: {} hosts, {} up, {} failed, {} without an agent; {} children, {} levels",
                  now.hosts, now.up, now.failed, now.direct, now.children, now.depth));
}

}  // namespace execo::detail
