#include "ssh/pooled_session.hpp"

#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "base/random.hpp"
#include "base/visit_list.hpp"
#include "loop/user_pause.hpp"
#include "ssh/forwarder.hpp"
#include "ssh/handshake.hpp"
#include "ssh/session_pool.hpp"
#include "ssh/sibling_signal.hpp"
#include "ssh/signal_helper.hpp"

namespace execo::detail {

// -- a channel -----------------------------------------------------------------------------------

channel_slot::channel_slot(pooled_session& of, channel_owner& owner)
    : of_(of),
      channel_(of.session_, owner),
      clearing_(delegate<>::to<&channel_slot::cleared>(this)) {}

channel_slot::channel_slot(pooled_session& of)
    : channel_slot(of, static_cast<channel_owner&>(*this)) {}

void channel_slot::retire() {
  retired_ = true;
  channel_.serve(*this);
  channel_.retire();
  if (channel_.over()) cleared();
}

// What the server does with our close it has done when it answers.
void channel_slot::channel_closed() {
  if (!retired_) return;
  if (of_.session_.shared().channels_end_late) {
    of_.session_.ask(clearing_);
  } else {
    cleared();
  }
}

void channel_slot::cleared() noexcept {
  if (std::exchange(cleared_, true)) return;
  of_.cleared_one();
}

// -- a lease -------------------------------------------------------------------------------------

session_lease::session_lease(pooled_session& of, channel_owner& owner)
    : of_(of), slot_(std::make_unique<channel_slot>(of, owner)) {}

session_lease::standing session_lease::of_session() const noexcept { return of_.standing_; }

std::optional<phase> session_lease::current_phase() const noexcept { return of_.phase_; }

bool session_lease::was_established() const noexcept { return of_.was_established_; }

bool session_lease::has_company() const noexcept { return of_.lease_count_ > 1; }

remote_session& session_lease::session() const noexcept { return of_.session_; }

void session_lease::begin(session_user& user) {
  assert(stage_ == stage::idle);
  user_ = &user;
  stage_ = stage::waiting;
  if (of_.standing_ != standing::unstarted) return;
  of_.standing_ = standing::connecting;
  if (of_.is_hop()) return of_.session_.start_at_once();
  of_.session_.start();
}

void session_lease::admit() { of_.admit(*this); }

void session_lease::seal() noexcept { of_.seal(); }

command_mark session_lease::mark() const {
  assert(of_.use_ != pooled_session::use::open);
  if (has_mark()) return command_mark::of(mark_);
  // Another one that is not admitted yet will have a mark if it is.
  bool alone = of_.lease_count_ == 1 && !of_.has_strays_;
  return alone || of_.nonce_.empty() ? command_mark() : command_mark::none_of(of_.nonce_);
}

signal_helper& session_lease::helper() { return of_.helper(); }

void session_lease::note_begin() {
  if (of_.is_watched()) of_.helper().note_begin(of_.session_.shared().lease);
}

void session_lease::note_start() {
  if (of_.is_watched()) of_.helper().note_change(of_.session_.shared().lease);
}

void session_lease::note_end() {
  if (!of_.is_watched()) return;
  if (of_.admitted_ > 1) return of_.helper().note_change(of_.session_.shared().lease);
  of_.helper().note_idle(of_.session_.shared().lease);
}

// -- a hop ---------------------------------------------------------------------------------------

struct pooled_session::hop_part {
  hop_part(pooled_session& of, const deadlines& own)
      : forwards(of.session_),
        limits(own),
        expiry(delegate<>::to<&pooled_session::limit_expired>(&of), "deadline of a hop") {}

