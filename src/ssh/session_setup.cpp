#include "ssh/session_setup.hpp"

#include "execo/time.hpp"

namespace execo::detail {

handshake_place::handshake_place(ssh_environment& shared, delegate<> granted)
    : shared_(shared),
      permit_(granted),
      address_(delegate<>::to<&handshake_place::enter_again>(this)),
      silence_(delegate<>::to<&handshake_place::silence_check>(this), "silence of a peer") {}

void handshake_place::begin() {
  begun_ = shared_.home.now();
  note_progress();
  shared_.home.arm_after(silence_, shared_.handshakes.grace_period());
}

void handshake_place::enter_again() {
  if (is_exempt_) return permit_.granted();
  shared_.handshakes.enter_first(permit_);
}

bool handshake_place::ask_for(const std::string& where, admission::turn turn) {
  if (address_.is_inside()) return true;
  if (!address_.is_named()) admissions().name(address_, where);
  if (!address_.is_waiting() && admissions().enter(address_, turn)) return true;
  shared_.home.disarm(silence_);
  shared_.handshakes.leave(permit_);
  return false;
}

bool handshake_place::move_to(const std::string& where) {
  if (admissions().is_for(address_, where)) return false;
  admissions().rename(address_, where);
  begun_ = {};
  return true;
}

void handshake_place::complete() {
  shared_.handshakes.completed(shared_.home.now() - begun_);
  leave();
}

void handshake_place::leave() noexcept {
  shared_.home.disarm(silence_);
  shared_.handshakes.leave(permit_);
  if (address_.is_named()) admissions().leave(address_);
}

void handshake_place::silence_check() {
  clock::time_point limit = last_progress_ + shared_.handshakes.grace_period();
  if (shared_.home.now() < limit) {
    shared_.home.arm(silence_, limit);
  } else {
    leave();
  }
}

bool session_setup::ask_for(const std::string& where) {
  return place.ask_for(where, retries_ ? admission::turn::first : admission::turn::last);
}

// One that has begun knows better.
std::optional<failure> session_setup::why_not() {
  if (retries_) return std::nullopt;
  return place.admissions().why_closed(place.address(), shared_.asked_at);
}

namespace {

// All that need a hop have waited for it. Of others, a server that is too busy is not one that is
// never there.
unsigned weight_of(const failure& why, bool is_hop) {
  if (is_hop) return admission::max_weight;
  using reason = failure_reason;
  bool is_busy = why.reason == reason::none || why.reason == reason::closed ||
                 why.reason == reason::max_startups;
  return is_busy ? 0 : 1;
}

// Less says nothing of a peer.
constexpr auto shortest_silence = std::chrono::seconds(1);

}  // namespace

void session_setup::note_end(const failure& why) {
  if (place.begun() == clock::time_point() || !place.address().is_named()) return;
  unsigned weight = weight_of(why, place.is_exempt());
  clock::time_point begun = retries_ ? retries_->first_begun() : place.begun();
  if (weight > 0)
    place.admissions().failed(place.address(), why, shared_.home.now() - begun, weight);
}

void session_setup::note_given_up(failure silent) {
  std::optional<failed_try> last = last_try();
  if (last && place.is_exempt()) return note_end(last->why);
  clock::duration time = shared_.home.now() - place.last_progress();
  if (last || time < shortest_silence) return;
  silent.context += ": no answer for " + format_duration(time);
  note_end(silent);
}

void session_setup::begin() {
  place.begin();
  if (retries_) retries_->begin();
}

bool session_setup::goes_on_after(const failed_try& lost) {
  if (shared_.max_retries == 0U) return false;
  if (!retries_)
    retries_ =
        std::make_unique<session_retries>(shared_.home, shared_.max_retries, place.begun(), wake_);
  return retries_->go_on_after(lost);
}

void session_setup::enter_again() {
  hello = greeting();
  place.enter_again();
}

std::optional<failed_try> session_setup::last_try() const {
  if (!retries_ || !retries_->explains_deadline()) return std::nullopt;
  return retries_->last();
}

failure session_setup::why_it_ends(failed_try lost) const {
  return retries_ ? retries_->last().why : std::move(lost.why);
}

}  // namespace execo::detail
