#include "ssh/environment.hpp"

#include <openssl/crypto.h>

#include <mutex>
#include <utility>
#include <vector>

#include "coro/default_context.hpp"
#include "ssh/algorithms.hpp"
#include "ssh/route.hpp"

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

std::string_view to_string(become_method how) noexcept {
  if (how == become_method::sudo) return "sudo";
  return how == become_method::su ? "su" : "doas";
}

std::string_view to_string(ssh_client which) noexcept {
  switch (which) {
    case ssh_client::direct:
      return "direct";
    case ssh_client::built_in:
      return "libssh";
    case ssh_client::openssh:
      return "openssh";
    default:
      return "auto";
  }
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
  // Those of hops are no action's own.
  if (options.jump.empty()) options.limits = others;
  options.connector.clear();
  options.via = {};
  options.become.clear();
  options.become_method = {};
  options.become_password = {};
  for (std::string& file : options.identities) file = by.path_of(file);
  for (std::string& file : options.certificates) file = by.path_of(file);
  options.agent = agent_of(options, by);
  for (std::string* file : {&options.known_hosts, &options.unix_socket})
    if (!file->empty()) *file = by.path_of(*file);
  // What they say is in the settings.
  options.config_file.clear();
  options.config_lines.clear();
  return options;
}

constexpr duration usual_tcp_keepalive = std::chrono::seconds(30);

// One that can start what leads to a host, if something is to.
ssh_caller caller_for(const ssh_options& options, const ssh_caller& by) {
  check_routes(options);
  // Hops may have programs of their own.
  bool starts_nothing = options.proxy_command.empty() && options.jump.empty();
  return starts_nothing ? by.without_surroundings() : by.ready_to_start();
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

std::string key_exchange_of(const ssh_options& options, const connection_settings& also) {
  if (!options.key_exchange.empty()) return joined(options.key_exchange);
  return chosen_algorithms(also.key_exchange, usual_algorithms::key_exchange);
}

// As with ssh, files that a configuration names may be missing.
identity_set identities_of(const ssh_options& options, const ssh_caller& by,
                           const connection_settings& also) {
  key_files keys(options.identities);
  if (options.identities.empty() && also.identities)
    keys = key_files(*also.identities, missing_keys::are_skipped);
  key_files certificates(options.certificates);
  if (options.certificates.empty() && !also.certificates.empty())
    certificates = key_files(also.certificates, missing_keys::are_skipped);
  return identity_set(keys, certificates, !agent_of(options, by).empty(),
                      static_cast<bool>(options.passphrase), by);
}

host_key_files key_files_of(const ssh_options& options, const ssh_caller& by,
                            const connection_settings& also) {
  host_key_files files = host_key_files::of(options.known_hosts, by);
  files.revoked = also.revoked_keys;
  if (!options.known_hosts.empty()) return files;
  if (also.site_known_hosts) files.others = *also.site_known_hosts;
  if (also.known_hosts.empty()) return files;
  files.written = also.known_hosts.front();
  files.others.insert(files.others.end(), also.known_hosts.begin() + 1, also.known_hosts.end());
  return files;
}

}  // namespace

ssh_environment::ssh_environment(loop& on, const ssh_options& options, const ssh_caller& by,
                                 connection_settings also)
    : home(on),
      caller(caller_for(options, by)),
      user(options.user.empty() ? by.user() : options.user),
      terminal(by.terminal()),
      port(options.port == 0 ? 22 : options.port),
      answer_limit(options.limits.answer.count() > 0 ? options.limits.answer : deadlines().answer),
      key_exchange(key_exchange_of(options, also)),
      way(joined(options.jump) + '\n' + options.unix_socket + '\n' + options.proxy_command + '\n' +
          (also.ways ? also.ways->name() + '\n' : std::string())),
      unix_socket(options.unix_socket),
      proxy_command(options.proxy_command),
      max_retries(options.max_retries),
      tcp_keepalive(options.tcp_keepalive.value_or(usual_tcp_keepalive)),
      keepalive(options.keepalive.value_or(duration(0))),
      reuse(options.reuse),
      idle_close(options.idle_close),
      max_idle(options.max_idle),
      lease(options.lease),
      settings(std::move(also)),
      identities(identities_of(options, by, settings)),
      offers(on, identities, agent_of(options, by), options.agent_requests, options.identities_only,
             options.passphrase),
      known_keys(on.service<host_key_stores>().find(
          options.host_key_policy.value_or(execo::host_keys::strict),
          key_files_of(options, by, settings))),
      host_keys(*known_keys),
      handshakes(on.service<handshake_budget>(), options.handshakes),
      descriptors(on),
      names(on),
      asked_at(on.now()),
      options_(that_matter(options, by)) {
  prepare_openssl();
}

bool ssh_environment::serves(const ssh_options& options, const ssh_caller& by,
                             const connection_settings& also) const {
  return options_ == that_matter(options, by) && settings == also && caller.home() == by.home() &&
         terminal == by.terminal() && (!options_.user.empty() || user == by.user()) &&
         identities.is_current();
}

const ssh_hop& ssh_environment::last_hop() {
  if (!hop_.shared) hop_ = last_hop_before(*this);
  return hop_;
}

void ssh_environment::refresh() {
  asked_at = home.now();
  if (hop_.shared) hop_.shared->refresh();
  host_keys.refresh();
  names.forget();
  offers.refresh();
}

}  // namespace detail
}  // namespace execo