  forwarder forwards;
  deadlines limits;
  deadline_timer expiry;
  clock::time_point whole{};  // its end
  clock::time_point waits_since{};
  clock::duration asked_before{};  // the user, when the timer was armed
};

forwarder& session_lease::forwards() {
  assert(of_.is_hop() && stage_ == stage::admitted);
  return of_.hop_->forwards;
}

void pooled_session::serve_as_hop(const deadlines& limits) {
  hop_ = std::make_unique<hop_part>(*this, limits);
}

void pooled_session::limit_phase(phase where) {
  loop& home = session_.shared().home;
  const deadlines& limits = hop_->limits;
  home.disarm(hop_->expiry);
  if (where >= phase::open) return;
  if (hop_->waits_since != clock::time_point())
    hop_->whole = later(hop_->whole, home.now() - std::exchange(hop_->waits_since, {}));
  auto end_of = [&home](duration limit) {
    return limit.count() > 0 ? later(home.now(), limit) : clock::time_point::max();
  };
  if (hop_->whole == clock::time_point())
    hop_->whole = end_of(limits.establish.value_or(deadlines::default_establish));
  duration own = where == phase::resolve   ? limits.resolve
                 : where == phase::connect ? limits.connect
                 : where == phase::kex     ? limits.kex
                                           : limits.auth;
  clock::time_point end = std::min(hop_->whole, end_of(own));
  hop_->asked_before = home.service<user_pause>().total();
  if (end != clock::time_point::max()) home.arm(hop_->expiry, end);
}

void pooled_session::limit_expired() {
  loop& home = session_.shared().home;
  clock::duration asked = home.service<user_pause>().total();
  clock::duration lost = asked - std::exchange(hop_->asked_before, asked);
  if (lost.count() > 0) {
    hop_->whole = later(hop_->whole, lost);
    return home.arm_after(hop_->expiry, lost);
  }
  if (std::optional<failed_try> last = session_.last_try())
    return session_.end_with(std::move(last->why));
  std::string text = session_.name() + ": its deadline has passed";
  if (phase_) text += " in the phase " + std::string(to_string(*phase_));
  failure why(end_reason::timed_out, std::make_error_code(std::errc::timed_out), std::move(text));
  why.reason = session_.reason_so_far();
  session_.end_with(std::move(why));
}

// -- a connection --------------------------------------------------------------------------------

pooled_session::pooled_session(session_pool& pool, std::shared_ptr<ssh_environment> shared,
                               std::string key, std::string name, int port, std::string user)
    : pool_(pool),
      session_(std::move(shared), std::move(name), port, std::move(user), *this),
      key_(std::move(key)),
      expiry_(delegate<>::to<&pooled_session::close>(this), "idle connection"),
      trusted_by_(session_.shared().host_keys.version()) {}

pooled_session::~pooled_session() {
  assert(lease_count_ == 0);
  while (retired_.linked()) delete static_cast<channel_slot*>(retired_.next());
}

// Known hosts that were read again since may have revoked its key.
bool pooled_session::is_trusted() {
  const host_key_store& keys = session_.shared().host_keys;
  if (trusted_by_ == keys.version()) return true;
  failure why;
  if (!check_host_key(session_, why)) return false;
  trusted_by_ = keys.version();
  return true;
}

// A signal has to find the command that it is meant for, by its mark.
bool pooled_session::can_be_shared() const {
  return use_ == use::open && session_.shared().reuse &&
         session_.server() == server_software::openssh;
}

bool pooled_session::may_join() {
  if (use_ > use::idle || session_.closing() || standing_ == standing::lost) return false;
  bool several = lease_count_ > 0;
  if (standing_ == standing::established) {
    if (session_.lost() || !session_.authenticated() || !is_trusted()) return false;
    if (several && !is_hop() && !can_be_shared()) return false;
  }
  return !several || is_hop() || lease_count_ + uncleared_ < pool_.max_commands(key_);
}

void pooled_session::join(session_lease& lease) noexcept {
  sweep();
  lease.link_before(leases_);
  ++lease_count_;
  if (use_ == use::idle) use_ = use::open;
}

void pooled_session::leave(session_lease& lease) noexcept {
  lease.unlink();
  --lease_count_;
  if (lease.stage_ == session_lease::stage::admitted) --admitted_;
  if (lease.slot_) retire(std::move(lease.slot_));
}

// -- a watch -------------------------------------------------------------------------------------

struct pooled_session::watch_part {
  explicit watch_part(pooled_session& of)
      : request(signal_request::kind::watch, delegate<>::to<&pooled_session::watch_changed>(&of)),
        next_beat(delegate<>::to<&pooled_session::beat>(&of), "lease of commands") {}

