#include "ssh/session_setup.hpp"

namespace execo::detail {
handshake_place::handshake_place(ssh_environment& shared, delegate<> granted)
    : shared_(shared),
      permit_(granted),
      silence_(delegate<>::to<&handshake_place::silence_check>(this), "silence of a peer") {}

void handshake_place::begin() {
  begun_ = shared_.home.now();
  note_progress();
  shared_.home.arm_after(silence_, shared_.handshakes.grace_period());
}

void handshake_place::complete() {
  shared_.handshakes.completed(shared_.home.now() - begun_);
  leave();
}

void handshake_place::leave() noexcept {
  shared_.home.disarm(silence_);
  shared_.handshakes.leave(permit_);
}

void handshake_place::silence_check() {
  clock::time_point limit = last_progress_ + shared_.handshakes.grace_period();
  if (shared_.home.now() < limit) {
    shared_.home.arm(silence_, limit);
  } else {
    leave();
  }
}

}  // namespace execo::detail
