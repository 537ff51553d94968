#include "ssh/session_setup.hpp"

#include <utility>

#include "ssh/libssh.hpp"

namespace execo::detail {
namespace {

// RFC 4252, 5: what "partial success" asks for besides.
std::string names_of_methods(int methods) {
  std::string names;
  for (auto [method, name] : {std::pair(SSH_AUTH_METHOD_PASSWORD, "password"),
                              std::pair(SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"),
                              std::pair(SSH_AUTH_METHOD_HOSTBASED, "hostbased"),
                              std::pair(SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic")}) {
    if ((static_cast<unsigned>(methods) & method) != 0)
      names += std::string(names.empty() ? "" : ", ") + name;
  }
  return names;
}

}  // namespace

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

std::string login::describe(int methods) const {
  const std::string keys = known_.names();
  if (known_.size() == 0) return "no identity to log in with: " + keys;
  if (accepted_ == nullptr) return "the server refused the identities " + keys;
  std::string text = "the server accepted " + accepted_->file + ", but wants ";
  if (!is_exhausted()) return text + "more than keys: " + names_of_methods(methods);
  return text + "another key, too, of " + keys;
}

}  // namespace execo::detail
