// What a session needs until it is authenticated: its permit for a handshake, what the server says
// first, its login, and its tries if the first one fails.
#pragma once

#include <memory>

#include "execo/detail/deadline_timer.hpp"
#include "ssh/admission.hpp"
#include "ssh/environment.hpp"
#include "ssh/greeting.hpp"
#include "ssh/login.hpp"
#include "ssh/session_retries.hpp"

namespace execo::detail {

/// A place among the handshakes in flight, and among those with the same address. A peer that is
/// silent costs nothing but that, and gives it back.
class handshake_place {
 public:
  /// `granted` is called when it has it.
  handshake_place(ssh_environment& shared, delegate<> granted);
  handshake_place(const handshake_place&) = delete;
  handshake_place& operator=(const handshake_place&) = delete;
  ~handshake_place() { leave(); }

  void enter() { shared_.handshakes.enter(permit_); }
  /// Beside the others, who may wait for this one.
  void enter_at_once() {
    is_exempt_ = true;
    permit_.granted();
  }
  /// Once more, before those that were not inside yet: their time does not run. Pre: it has left.
  void enter_again();
  /// For a connection to what is called `where`. False: that takes no more for now, and others go
  /// on; `granted` is called again. Pre: is_inside().
  bool ask_for(const std::string& where, admission::turn turn);
  /// What it was asked for leads to `where`. True: that is news, and it has to ask for it. Pre: it
  /// was asked for.
  bool move_to(const std::string& where);
  /// The address, once it was asked for.
  admission::ticket& address() noexcept { return address_; }
  admission& admissions() const { return shared_.home.service<admission>(); }
  /// A hop.
  bool is_exempt() const noexcept { return is_exempt_; }
  bool is_inside() const noexcept { return is_exempt_ || permit_.inside(); }
  /// The handshake begins.
  void begin();
  /// The beginning of the clock: it has not.
  clock::time_point begun() const noexcept { return begun_; }
  clock::time_point last_progress() const noexcept { return last_progress_; }
  void note_progress() noexcept { last_progress_ = shared_.home.now(); }
  /// The session is authenticated.
  void complete();
  void leave() noexcept;

 private:
  void silence_check();

  ssh_environment& shared_;
  handshake_limiter::permit permit_;
  admission::ticket address_;
  clock::time_point begun_{};
  clock::time_point last_progress_{};
  deadline_timer silence_;
  bool is_exempt_ = false;
};

class session_setup {
 public:
  session_setup(ssh_environment& shared, const login_names& names, delegate<> wake)
      : place(shared, wake), who(shared, names, wake), shared_(shared), wake_(wake) {}

  /// It may begin. False: later. Pre: its place is inside.
  bool ask_for(const std::string& where);
  /// Nothing is begun, since others have failed.
  std::optional<failure> why_not();
  /// A try begins.
  void begin();
  /// It has ended without a connection.
  void note_end(const failure& why);
  /// It is given up, not by the peer. `silent`: why, if that did not answer.
  void note_given_up(failure silent);
  /// The key exchange is complete.
  void succeeded() noexcept { place.admissions().succeeded(place.address()); }
  /// By a server that takes no more connections now, as it seems.
  void turned_away() noexcept { place.admissions().turned_away(place.address()); }
  /// A try has failed before the end of the key exchange. True: it pauses now, and another one
  /// follows.
  bool goes_on_after(const failed_try& lost);
  /// The pause is over.
  bool is_due() const noexcept { return retries_ && retries_->is_due(); }
  /// Asks for its turn once more.
  void enter_again();
  /// The last try that failed, for who has no time left; nullopt: the present one is the cause.
  std::optional<failed_try> last_try() const;
  /// Why no other one follows.
  failure why_it_ends(failed_try lost) const;

  handshake_place place;
  greeting hello;
  login who;

 private:
  ssh_environment& shared_;
  delegate<> wake_;
  std::unique_ptr<session_retries> retries_;  // once a try has failed
};

}  // namespace execo::detail
