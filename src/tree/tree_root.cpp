#include "tree/tree_root.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/contain.hpp"
#include "base/machine_name.hpp"
#include "execo/printable.hpp"
#include "shape/cost_model.hpp"

namespace execo::detail {
namespace {

std::uint32_t open_files() noexcept {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 1024;
  return static_cast<std::uint32_t>(std::min<rlim_t>(files.rlim_cur, UINT32_MAX));
}

pool_rules rules_of(const tree_settings& how, const tree_way& way) {
  pool_rules rules;
  rules.self = tree_root::itself;
  const double cores = std::max(std::thread::hardware_concurrency(), 1U);
  std::optional<connector_message> further = way.connector();
  rules.arity =
      further && further->local ? arity_on_own_cores(cores) : arity_of_root(cores, open_files());
  rules.window = first_window_of_root(cores);
  if (how.arity != 0) rules.arity = static_cast<std::uint32_t>(how.arity);
  if (how.depth != 0) rules.max_depth = static_cast<std::uint32_t>(how.depth);
  return rules;
}

}  // namespace

tree_root::tree_root(loop& on, const tree_settings& how, std::shared_ptr<tree_way> way)
    : loop_(on),
      way_(std::move(way)),
      outfit_(how),
      hosts_(*way_),
      tunnels_(how.tunnel),
      wave_(on, *this, hosts_, links_),
      copies_(on),
      signing_(*this, hosts_, links_, *way_),
      certificates_(on, *this, *this, *way_),
      ready_(on, *this),
      folded_step_(on, *this, delegate<>::to<&tree_root::send_folded>(this)),
      wanted_step_(on, *this, delegate<>::to<&tree_root::begin_wanted>(this)),
      tick_(delegate<>::to<&tree_root::tick>(this), "a look at the agents of a tree"),
      pool_(rules_of(how, *way_)) {
  if (!how.plan) return;
  if (how.plan->has_ways()) leaders_.emplace(how.plan, root_in(how.plan->routes));
  if (!how.plan->zones.empty()) zones_.emplace(*how.plan);
}

// A session may outlive it.
tree_root::~tree_root() {
  assert(links_.empty());
  for (auto& [index, source] : sources_) source->end();
}

// -- commands -------------------------------------------------------------------------------------

void tree_root::enter(tree_seat& seat, const host& where) {
  seat.host_in_tree = index_of(where);
  seat.run_in_tree = 0;
  node& its = hosts_[seat.host_in_tree];
  if (its.at == tree_stage::up) return ready_.add(seat);
  if (its.at == tree_stage::direct) return seat.seat_failed(hosts_.why_direct(seat.host_in_tree));
  seat.link_before(its.seats);
  if (its.at != tree_stage::wanted) want(seat.host_in_tree);
}

void tree_root::want_all(std::span<const std::uint32_t> hosts) {
  for (std::uint32_t index : hosts)
    if (hosts_[index].at == tree_stage::unknown || hosts_[index].at == tree_stage::failed)
      want(index);
}

std::string tree_root::place_of(const tree_seat& seat) const {
  if (seat.host_in_tree == no_host) return {};
  const node& its = hosts_[seat.host_in_tree];
  if (its.through != no_host)
    return fmt::format("reached end to end through {}",
                       printable(hosts_[its.through].where.name()));
  if (its.parent == no_host) return hosts_.why_here(seat.host_in_tree);
  return fmt::format("reached through {}", printable(hosts_[its.parent].where.name()));
}

std::string tree_root::father_of(const tree_seat& seat) const {
  const node& its = hosts_[seat.host_in_tree];
  return its.parent == no_host ? machine_name() : hosts_[its.parent].where.name();
}

send_result tree_root::execute(tree_seat& seat, execute_message what) {
  if (!what.has(execute_flag::fold)) return order(seat, std::move(what));
  if (way_to(seat.host_in_tree) == nullptr) return send_result::over;
  what.run = runs_.folded().waiting_run();
  if (what.run != 0 && !runs_.folded().may_join(what)) {
    send_folded();
    what.run = 0;
  }
  if (what.run == 0) {
    what.run = runs_.new_number();
    folded_step_.queue();
  }
  runs_.folded().join(seat, std::move(what));
  return send_result::queued;
}

send_result tree_root::write_file(tree_seat& seat, file_order_message what,
                                  const std::shared_ptr<tree_content>& content) {
  forget_unused_files();
  what.content = copies_.number_of(content);
  what.size = content->size();
  if (tree_child* child = way_to(seat.host_in_tree)) copies_.expect(*child, what.content);
  return order(seat, std::move(what));
}

void tree_root::forget_unused_files() {
  file_forget_message forget;
  for (std::uint32_t number : copies_.drop_unused()) {
    forget.content = number;
    links_.send_to_all(forget);
  }
}

template <class Message>
send_result tree_root::order(tree_seat& seat, Message what) {
  tree_child* child = way_to(seat.host_in_tree);
  if (child == nullptr) return send_result::over;
  what.run = runs_.new_number();
  what.hosts = index_ranges(seat.host_in_tree);
  send_result sent = child->send(what);
  if (sent == send_result::full) wait_for_room(seat);
  if (sent != send_result::queued) return sent;
  runs_.add(what.run, seat, hosts_[seat.host_in_tree].link);
  seat.link_before(links_[seat.link_in_tree].seats);
  return sent;
}

tree_child* tree_root::way_to(std::uint32_t index) const noexcept {
  std::uint32_t link = hosts_[index].link;
  return link == tree_hosts::no_link ? nullptr : links_[link].child.get();
}

void tree_root::wait_for_room(tree_seat& seat) noexcept {
  bool was_sent = seat.run_in_tree != 0;
  std::uint32_t link = was_sent ? seat.link_in_tree : hosts_[seat.host_in_tree].link;
  seat.link_before(links_[link].blocked);
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

// -- children -------------------------------------------------------------------------------------

std::uint32_t tree_root::link_of(const tree_child& child) const noexcept {
  return hosts_[child.index()].link;
}

void tree_root::child_up(tree_child& child) {
  std::uint32_t link = link_of(child);
  tree_links::entry& its = links_[link];
  its.may_deploy = make_inner(child);
  decided_.clear();
  auto took = std::chrono::duration_cast<connect_window::duration>(child.connect_time());
  auto role = its.may_deploy ? child_role::inner : child_role::leaf;
  links_.set_up(link, pool_.host_up(child.index(), took, role, decided_));
  follow(decided_);
  mark_up(child.index(), link, no_host, 1);
}

bool tree_root::make_inner(tree_child& child) {
  std::optional<connector_message> connector = way_->connector();
  if (!connector || !outfit_.lets_agents_deploy()) return false;
  return outfit_.equip(child, std::move(*connector), pool_.shared() > 0);
}

void tree_root::child_has_room(tree_child& child) noexcept {
  tree_links::entry& its = links_[link_of(child)];
  contain([&] { (void)links_.send_unsent(its); }, [&](const std::exception_ptr&) { child.cut(); });
  if (!its.unsent.empty()) return;
  contain([&] { copies_.serve(child); }, [&](const std::exception_ptr&) { child.cut(); });
  contain([&] { talks_.serve(child); }, [&](const std::exception_ptr&) { child.cut(); });
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
  const bool was_up = links_[link].is_up;
  if (const std::uint32_t by = hosts_[child.index()].through; by != no_host && was_up)
    what.context += "; its session went through " + printable(hosts_[by].where.name());
  release_gateway_of(child);
  intrusive_ptr<tree_child> gone = links_.take_child(link);
  cost_.bytes_sent += child.bytes_sent();
  cost_.bytes_received += child.bytes_received();
  cost_.agents += child.used();
  copies_.forget(child);
  talks_.forget(child);
  certificates_.forget(link);
  auto on_error = [&](const std::exception_ptr& error) { fail_all(error); };
  decided_.clear();
  contain([&] { was_up ? lose_child(child, link, what) : miss_child(child, why, what); }, on_error);
  // Its number may be used again by what follows.
  links_.free(link);
  if (is_closing_) decided_.clear();
  contain([&] { follow(decided_); }, on_error);
  if (!links_.empty()) return;
  unlink();
  loop_.disarm(tick_);
  certificates_.rest();
  if (is_closing_) end_closed();
  self_ = {};
}

// One that is needed no more ends with the tree.
void tree_root::release_gateway_of(const tree_child& child) noexcept {
  const std::uint32_t by = hosts_[child.index()].through;
  if (by == no_host || --hosts_[by].carries != 0 || !is_closing_) return;
  if (tree_child* gateway = way_to(by)) gateway->leave();
}

// It was never up.
void tree_root::miss_child(const tree_child& child, host_failure how, const failure& why) {
  bool is_ours = how == host_failure::no_resource;
  pool_.host_failed(child.index(),
                    is_ours ? connect_failure::turned_away : connect_failure::unreachable,
                    decided_);
  mark_ended(child.index(), how, why);
}

void tree_root::lose_child(const tree_child& child, std::uint32_t link, const failure& why) {
  pool_.child_lost(links_[link].slot, decided_);
  lose_hosts(child, link, why);
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
    case frame_type::say:
    case frame_type::contribute:
    case frame_type::consumed:
      is_right = talks_.take(child, f);
      break;
    case frame_type::steal:
      is_right = take_steal(link, f);
      break;
    case frame_type::returned:
      is_right = take_returned(child, link, f);
      break;
    case frame_type::sign_ask:
      is_right = signing_.take(child, link, f);
      break;
    case frame_type::answers:
      is_right = wave_.take(link, f);
      break;
    default:
      is_right = runs_.take(link, f);
  }
  if (!is_right) child.refuse(wire_fault::refused, name_of(f.type));
}

bool tree_root::take_want(tree_child& child, const frame& f) {
  auto message = file_want_message::decode(f);
  return message && copies_.take_want(child, *message);
}

// -- the end --------------------------------------------------------------------------------------

// Nothing can be started any more: memory or descriptors are short.
void tree_root::fail_all(const std::exception_ptr& error) noexcept {
  for (std::uint32_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].at != tree_stage::wanted || hosts_[i].link != tree_hosts::no_link) continue;
    contain(
        [&] {
          mark_failed(i, failure(end_reason::connect_failed, error_of(error),
                                 printable(hosts_[i].where.name())));
        },
        [](const std::exception_ptr&) {});
  }
}

void tree_root::close() noexcept {
  is_closing_ = true;
  intrusive_ptr<tree_root> alive(this);
  wave_.stop();
  way_->forget_answers();
  certificates_.rest();
  // Those that pass on what is said to others come last.
  links_.leave([this](const tree_child& child) { return hosts_[child.index()].carries == 0; });
  if (links_.empty()) end_closed();
}

// Hosts that were still wanted have an end, too.
void tree_root::end_closed() noexcept {
  std::error_code why = std::make_error_code(std::errc::operation_canceled);
  fail_all(std::make_exception_ptr(std::system_error(why, "the tree was closed")));
  if (tree_watcher* by = std::exchange(watcher_, nullptr)) by->tree_over(cost_);
}

tree_status tree_root::status() const noexcept {
  tree_status found = hosts_.status();
  found.children = links_.up();
  return found;
}

void tree_root::describe(std::vector<std::string>& lines, clock::time_point) const {
  tree_status now = status();
  lines.push_back(
      fmt::format("tree: {} hosts, {} up, {} failed, {} without an agent; {} children, {} levels",
                  now.hosts, now.up, now.failed, now.direct, now.children, now.depth));
  wave_.describe(lines);
}

}  // namespace execo::detail
