#include "agent/children.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/connector.hpp"
#include "wire/host_spans.hpp"
#include "wire/message_limits.hpp"

namespace execo::agent {
namespace {

using detail::frame_type;
using detail::host_failure;
using detail::index_ranges;
using detail::link_state;
using detail::work_item;

constexpr unsigned max_levels = 8;
// Of a connector that logs in by a certificate.
constexpr std::string_view key_token = "%I";
// Between two looks for children that are slow to start what they have taken.
constexpr milliseconds look_interval{1000};
// Of such a look: this host has more to do than it can.
constexpr milliseconds max_delay{200};
// Connections that are measured before the arity follows from them.
constexpr std::uint32_t measured_connections = 4;

index_ranges indices_of(const std::vector<work_item>& hosts) {
  index_ranges indices;
  for (const work_item& one : hosts) indices.insert(one.index);
  return indices;
}

bool is_empty(const detail::pool_decisions& decided) noexcept {
  return decided.start.empty() && decided.give.empty() && decided.take_back.empty() &&
         decided.parent == detail::pool_decisions::to_parent::nothing;
}

// Closed before a login: the other end, or a gateway, has too many at a time.
bool is_turned_away(const branch& which) {
  if (which.failure() == host_failure::no_resource) return true;
  const std::string text = which.failure_text();
  return text.find("kex_exchange_identification") != std::string::npos ||
         text.find("Connection reset") != std::string::npos;
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

unsigned children::last_level() const noexcept {
  return connector_ && connector_->depth != 0 ? connector_->depth : max_levels;
}

// -- programs
// --------------------------------------------------------------------------------------

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
    if (child->state() == branch_state::up && !child->lacks_programs())
      (void)child->line()->send(part);
  if (!program.is_whole() || !pool_ || early_.empty()) return true;
  take_in(std::exchange(early_, detail::host_spans()));
  follow();
  return true;
}

const agent_program* children::program_for(detail::machine arch) {
  auto found = programs_.find(arch);
  return found != programs_.end() && found->second.is_whole() ? &found->second : nullptr;
}

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
  if (certificate_.told() != nullptr) (void)to.send(*certificate_.told());
}

// -- hosts
// -----------------------------------------------------------------------------------------

void children::take_connector(const detail::connector_message& connector) {
  connector_ = connector;
  begin_pool();
}

void children::take_certificate(const detail::certificate_message& what) {
  certificate_.take(what);
  for (auto& [number, child] : branches_)
    if (child->state() == branch_state::up && !child->lacks_programs())
      (void)child->line()->send(what);
}

void children::begin_pool() {
  if (pool_ || leaving_ || self_.depth >= last_level()) return;
  measured_.emplace(*connector_);
  detail::pool_rules rules;
  if (connector_->arity != 0)
    rules.arity = connector_->arity;
  else if (measured_->is_known())
    rules.arity = arity_for(measured_->cost());
  rules.max_depth = last_level();
  rules.depth = self_.depth;
  rules.self = self_.index;
  rules.window = first_window_of(*measured_);
  pool_.emplace(rules);
  pool_->joined(decided_);
  if (can_start()) take_in(std::exchange(early_, detail::host_spans()));
  follow();
}

// A program that is cut short is of no use.
bool children::can_start() const noexcept {
  return pool_ && (connector_->local || std::ranges::any_of(programs_, [](const auto& one) {
                     return one.second.is_whole();
                   }));
}

// More than it has asked for: a parent may know better.
void children::take_in(const detail::host_spans& hosts) {
  if (hosts.empty() || pool_->receive(hosts, decided_)) return;
  for (const detail::host_span& one : hosts) pool_->add(one, decided_);
}

bool children::add(const detail::work_message& work) {
  index_ranges hosts = indices_of(work.items);
  for (const detail::route_table::part& part : routes_.split(hosts))
    if (part.link != nowhere) return false;
  routes_.assign(hosts, not_up);
  for (const work_item& one : work.items) hosts_.insert_or_assign(one.index, one);
  const detail::host_spans spans = spans_of(work.items);
  if (can_start())
    take_in(spans);
  else
    early_.insert(early_.end(), spans.begin(), spans.end());
  follow();
  return true;
}

index_ranges children::withdraw(const index_ranges& hosts) {
  detail::host_spans back, wanted;
  for (const auto& [index, item] : hosts_)
    if (hosts.contains(index)) append_span(wanted, span_of(item));
  if (pool_) pool_->revoke(wanted, back);
  index_ranges free = set_of(back);
  routes_.erase(free);
  free.for_each([this](std::uint32_t index) { hosts_.erase(index); });
  return free;
}

bool children::take_returned(branch& child, const index_ranges& hosts) {
  if (!are_behind(child, hosts) || !pool_->child_returns(child.slot(), spans_of(hosts), decided_))
    return false;
  routes_.assign(hosts, not_up);
  if (child.line() != nullptr) child.line()->link().take_back(hosts);
  follow();
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

// One that was up and is lost has no place in the pool any more.
bool children::take_state(branch& child, const index_ranges& hosts, detail::tree_host_state state) {
  if (!are_behind(child, hosts)) return false;
  if (state == detail::tree_host_state::connecting) return true;
  const bool failed = state == detail::tree_host_state::failed;
  const auto fate = failed ? detail::host_fate::failed : detail::host_fate::up;
  bool sound = true;
  hosts.for_each([&](std::uint32_t index) {
    if (pool_->host_ended(child.slot(), index, fate, decided_))
      hosts_.erase(index);
    else
      sound = sound && failed && !hosts_.contains(index);
  });
  if (failed && sound) routes_.erase(hosts);
  follow();
  return sound;
}

void children::ask(branch& child, std::uint32_t room) {
  pool_->child_asks(child.slot(), room, decided_);
  follow();
}

// -- what the pool decides
// -------------------------------------------------------------------------

void children::follow() {
  while (!is_empty(decided_)) {
    const detail::pool_decisions now = std::exchange(decided_, detail::pool_decisions());
    if (leaving_) return;
    follow_starts(now.start);
    for (const auto& one : now.give)
      if (branch* child = find(numbers_[one.child])) give(*child, now.of(one));
    for (const auto& one : now.take_back)
      if (branch* child = find(numbers_[one.child])) take_back(*child, now.of(one));
    if (now.parent == detail::pool_decisions::to_parent::nothing) continue;
    detail::steal_message steal;
    steal.hosts = now.credit;
    steal.connect_us = measured_->connect_us();
    steal.cpu_us = measured_->cpu_us();
    owner_.on_hosts_wanted(steal);
  }
  watch_time();
}

void children::follow_starts(const detail::host_spans& hosts) {
  index_ranges begun;
  set_of(hosts).for_each([&](std::uint32_t index) {
    if (start(index)) begun.insert(index);
  });
  if (!begun.empty()) owner_.on_connecting(begun);
}

// A child without a link gets nothing: the pool takes its hosts back when it is reported lost.
void children::give(branch& child, std::span<const detail::host_span> hosts) {
  if (child.line() == nullptr) return;
  index_ranges given = set_of(hosts);
  routes_.assign(given, child.number());
  child.line()->link().hand_over(given);
  if (child.need_programs()) send_programs(*child.line());
  std::vector<work_item> items =
      items_of(hosts, [this](std::uint32_t index) { return hosts_[index]; });
  while (!items.empty()) (void)child.line()->send(detail::take_work(items));
  owner_.on_way(child, given);
}

void children::take_back(branch& child, std::span<const detail::host_span> hosts) {
  if (child.line() == nullptr) return;
  detail::revoke_message message;
  message.hosts = set_of(hosts);
  (void)child.line()->send(message);
}

void children::watch_time() {
  const bool wanted = pool_ && !leaving_ && (pool_->needs_time() || pool_->in_flight() > 0);
  if (wanted && !look_.armed()) loop_.arm(look_, loop_.now() + look_interval);
}

void children::on_look() {
  if (!pool_) return;
  if (loop_.now() - look_.due() > max_delay) pool_->overloaded();
  pool_->tick(std::chrono::duration_cast<std::chrono::microseconds>(loop_.now().time_since_epoch()),
              decided_);
  follow();
}

// -- branches
// --------------------------------------------------------------------------------------

bool children::start(std::uint32_t index) {
  link_number number = ++last_number_;
  const work_item& host = hosts_[index];
  detail::welcome_message welcome = self_;
  welcome.index = host.index;
  welcome.host = host.alias.empty() ? host.name : host.alias;
  welcome.father = self_.host;
  welcome.depth = static_cast<std::uint8_t>(self_.depth + 1);
  branch_owner& self = *this;
  auto made = std::make_unique<branch>(loop_, self, number, host);
  if (!begin(*made, welcome)) {
    index_ranges lost(index);
    routes_.erase(lost);
    hosts_.erase(index);
    pool_->host_failed(index,
                       is_turned_away(*made) ? detail::connect_failure::turned_away
                                             : detail::connect_failure::unreachable,
                       decided_);
    owner_.on_hosts_lost(lost, index_ranges(), made->failure(), made->failure_text());
    return false;
  }
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
  if (has_token(words, key_token)) {
    if (!certificate_.is_ready()) {
      made.note_failure(host_failure::no_resource, certificate_.problem());
      return false;
    }
    set_path(words, key_token, certificate_.key_path());
    set_path(words, "%E", certificate_.certificate_path());
  }
  return made.start(words, welcome, around_);
}

std::optional<std::uint32_t> children::host_of_connector(pid_t session) const noexcept {
  auto found = by_pid_.find(session);
  if (found == by_pid_.end() || found->second->state() != branch_state::starting)
    return std::nullopt;
  return found->second->host().index;
}

void children::on_branch_frame(branch& from, const detail::frame& what) {
  if (what.type == frame_type::hello) return on_hello(from, what);
  if (what.type == frame_type::goodbye) return note_usage(from, what);
  owner_.on_child_frame(from, what);
}

// A child speaks for itself and for those that were handed to it.
void children::note_usage(const branch& from, const detail::frame& what) {
  std::optional<detail::goodbye_message> said = detail::goodbye_message::decode(what);
  if (said && said->used.agents <= from.served().count()) used_ += said->used;
}

void children::on_hello(branch& from, const detail::frame& what) {
  std::optional<detail::hello_message> hello = detail::hello_message::decode(what);
  if (!hello || from.line()->link().state() != link_state::open) return;
  from.opened();
  const std::uint32_t index = from.host().index;
  index_ranges self(index);
  routes_.assign(self, from.number());
  hosts_.erase(index);
  const auto role = make_inner(from, *hello) ? detail::child_role::inner : detail::child_role::leaf;
  from.take_slot(pool_->host_up(index, from.connect_time(), role, decided_));
  numbers_[from.slot()] = from.number();
  measure(from);
  owner_.on_child_up(from);
  owner_.on_way(from, self);
  follow();
}

// Programs, and a certificate, follow with the first hosts.
bool children::make_inner(branch& child, const detail::hello_message& hello) {
  if (self_.depth + 1U >= last_level()) return false;
  const bool needs_ssh = !connector_->local && connector_->words.front() == "ssh";
  if (needs_ssh && !hello.can(detail::capability::ssh)) return false;
  detail::connector_message connector = *connector_;
  connector.connect_us = measured_->connect_us();
  connector.cpu_us = measured_->cpu_us();
  return child.line()->send(connector);
}

void children::measure(branch& child) {
  const auto typical = pool_->window().typical().count();
  measured_->add(child.pid(),
                 static_cast<std::uint32_t>(std::min<std::int64_t>(typical, UINT32_MAX)));
  if (connector_->arity == 0 && pool_->children() >= measured_connections)
    pool_->set_arity(arity_for(measured_->cost()), decided_);
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

// What it had taken and had not ended is started anew from here.
void children::on_branch_failed(branch& which) {
  const bool was_up = which.connect_time().count() > 0;
  const std::uint32_t own = which.host().index;
  index_ranges hosts = routes_.erase_link(which.number());
  hosts.insert(own);
  index_ranges back;
  if (was_up) {
    hosts.for_each([&](std::uint32_t index) {
      if (hosts_.contains(index)) back.insert(index);
    });
    hosts -= back;
    pool_->child_lost(which.slot(), decided_);
    numbers_.erase(which.slot());
  } else {
    hosts_.erase(own);
    pool_->host_failed(own,
                       is_turned_away(which) ? detail::connect_failure::turned_away
                                             : detail::connect_failure::unreachable,
                       decided_);
  }
  routes_.erase(hosts);
  if (!back.empty()) routes_.assign(back, not_up);
  index_ranges silent;
  for (const detail::route_table::part& part : routes_.split(which.served()))
    if (part.link == nowhere) silent = part.hosts - hosts;
  which.end();
  // Hosts behind it are to say through whom they were lost.
  std::string text = which.failure_text();
  if (was_up) text = "the agent of " + which.host().name + ": " + text;
  owner_.on_hosts_lost(hosts, silent, which.failure(), text);
  if (!back.empty()) owner_.on_hosts_back(back, text);
  follow();
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
  loop_.disarm(look_);
  for (auto& [number, child] : branches_)
    if (child->line() != nullptr) child->line()->leave(detail::goodbye_message(why, ""));
}

void children::kill_all() noexcept {
  for (auto& [number, child] : branches_) child->kill();
}

void children::collect() {
  for (link_number number : gone_) branches_.erase(number);
  gone_.clear();
}

}  // namespace execo::agent
