// Logins that others make in the name of this process: what they are told of a host, and what its
// ssh agent and its key files answer them. Private keys stay here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "loop/loop.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/signature_jobs.hpp"
#include "wire/sign_messages.hpp"

namespace execo::detail {

/// By what others log in for us: by what this process signs, or by a certificate that they have.
enum class login_means : std::uint8_t { signatures, certificate };

/// The key of a host that others may log in to for us, "ssh-ed25519 AAAA...". Empty: they may not,
/// for the way there is no plain connection, its key is not known, or there is no key to log in.
std::string key_for_others(const ssh_target& to, login_means by);

/// On one loop. Whether there is an answer at all is for others to decide.
class relayed_logins final : public signature_jobs {
 public:
  /// A message of an ssh agent, without its length. Called from the loop, or from ask().
  using receiver = std::function<void(std::string)>;

  explicit relayed_logins(loop& on) : signature_jobs(on) {}

  void ask(const std::shared_ptr<ssh_environment>& by, sign_ask_message what, receiver done);

 private:
  class relayed;
};

}  // namespace execo::detail