  signal_request request;
  deadline_timer next_beat;
};

signal_helper& pooled_session::helper() {
  if (!helper_) {
    if (!reserve_ || reserve_->channel().over()) open_reserve();
    helper_ = std::make_unique<signal_helper>(std::move(reserve_));
  }
  return *helper_;
}

bool pooled_session::is_watched() const noexcept {
  return watch_ && watch_->request.state() == script_state::at_work;
}

// A command begins when its end is certain.
void pooled_session::await_watch(session_lease& lease) {
  bool possible = sibling_signal::possible(session_);
  if (possible && !watch_) {
    watch_ = std::make_unique<watch_part>(*this);
    helper().begin_watch(watch_->request, session_.shared().lease);
  }
  if (possible && !watch_->request.is_over()) return;
  std::string why = session_.name() + ": its server does not let a lease be kept: ";
  script_state how = possible ? watch_->request.state() : script_state::found_nothing;
  if (how == script_state::refused) {
    why += "it opens no second channel (MaxSessions)";
  } else if (how == script_state::something_else) {
    why += "it runs a command of its own choice (ForceCommand, command=)";
  } else {
    why += "the commands of a connection cannot be found there";
  }
  lease.user_->session_failed(failure(
      end_reason::unsupported, std::make_error_code(std::errc::not_supported), std::move(why)));
}

void pooled_session::watch_changed() {
  if (is_watched()) {
    session_.shared().home.arm_after(watch_->next_beat, session_.shared().lease / 3);
  } else if (!watch_->request.is_over()) {
    return;
  }
  admit_waiting();
}

void pooled_session::beat() {
  if (!is_watched() || session_.closing()) return;
  helper_->beat(session_.shared().lease);
  session_.shared().home.arm_after(watch_->next_beat, session_.shared().lease / 3);
}

// -- commands ------------------------------------------------------------------------------------

// One of several concurrent commands has no mark: the first one need not wait for an extra round
// trip, and most connections have only one.
void pooled_session::admit(session_lease& lease) {
  assert(standing_ == standing::established && lease.stage_ == session_lease::stage::waiting);
  if (use_ == use::sealed) return lease.user_->session_full();
  if (session_.shared().lease.count() > 0 && !is_hop() && !is_watched()) return await_watch(lease);
  if (admitted_ == 0) {
    if (uncleared_ > 0) return;
  } else if (!is_hop()) {
    if (!can_be_shared()) {
      pool_.learn_limit(lease, refusal::mark);
      return lease.user_->session_full();
    }
    lease.mark_ = next_mark();
    lease.channel().mark_with(lease.mark_);
  }
  lease.stage_ = session_lease::stage::admitted;
  ++admitted_;
  lease.user_->session_ready();
}

std::string pooled_session::next_mark() {
  if (nonce_.empty()) nonce_ = random_hex(6);
  if (!reserve_ && !helper_) open_reserve();
  return nonce_ + "." + std::to_string(++marks_) + ".";
}

void pooled_session::open_reserve() {
  reserve_ = std::make_unique<channel_slot>(*this);
  reserve_->channel().open();
}

void pooled_session::admit_waiting() {
  notify([this](session_lease& lease) {
    if (lease.stage_ == session_lease::stage::waiting) admit(lease);
  });
}

template <class Event>
void pooled_session::notify(Event&& event) {
  visit_list<session_lease>(leases_, [&](session_lease& lease) {
    if (lease.stage_ == session_lease::stage::idle) return;
    contain([&] { event(lease); }, [&](const std::exception_ptr& error) { fail(lease, error); });
  });
}

// What it was notified of has thrown: it alone fails, if it is still there.
void pooled_session::fail(session_lease& lease, const std::exception_ptr& error) noexcept {
  list_node* n = leases_.next();
  while (n != &leases_ && n != &lease) n = n->next();
  if (n == &leases_) return;
  contain(
      [&] {
        lease.user_->session_failed(failure(end_reason::connect_failed, error_of(error), {}));
      },
      [](const std::exception_ptr&) {});
}

void pooled_session::retire(std::unique_ptr<channel_slot> slot) noexcept {
  channel_slot& last = *slot.release();
  last.link_before(retired_);
  ++uncleared_;
  last.retire();
}

void pooled_session::cleared_one() noexcept {
  --uncleared_;
  if (standing_ == standing::established && uncleared_ == 0 && admitted_ == 0) admit_waiting();
}

// Not from an event of them: that must not destroy them.
void pooled_session::sweep() noexcept {
  if (session_.busy()) return;
  for (list_node* n = retired_.next(); n != &retired_;) {
    auto* slot = static_cast<channel_slot*>(n);
    n = n->next();
    if (slot->is_cleared()) delete slot;
  }
}

unsigned pooled_session::open_channels() const noexcept {
  unsigned count = uncleared_;
  for (const list_node* n = leases_.next(); n != &leases_; n = n->next())
    if (static_cast<const session_lease*>(n)->channel().is_open()) ++count;
  return count;
}

void pooled_session::seal() noexcept {
  if (use_ == use::open) use_ = use::sealed;
}

void pooled_session::close() noexcept {
  if (use_ == use::closing) return;
  if (is_hop()) session_.shared().home.disarm(hop_->expiry);
  use_ = use::closing;
  pool_.closing(*this);
  session_.close();
}

void pooled_session::session_entered(phase where) {
  phase_ = where;
  if (is_hop()) limit_phase(where);
  notify([where](session_lease& lease) { lease.user_->session_entered(where); });
}

void pooled_session::session_waits() {
  phase_.reset();
  if (is_hop()) {
    session_.shared().home.disarm(hop_->expiry);
    hop_->waits_since = session_.shared().home.now();
  }
  notify([](session_lease& lease) { lease.user_->session_waits(); });
}

void pooled_session::session_ready() {
  standing_ = standing::established;
  was_established_ = true;
  admit_waiting();
}

void pooled_session::session_failed(failure why) {
  standing_ = standing::lost;
  if (is_hop()) session_.shared().home.disarm(hop_->expiry);
  if (lease_count_ == 0) return close();
  seal();
  notify([&why](session_lease& lease) { lease.user_->session_failed(why); });
}

void pooled_session::session_closed() { pool_.closed(*this); }

}  // namespace execo::detail
