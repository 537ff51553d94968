#include "action/composite_action.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "action/action_access.hpp"
#include "execo/composite.hpp"

namespace execo {
namespace detail {

namespace {

void check_member(const action_core& one) {
  if (one.bound()) throw std::logic_error("an action joins a composite before it is started");
  if (one.is_suspended())
    throw std::logic_error("a suspended action joins no composite: suspend the composite");
  if (!one.may_join())
    throw std::logic_error("an action that resumes a journal joins no composite: run it alone");
}

}  // namespace

composite_action::composite_action(order how, std::vector<action_ref> members) : order_(how) {
  for (const action_ref& one : members) check_member(*one);
  members_.reserve(members.size());
  for (action_ref& one : members) {
    one->join(*this, size_);
    const std::size_t hosts = one->size();
    members_.push_back(member{std::move(one), size_});
    size_ += hosts;
  }
}

std::string composite_action::name() const {
  if (!given_name.empty()) return given_name;
  return order_ == order::at_once ? "parallel" : "sequential";
}

// Members that are moved to another loop would move their hosts and handlers with them.
void composite_action::check_place(const action_core& what, const loop& where) const {
  if (what.chosen != nullptr && what.chosen != &where)
    throw std::invalid_argument("on() for a member of a composite: call on() of the composite");
}

void composite_action::prepare(loop& where) {
  for (const member& m : members_) {
    check_place(*m.what, where);
    m.what->prepare(where);
  }
}

// What may throw comes first. The hosts are counted before one of them can end, and a member of
// which none is left to begin is stopped: it delivers `not_started`.
std::size_t composite_action::schedule(action_ref what) {
  if (bound() && loop::current() != home_)
    throw std::logic_error("schedule() of an action that was started is for its loop: post() it");
  if (stage_ == stage::ended)
    throw std::logic_error("schedule() of an action that has ended: run another one");
  check_member(*what);
  if (members_.size() == members_.capacity()) members_.reserve(2 * members_.size() + 1);
  if (fanout_ > 0) what->set_fanout(fanout_);
  what->join(*this, size_);
  if (bound()) {
    check_place(*what, *home_);
    what->prepare(*home_);
    what->bind_home(*home_);
  }
  const std::size_t number = members_.size();
  const std::size_t hosts = what->size();
  members_.push_back(member{std::move(what), size_});
  size_ += hosts;
  stats_.hosts = size_;
  if (at_ == step::closed) {
    members_[number].what->stop();
  } else {
    advance();
  }
  return number;
}

void composite_action::bind_home(loop& where) noexcept {
  for (const member& m : members_) m.what->bind_home(where);
  action_core::bind_home(where);
}

void composite_action::begin() {
  at_ = step::at_rest;
  advance();
}

// While launching is suspended no member of a sequence begins: its handlers would hear of a start,
// and it would hold descriptors.
bool composite_action::may_begin_next() const noexcept {
  if (next_ == members_.size()) return false;
  return order_ == order::at_once || (next_ == over_count_ && !is_suspended());
}

// A member may end within its own start, or one of its handlers schedule another, which leads here
// again.
void composite_action::advance() noexcept {
  if (at_ != step::at_rest) return;
  at_ = step::advancing;
  while (at_ == step::advancing && may_begin_next()) members_[next_++].what->start();
  if (at_ == step::advancing) at_ = step::at_rest;
}

void composite_action::member_over(action_core& which) noexcept {
  ++over_count_;
  if (order_ == order::at_once) return;
  if (order_ == order::one_by_one_while_ok && !which.succeeded()) skip_the_rest();
  advance();
}

// A member that is stopped before it starts delivers `not_started` for all of its hosts.
void composite_action::skip_the_rest() noexcept {
  at_ = step::closed;
  const std::size_t first = std::exchange(next_, members_.size());
  for (std::size_t i = first; i < members_.size(); ++i) members_[i].what->stop();
}

void composite_action::cancel_all() noexcept {
  skip_the_rest();
  for (std::size_t i = 0; i < members_.size(); ++i) members_[i].what->stop();
}

void composite_action::signal_all(int signal) noexcept {
  const std::size_t begun = next_;
  skip_the_rest();
  for (std::size_t i = 0; i < begun; ++i) members_[i].what->kill(signal);
}

void composite_action::end_waiting() noexcept {
  const std::size_t begun = next_;
  skip_the_rest();
  for (std::size_t i = 0; i < begun; ++i) members_[i].what->begin_no_more();
}

void composite_action::go_on() noexcept {
  for (std::size_t i = 0; i < next_; ++i) members_[i].what->go_on();
  advance();
}

void composite_action::on_suspended() noexcept {
  for (const member& m : members_) m.what->on_suspended();
}

void composite_action::set_fanout(std::size_t at_a_time) noexcept {
  fanout_ = at_a_time;
  for (std::size_t i = 0; i < members_.size(); ++i) members_[i].what->set_fanout(at_a_time);
}

void composite_action::allow_below(std::size_t limit) noexcept {
  for (const member& m : members_) m.what->allow_below(limit - std::min(limit, m.first));
}

std::optional<std::size_t> composite_action::find(const host& which, match by) const {
  for (const member& m : members_)
    if (auto index = m.what->find(which, by)) return m.first + *index;
  return std::nullopt;
}

host_state composite_action::state_of(std::size_t index) const noexcept {
  const member& m = members_[member_at(index)];
  return m.what->state_of(index - m.first);
}

// The member of a sequence whose turn has not come begins without this host, or not at all.
void composite_action::signal_one(std::size_t index, int signal) noexcept {
  const member& m = members_[member_at(index)];
  m.what->signal_one(index - m.first, signal);
}

void composite_action::find_process(std::size_t index, host_process_op& waiter) noexcept {
  const member& m = members_[member_at(index)];
  m.what->find_process(index - m.first, waiter);
}

std::size_t composite_action::open() const noexcept {
  std::size_t hosts = 0;
  for (const member& m : members_) hosts += m.what->open();
  return hosts;
}

bool composite_action::lacks_hosts() const noexcept {
  if (allows_empty()) return false;
  return members_.empty() ||
         std::ranges::any_of(members_, [](const member& m) { return m.what->lacks_hosts(); });
}

// Of members without hosts, which begin where the next one does, the last is not meant.
std::size_t composite_action::member_at(std::size_t index) const noexcept {
  auto after = std::ranges::upper_bound(members_, index, {}, &member::first);
  return static_cast<std::size_t>(after - members_.begin()) - 1;
}

action_core& composite_action::action_of(std::size_t index) noexcept {
  const member& m = members_[member_at(index)];
  return m.what->action_of(index - m.first);
}

std::vector<std::size_t> composite_action::path_of(std::size_t index) const {
  std::vector<std::size_t> path;
  const composite_action* at = this;
  while (at != nullptr) {
    if (index >= at->size_)
      throw std::out_of_range(fmt::format("host {} of an action on {} hosts", index, at->size_));
    path.push_back(at->member_at(index));
    const member& m = at->members_[path.back()];
    index -= m.first;
    at = dynamic_cast<const composite_action*>(&m.what->shown());
  }
  return path;
}

outcome_part composite_action::part(std::size_t first) const {
  outcome_part made = action_core::part(first);
  made.parts.reserve(members_.size());
  for (const member& m : members_) made.parts.push_back(m.what->part(first + m.first));
  return made;
}

void composite_action::describe(std::vector<std::string>& lines, clock::time_point now) const {
  lines.push_back(fmt::format("{} of {} actions on {}, {} of them ended", name(), members_.size(),
                              progress(now), over_count_));
}

namespace {

composite_action& composite_of(action_core& state) { return static_cast<composite_action&>(state); }

composite_action& composite_to_configure(action& a) {
  action_core& core = action_access::core(a);
  if (core.bound()) throw std::logic_error("an action is configured before it is started");
  return composite_of(core);
}

action_ref make_composite(composite_action::order how, std::vector<action> members) {
  std::vector<action_ref> taken;
  taken.reserve(members.size());
  for (action& a : members) taken.push_back(action_access::take(a));
  return action_ref(new composite_action(how, std::move(taken)));
}

}  // namespace

action_ref make_parallel(std::vector<action> members) {
  return make_composite(composite_action::order::at_once, std::move(members));
}
action_ref make_sequential(std::vector<action> members) {
  return make_composite(composite_action::order::one_by_one, std::move(members));
}
void set_composite_name(action& a, std::string_view name) {
  composite_to_configure(a).given_name = name;
}
void set_stop_on_failure(action& a) { composite_to_configure(a).stop_on_failure(); }
std::size_t schedule_member(action& all, action what) {
  return composite_of(action_access::core(all)).schedule(action_access::take(what));
}

}  // namespace detail

std::size_t composite::members() const { return detail::composite_of(state()).count(); }

std::size_t composite::member_of(const host_result& r) const { return path_of(r).front(); }

std::vector<std::size_t> composite::path_of(const host_result& r) const {
  return detail::composite_of(state()).path_of(r.index);
}

}  // namespace execo
