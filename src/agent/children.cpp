#include "agent/children.hpp"

#include <algorithm>
#include <utility>

#include "agent/connector.hpp"
#include "wire/message_limits.hpp"

namespace execo::agent {
namespace {

using detail::frame_type;
using detail::host_failure;
using detail::index_ranges;
using detail::link_state;
using detail::work_item;

// Bounds of what one node does at a time, until they are measured.
constexpr std::uint32_t window = 16;
constexpr std::uint32_t usual_arity = 64;
constexpr unsigned most_depth = 8;

index_ranges indices_of(const std::vector<work_item>& hosts) {
  index_ranges indices;
  for (const work_item& one : hosts) indices.insert(one.index);
  return indices;
}

host_failure failure_of(detail::wire_fault fault) {
  if (fault == detail::wire_fault::cut_off) return host_failure::lost;
  return fault == detail::wire_fault::silent ? host_failure::silent : host_failure::protocol;
}

}  // namespace

void children::introduce(const detail::welcome_message& self) { self_ = self; }

branch* children::find(link_number number) noexcept {
  auto found = branches_.find(number);
  return found != branches_.end() ? found->second.get() : nullptr;
}

line* children::line_of(link_number child) noexcept {
  branch* which = find(child);
  return which != nullptr ? which->line() : nullptr;
}

bool children::has_room(std::size_t limit) noexcept {
  return std::ranges::all_of(branches_, [limit](const auto& one) {
    line* way = one.second->line();
    return way == nullptr ||
           (way->link().data_backlog() < limit && way->link().control_backlog() < limit);
  });
}

std::uint32_t children::arity() const noexcept {
  return connector_ && connector_->arity != 0 ? connector_->arity : usual_arity;
}

unsigned children::last_level() const noexcept {
  return connector_ && connector_->depth != 0 ? connector_->depth : most_depth;
}

// A program that is cut short is of no use: hosts are asked for once one is whole.
bool children::may_have_children() const noexcept {
  if (leaving_ || !connector_ || self_.depth >= last_level()) return false;
  return connector_->local ||
         std::ranges::any_of(programs_, [](const auto& one) { return one.second.is_whole(); });
}

// -- programs
// --------------------------------------------------------------------------------------

// The last level takes all that it is given: nobody is below it.
bool children::may_have_more() const noexcept {
  return branches_.size() < arity() || self_.depth + 1U >= last_level();
}

bool children::take_program(const detail::image_message& part) {
  agent_program& program = programs_[part.arch];
  if (part.offset == 0) {
    program.size = part.size;
    program.sha256 = part.sha256;
  }
  if (part.size != program.size || part.offset != program.bytes.size() ||
      part.bytes.size() > program.size - program.bytes.size())
    return false;
  program.bytes.append(part.bytes);
  for (auto& [number, child] : branches_)
    if (child->state() == branch_state::up) (void)child->line()->send(part);
  if (program.is_whole()) deploy();
  return true;
}

const agent_program* children::program_for(detail::machine arch) {
  auto found = programs_.find(arch);
  return found != programs_.end() && found->second.is_whole() ? &found->second : nullptr;
}

// Before its connector: it asks for hosts once it has both.
void children::send_programs(line& to) {
  detail::image_message part;
  for (const auto& [arch, program] : programs_) {
    part.arch = arch;
    part.size = static_cast<std::uint32_t>(program.size);
    part.sha256 = program.sha256;
    for (std::size_t at = 0; at < program.bytes.size(); at += part.bytes.size()) {
      part.offset = static_cast<std::uint32_t>(at);
      part.bytes = std::string_view(program.bytes).substr(at, detail::chunk_limit);
      (void)to.send(part);
    }
  }
}

// -- hosts
// -----------------------------------------------------------------------------------------

void children::take_connector(const detail::connector_message& connector) {
  connector_ = connector;
  for (auto& [number, child] : branches_)
    if (child->state() == branch_state::up) (void)child->line()->send(connector);
  want();
}

bool children::add(const detail::work_message& work) {
  index_ranges hosts = indices_of(work.items);
  for (const detail::route_table::part& part : routes_.split(hosts))
    if (part.link != nowhere) return false;
  routes_.assign(hosts, not_up);
  pool_.add(work.items);
  wanted_ = 0;
  deploy();
  return true;
}

index_ranges children::withdraw(const index_ranges& hosts) {
  index_ranges free = pool_.remove(hosts);
  routes_.erase(free);
  return free;
}

bool children::give_back(branch& child, const index_ranges& hosts) {
  if (!wanted_back_.contains(hosts) || !are_behind(child, hosts)) return false;
  settle(hosts);
  routes_.erase(hosts);
  if (child.line() != nullptr) child.line()->link().take_back(hosts);
  return true;
}

bool children::may_tell(const branch& child, const index_ranges& hosts) const {
  if (std::optional<std::uint32_t> one = hosts.single()) {
    const link_number way = routes_.find(*one);
    return way == child.number() || way == nowhere;
  }
  return std::ranges::all_of(routes_.split(hosts), [&child](const auto& part) {
    return part.link == child.number() || part.link == nowhere;
  });
}

bool children::are_behind(const branch& child, const index_ranges& hosts) const {
  return std::ranges::all_of(routes_.split(hosts),
                             [&child](const auto& part) { return part.link == child.number(); });
}

bool children::take_state(const branch& child, const index_ranges& hosts,
                          detail::tree_host_state state) {
  const bool was_up = state == detail::tree_host_state::up && !given_.contains(hosts);
  if (was_up || !are_behind(child, hosts)) return false;
  if (state == detail::tree_host_state::connecting) return true;
  settle(hosts);
  if (state == detail::tree_host_state::failed) routes_.erase(hosts);
  return true;
}

// It is known what became of them.
void children::settle(const index_ranges& hosts) {
  given_ -= hosts;
  wanted_back_ -= hosts;
}

void children::ask(branch& child, std::uint32_t room) {
  pool_.ask(child.number(), room);
  deploy();
}

void children::deploy() {
  if (!may_have_children()) return;
  while (std::optional<host_pool::share> share = pool_.serve()) serve(*share);
  index_ranges begun;
  while (connecting_ < window && may_have_more()) {
    std::optional<work_item> next = pool_.take();
    if (!next) break;
    std::uint32_t index = next->index;
    if (start(std::move(*next))) begun.insert(index);
  }
  if (!begun.empty()) owner_.on_connecting(begun);
  want();
}

void children::serve(const host_pool::share& what) {
  branch* child = find(what.child);
  // It has asked, so it is up; it may have been lost since.
  if (child == nullptr || child->line() == nullptr) return pool_.add(what.hosts);
  index_ranges hosts = indices_of(what.hosts);
  routes_.assign(hosts, what.child);
  given_ |= hosts;
  child->line()->link().hand_over(hosts);
  for (std::vector<work_item> left = what.hosts; !left.empty();)
    (void)child->line()->send(detail::take_work(left));
  owner_.on_way(*child, hosts);
}

// The parent answers once there are hosts again, so it is asked anew only for a lot more.
void children::want() {
  if (!may_have_children() || !pool_.empty()) return;
  std::uint32_t own = may_have_more() ? window - std::min(connecting_, window) : 0;
  std::uint32_t all = own + std::min(pool_.wanted(), UINT32_MAX - own);
  if (all == 0 || all / 2 < wanted_) return;
  wanted_ = all;
  owner_.on_hosts_wanted(all);
}

// -- branches
// --------------------------------------------------------------------------------------

bool children::start(work_item host) {
  link_number number = ++last_number_;
  detail::welcome_message welcome = self_;
  welcome.index = host.index;
  welcome.host = host.name;
  welcome.depth = static_cast<std::uint8_t>(self_.depth + 1);
  branch_owner& self = *this;
  auto made = std::make_unique<branch>(loop_, self, number, std::move(host));
  if (!begin(*made, welcome)) {
    index_ranges lost(made->host().index);
    routes_.erase(lost);
    owner_.on_hosts_lost(lost, index_ranges(), made->failure(), made->failure_text());
    return false;
  }
  ++connecting_;
  by_pid_.emplace(made->pid(), made.get());
  branches_.emplace(number, std::move(made));
  return true;
}

bool children::begin(branch& made, const detail::welcome_message& welcome) {
  if (!connector_->relays) return made.start(*connector_, welcome, around_);
  if (!signing_.open()) {
    made.note_failure(host_failure::no_resource, "no ssh agent here: " + signing_.problem());
    return false;
  }
  signing_.learn(made.host());
  detail::connector_message words = *connector_;
  set_paths(words, signing_.socket_path(), signing_.keys_path());
  return made.start(words, welcome, around_);
}

std::optional<std::uint32_t> children::host_of_connector(pid_t session) const noexcept {
  auto found = by_pid_.find(session);
  if (found == by_pid_.end() || found->second->state() != branch_state::starting)
    return std::nullopt;
  return found->second->host().index;
}

void children::on_branch_frame(branch& from, const detail::frame& what) {
  if (what.type == frame_type::hello) return on_hello(from);
  if (what.type == frame_type::goodbye) return;
  owner_.on_child_frame(from, what);
}

void children::on_hello(branch& from) {
  if (from.line()->link().state() != link_state::open) return;
  from.opened();
  --connecting_;
  index_ranges self(from.host().index);
  routes_.assign(self, from.number());
  send_programs(*from.line());
  if (connector_) (void)from.line()->send(*connector_);
  owner_.on_child_up(from);
  owner_.on_way(from, self);
  deploy();
}

void children::on_branch_over(branch& which) {
  const detail::link& link = which.line()->link();
  // Its connector tells more than the end of its bytes does.
  if (which.state() == branch_state::greeting && link.fault() == detail::wire_fault::cut_off)
    return;
  if (link.state() == link_state::failed)
    which.note_failure(failure_of(link.fault()), link.fault_words());
  else
    which.note_failure(host_failure::lost, "the agent has said goodbye");
  on_branch_failed(which);
}

void children::on_branch_failed(branch& which) {
  const bool was_up = which.connect_time().count() > 0;
  if (!was_up) --connecting_;
  index_ranges hosts = routes_.erase_link(which.number());
  hosts.insert(which.host().index);
  routes_.erase(hosts);
  settle(hosts);
  index_ranges silent;
  for (const detail::route_table::part& part : routes_.split(which.served()))
    if (part.link == nowhere) silent = part.hosts - hosts;
  pool_.forget(which.number());
  which.end();
  // Hosts behind it are to say through whom they were lost.
  std::string text = which.failure_text();
  if (was_up) text = "the agent of " + which.host().name + ": " + text;
  owner_.on_hosts_lost(hosts, silent, which.failure(), text);
  deploy();
}

void children::on_branch_gone(branch& which) { gone_.push_back(which.number()); }

bool children::on_zombie(pid_t pid, int status) {
  auto found = by_pid_.find(pid);
  if (found == by_pid_.end()) return false;
  branch& which = *found->second;
  by_pid_.erase(found);
  which.on_exit(status);
  return true;
}

void children::leave(detail::goodbye_reason why) {
  leaving_ = true;
  for (auto& [number, child] : branches_)
    if (child->line() != nullptr) child->line()->leave(why, "");
}

void children::kill_all() noexcept {
  for (auto& [number, child] : branches_) child->kill();
}

void children::collect() {
  for (link_number number : gone_) branches_.erase(number);
  if (gone_.empty()) return;
  gone_.clear();
  deploy();
}

}  // namespace execo::agent
