#include "ssh/handshake.hpp"

#include "ssh/remote_session.hpp"

namespace execo::detail {
namespace {

constexpr const char* nowhere = "/dev/null/none";

bool set(ssh_session_struct* session, ssh_options_e option, const void* value) {
  return ssh_options_set(session, option, value) == 0;
}

bool read_shown_key(ssh_session_struct* session, shown_key& shown) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK) return false;
  libssh_key key(raw);
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &base64) != SSH_OK) return false;
  libssh_text owned(base64);
  shown.base64 = base64;
  shown.type = ssh_key_type_to_char(ssh_key_type(key.get()));
  return true;
}

}  // namespace

bool set_handshake_options(ssh_session_struct* session, const remote_session& of, int fd) {
  const ssh_environment& shared = of.shared();
  bool no_config = false;
  auto port = static_cast<unsigned>(of.port());
  // Left to itself libssh reads the configuration, both known_hosts files and the user database for
  // each session (ssh_options_apply, ssh_client_select_hostkeys).
  bool ok = set(session, SSH_OPTIONS_PROCESS_CONFIG, &no_config) &&
            set(session, SSH_OPTIONS_SSH_DIR, nowhere) &&
            set(session, SSH_OPTIONS_KNOWNHOSTS, nowhere) &&
            set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, nowhere) &&
            set(session, SSH_OPTIONS_PORT, &port) &&
            set(session, SSH_OPTIONS_USER, of.user().c_str()) && set(session, SSH_OPTIONS_FD, &fd);
  // Only for libssh's own look-ups, and it refuses some names that the resolver has found.
  (void)set(session, SSH_OPTIONS_HOST, of.name().c_str());
  if (ok && !shared.key_exchange.empty())
    ok = set(session, SSH_OPTIONS_KEY_EXCHANGE, shared.key_exchange.c_str());
  std::string preferred = shared.host_keys.preferred_algorithms(of.name(), of.port());
  if (ok && !preferred.empty()) ok = set(session, SSH_OPTIONS_HOSTKEYS, preferred.c_str());
  ssh_set_blocking(session, 0);
  return ok;
}

bool check_host_key(const remote_session& of, failure& why) {
  host_key_store& trusted = of.shared().host_keys;
  if (!trusted.checks()) return true;
  shown_key shown;
  if (read_shown_key(of.handle(), shown)) return trusted.accept(of.name(), of.port(), shown, why);
  why = failure(end_reason::protocol_error, std::make_error_code(std::errc::protocol_error),
                of.name() + ": key exchange: a host key that cannot be read");
  return false;
}

}  // namespace execo::detail
