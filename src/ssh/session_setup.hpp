// What a session needs until it is authenticated: its permit for a handshake, what the server says
// first, and the identities to log in with.
#pragma once

#include "execo/detail/deadline_timer.hpp"
#include "ssh/environment.hpp"
#include "ssh/greeting.hpp"

namespace execo::detail {

/// A place among the handshakes in flight. A peer that is silent costs nothing but that, and gives
/// it back.
class handshake_place {
 public:
  /// `granted` is called when it has it.
  handshake_place(ssh_environment& shared, delegate<> granted);
  handshake_place(const handshake_place&) = delete;
  handshake_place& operator=(const handshake_place&) = delete;
  ~handshake_place() { leave(); }

  void enter() { shared_.handshakes.enter(permit_); }
  bool is_inside() const noexcept { return permit_.inside(); }
  /// The handshake begins. Pre: is_inside().
  void begin();
  void note_progress() noexcept { last_progress_ = shared_.home.now(); }
  /// The session is authenticated.
  void complete();
  void leave() noexcept;

 private:
  void silence_check();

  ssh_environment& shared_;
  handshake_limiter::permit permit_;
  clock::time_point begun_{};
  clock::time_point last_progress_{};
  deadline_timer silence_;
};

/// The identities that are tried, in order: the favourite of the moment the first one goes out,
/// then the others.
class login {
 public:
  explicit login(identity_set& known) noexcept : known_(known) {}

  void begin() noexcept { first_ = current_ = known_.favourite(); }
  /// None is left.
  bool is_exhausted() const noexcept { return tried_ >= known_.size(); }
  const identity& current() const noexcept { return known_[current_]; }
  void next() noexcept {
    ++tried_;
    current_ = tried_ <= first_ ? tried_ - 1 : tried_;
  }
  /// The server accepts the current one, and wants more.
  void accept_in_part() noexcept { accepted_ = &current(); }
  /// The server accepts it.
  void accept() { known_.accepted(current_); }
  /// Why it failed, of a server that goes on with these methods.
  std::string describe(int methods) const;

 private:
  identity_set& known_;
  unsigned tried_ = 0;
  std::size_t first_ = 0;
  std::size_t current_ = 0;
  const identity* accepted_ = nullptr;
};

class session_setup {
 public:
  session_setup(ssh_environment& shared, delegate<> granted)
      : place(shared, granted), who(shared.identities) {}

  handshake_place place;
  greeting hello;
  login who;
};

}  // namespace execo::detail
