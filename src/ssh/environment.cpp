#include "ssh/environment.hpp"

#include <openssl/crypto.h>

#include <mutex>
#include <vector>

#include "coro/default_context.hpp"

namespace execo {

std::string_view to_string(host_keys policy) noexcept {
  switch (policy) {
    case host_keys::strict:
      return "strict";
    case host_keys::accept_new:
      return "accept_new";
    default:
      return "ignore";
  }
}

namespace detail {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& w : words) text += (text.empty() ? "" : ",") + w;
  return text;
}

// OpenSSL cleans up when the program ends, and what its threads still have is lost then: that of
// the default context has to be over.
void prepare_openssl() {
  static std::once_flag once;
  std::call_once(once, [] {
    (void)::OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
    end_default_context_first();
  });
}

}  // namespace

ssh_environment::ssh_environment(loop& on, const ssh_options& options, const ssh_caller& by)
    : home(on),
      user(options.user.empty() ? by.user() : options.user),
      terminal(by.terminal()),
      port(options.port == 0 ? 22 : options.port),
      answer_limit(options.limits.answer.count() > 0 ? options.limits.answer : deadlines().answer),
      key_exchange(joined(options.key_exchange)),
      tcp_keepalive(options.tcp_keepalive),
      keepalive(options.keepalive),
      identities(options.identities, by),
      host_keys(options.host_key_policy, options.known_hosts, by),
      handshakes(options.handshakes),
      descriptors(on),
      names(on) {
  prepare_openssl();
}

}  // namespace detail
}  // namespace execo
