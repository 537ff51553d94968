#include "ssh/admission.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "execo/time.hpp"

namespace execo::detail {
namespace {

// As long as the failures took: at most half of the time goes to what does not answer.
constexpr clock::duration shortest_closing = std::chrono::seconds(1);
constexpr clock::duration longest_closing = std::chrono::seconds(30);
constexpr clock::duration remembered = 2 * longest_closing;

}  // namespace

class admission::address final : public list_node {
 public:
  void note(const failure& why, clock::duration lasted, unsigned weight, clock::time_point now) {
    ++failures_;
    weight_ += weight;
    spent_ += lasted;
    last_ = now;
    why_ = why;
  }
  void forgive() noexcept {
    failures_ = weight_ = 0;
    spent_ = {};
  }
  bool has_failed() const noexcept { return failures_ > 0; }
  clock::time_point last_failure() const noexcept { return last_; }
  bool is_closed_at(clock::time_point now) const noexcept {
    return weight_ >= max_weight &&
           now < last_ + std::clamp(spent_, shortest_closing, longest_closing);
  }
  failure why(clock::time_point now) const {
    std::string text = "not tried: " + std::to_string(failures_) +
                       (failures_ == 1 ? " connection" : " connections in a row") +
                       " failed, the last one " + format_duration(now - last_) +
                       " ago: " + why_.text();
    failure shown(end_reason::connect_failed, why_.why, std::move(text));
    shown.reason = why_.reason;
    return shown;
  }

  const std::string* key = nullptr;
  admission_window window;
  list_node waiting;     // tickets, in order
  unsigned tickets = 0;  // of sessions that need it

 private:
  unsigned failures_ = 0;  // since the last success
  unsigned weight_ = 0;    // of them
  clock::duration spent_{};
  clock::time_point last_{};
  failure why_;
};

admission::admission(loop& on) : loop_(on) {}

admission::~admission() = default;

void admission::name(ticket& t, const std::string& where) {
  assert(!t.is_named());
  auto at = addresses_.find(where);
  if (at == addresses_.end()) {
    // In this order: without memory there is no entry without an address.
    auto made = std::make_unique<address>();
    at = addresses_.emplace(where, std::move(made)).first;
    at->second->key = &at->first;
    forget_old();
  }
  address& to = *at->second;
  if (to.linked()) {
    to.unlink();
    --failed_count_;
  }
  ++to.tickets;
  t.book_ = this;
  t.to_ = &to;
}

void admission::rename(ticket& t, const std::string& where) {
  assert(t.is_named());
  drop(t);
  t.book_ = nullptr;
  name(t, where);
}

bool admission::is_for(const ticket& t, const std::string& where) const noexcept {
  return *t.to_->key == where;
}

void admission::drop(ticket& t) noexcept {
  leave(t);
  address& from = *t.to_;
  if (--from.tickets > 0) return;
  if (!from.has_failed()) return forget(from);
  from.link_before(failed_);
  ++failed_count_;
}

void admission::forget(address& a) noexcept { addresses_.erase(addresses_.find(*a.key)); }

// Whenever one comes: so it costs no more than they do.
void admission::forget_old() noexcept {
  while (failed_.linked()) {
    auto& oldest = static_cast<address&>(*failed_.next());
    bool is_due = loop_.now() - oldest.last_failure() > remembered;
    if (!is_due && failed_count_ <= max_failed) return;
    --failed_count_;
    forget(oldest);
  }
}

void admission::admit(address& to, ticket& t) noexcept {
  t.unlink();
  to.window.enter();
  t.cuts_ = to.window.cuts();
  t.stage_ = ticket::stage::inside;
}

bool admission::enter(ticket& t, turn where) {
  assert(t.is_named() && t.stage_ == ticket::stage::outside);
  address& to = *t.to_;
  if (to.window.has_room()) {
    admit(to, t);
    return true;
  }
  t.stage_ = ticket::stage::waiting;
  t.link_before(where == turn::first ? *to.waiting.next() : to.waiting);
  return false;
}

void admission::leave(ticket& t) noexcept {
  ticket::stage was = std::exchange(t.stage_, ticket::stage::outside);
  t.unlink();
  if (was != ticket::stage::inside) return;
  t.to_->window.leave();
  let_in(*t.to_);
}

void admission::let_in(address& to) noexcept {
  while (to.waiting.linked() && to.window.has_room()) {
    auto& next = static_cast<ticket&>(*to.waiting.next());
    admit(to, next);
    next.granted_();
  }
}

void admission::succeeded(ticket& t) noexcept {
  t.to_->forgive();
  t.to_->window.succeeded();
  let_in(*t.to_);
}

void admission::turned_away(ticket& t) noexcept { t.to_->window.turned_away(t.cuts_); }

void admission::failed(ticket& t, const failure& why, clock::duration lasted, unsigned weight) {
  t.to_->note(why, lasted, weight, loop_.now());
}

std::optional<failure> admission::why_closed(const ticket& t, clock::time_point asked) const {
  const address& to = *t.to_;
  clock::time_point now = loop_.now();
  if (!to.is_closed_at(now) || to.last_failure() < asked) return std::nullopt;
  return to.why(now);
}

}  // namespace execo::detail
