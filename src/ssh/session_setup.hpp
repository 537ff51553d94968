// What a session needs until it is authenticated: its permit for a handshake, what the server says
// first, and its login.
#pragma once

#include "execo/detail/deadline_timer.hpp"
#include "ssh/environment.hpp"
#include "ssh/greeting.hpp"
#include "ssh/login.hpp"

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
  /// Beside the others, who may wait for this one.
  void enter_at_once() noexcept { is_exempt_ = true; }
  bool is_inside() const noexcept { return is_exempt_ || permit_.inside(); }
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
  bool is_exempt_ = false;
};

class session_setup {
 public:
  session_setup(ssh_environment& shared, delegate<> granted)
      : place(shared, granted), who(shared, granted) {}

  handshake_place place;
  greeting hello;
  login who;
};

}  // namespace execo::detail
