#include "ssh/environment.hpp"

#include <openssl/crypto.h>

#include <mutex>
#include <stdexcept>
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

std::string_view to_string(ssh_client which) noexcept {
  if (which == ssh_client::automatic) return "auto";
  return which == ssh_client::openssh ? "openssh" : "libssh";
}

namespace detail {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& w : words) text += (text.empty() ? "" : ",") + w;
  return text;
}

// The path of its socket; empty: there is none.
std::string agent_of(const ssh_options& options, const ssh_caller& by) {
  if (options.agent == "none") return {};
  return by.path_of(options.agent.empty() ? by.agent() : options.agent);
}

// The options that distinguish environments: the deadlines are each action's own, but for that of
// an answer, and files are the same by whatever name.
ssh_options that_matter(ssh_options options, const ssh_caller& by) {
  deadlines others;
  others.answer = options.limits.answer;
  options.limits = others;
  options.connector.clear();
  options.via = {};
  for (std::string& file : options.identities) file = by.path_of(file);
  for (std::string& file : options.certificates) file = by.path_of(file);
  options.agent = agent_of(options, by);
  for (std::string* file : {&options.known_hosts, &options.unix_socket})
    if (!file->empty()) *file = by.path_of(*file);
  return options;
}

// One that can start what leads to a host, if something is to.
ssh_caller caller_for(const ssh_options& options, const ssh_caller& by) {
  if (!options.unix_socket.empty() && !options.proxy_command.empty())
    throw std::invalid_argument("ssh_options: unix_socket and proxy_command exclude each other");
  return options.proxy_command.empty() ? by : by.ready_to_start();
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
      caller(caller_for(options, by)),
      user(options.user.empty() ? by.user() : options.user),
      terminal(by.terminal()),
      port(options.port == 0 ? 22 : options.port),
      answer_limit(options.limits.answer.count() > 0 ? options.limits.answer : deadlines().answer),
      key_exchange(joined(options.key_exchange)),
      unix_socket(options.unix_socket),
      proxy_command(options.proxy_command),
      tcp_keepalive(options.tcp_keepalive),
      keepalive(options.keepalive),
      reuse(options.reuse),
      idle_close(options.idle_close),
      max_idle(options.max_idle),
      identities(options.identities, options.certificates, !agent_of(options, by).empty(),
                 static_cast<bool>(options.passphrase), by),
      offers(on, identities, agent_of(options, by), options.agent_requests, options.identities_only,
             options.passphrase),
      host_keys(options.host_key_policy, options.known_hosts, by),
      handshakes(on.service<handshake_budget>(), options.handshakes),
      descriptors(on),
      names(on),
      options_(that_matter(options, by)) {
  prepare_openssl();
}

bool ssh_environment::serves(const ssh_options& options, const ssh_caller& by) const {
  return options_ == that_matter(options, by) && caller.home() == by.home() &&
         terminal == by.terminal() && (!options_.user.empty() || user == by.user()) &&
         identities.is_current();
}

void ssh_environment::refresh() {
  host_keys.refresh();
  names.forget();
  offers.refresh();
}

}  // namespace detail
}  // namespace execo
