#include "ssh/handshake.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string_view>

#include "execo/log.hpp"
#include "ssh/algorithms.hpp"
#include "ssh/known_hosts.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {
namespace {

constexpr const char* nowhere = "/dev/null/none";

bool set(ssh_session_struct* session, ssh_options_e option, const void* value) {
  return ssh_options_set(session, option, value) == 0;
}

bool set_list(ssh_session_struct* session, ssh_options_e option, const std::string& written,
              std::string_view usual) {
  return written.empty() || set(session, option, chosen_algorithms(written, usual).c_str());
}

bool set_list_both_ways(ssh_session_struct* session, ssh_options_e there, ssh_options_e back,
                        const std::string& written, std::string_view usual) {
  return set_list(session, there, written, usual) && set_list(session, back, written, usual);
}

bool set_ciphers(ssh_session_struct* session, const std::string& written) {
  const std::string_view usual = usual_algorithms::ciphers();
  return set_list_both_ways(session, SSH_OPTIONS_CIPHERS_C_S, SSH_OPTIONS_CIPHERS_S_C,
                            written.empty() ? std::string(usual) : written, usual);
}

// Of a list libssh takes the names that it knows, and refuses one without any.
const char* set_algorithms(ssh_session_struct* session, const remote_session& of) {
  const ssh_environment& shared = of.shared();
  const connection_settings& wanted = shared.settings;
  namespace usual = usual_algorithms;
  if (!shared.key_exchange.empty() &&
      !set(session, SSH_OPTIONS_KEY_EXCHANGE, shared.key_exchange.c_str()))
    return "key exchange";
  if (!set_ciphers(session, wanted.ciphers)) return "ciphers";
  if (!set_list_both_ways(session, SSH_OPTIONS_HMAC_C_S, SSH_OPTIONS_HMAC_S_C, wanted.macs,
                          usual::macs))
    return "macs";
  if (!set_list(session, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, wanted.public_key_algorithms,
                usual::host_keys))
    return "public keys";
  if (!wanted.host_key_algorithms.empty())
    return set_list(session, SSH_OPTIONS_HOSTKEYS, wanted.host_key_algorithms, usual::host_keys)
               ? nullptr
               : "host keys";
  std::string preferred = shared.host_keys.preferred_algorithms(of.key_name(), of.key_port());
  bool ok = preferred.empty() || set(session, SSH_OPTIONS_HOSTKEYS, preferred.c_str());
  return ok ? nullptr : "host keys";
}

bool set_sizes(ssh_session_struct* session, const connection_settings& wanted) {
  bool ok = !wanted.compression || set(session, SSH_OPTIONS_COMPRESSION, "yes");
  if (ok && wanted.rekey_bytes > 0) ok = set(session, SSH_OPTIONS_REKEY_DATA, &wanted.rekey_bytes);
  if (ok && wanted.rekey_seconds > 0)
    ok = set(session, SSH_OPTIONS_REKEY_TIME, &wanted.rekey_seconds);
  // Less than libssh's own limit is refused: then that holds.
  if (ok && wanted.min_rsa_bits > 0)
    (void)set(session, SSH_OPTIONS_RSA_MIN_SIZE, &wanted.min_rsa_bits);
  return ok;
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  return address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

// As in OpenSSH it is the address that counts, which is not known through a hop or a program, and a
// host with an alias is meant to be that one wherever it is.
bool is_trusted_without_key(const remote_session& of) {
  const connection_settings& wanted = of.shared().settings;
  if (!wanted.trusts_loopback || !wanted.key_alias.empty()) return false;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* to = reinterpret_cast<sockaddr*>(&address);
  return ::getpeername(ssh_get_fd(of.handle()), to, &size) == 0 && is_loopback(address);
}

failure no_memory(const remote_session& of) {
  return failure(end_reason::connect_failed, std::make_error_code(std::errc::not_enough_memory),
                 of.name() + ": ssh session");
}

// The connection can be intercepted.
void note_unchecked_key(const remote_session& of) {
  log(log_level::warning, [&] {
    std::string text = known_hosts::entry_name(of.key_name(), of.key_port());
    text += ": the host key is not checked";
    shown_key shown;
    if (read_shown_key(of.handle(), shown))
      text += ": " + shown.fingerprint() + " (" + shown.type + ")";
    return text;
  });
}

}  // namespace

bool set_handshake_options(ssh_session_struct* session, const remote_session& of, int fd,
                           failure& why) {
  const ssh_environment& shared = of.shared();
  bool no_config = false;
  auto port = static_cast<unsigned>(of.port());
  // Left to itself libssh reads the configuration, both known_hosts files and the user database for
  // each session (ssh_options_apply, ssh_client_select_hostkeys). It has no use for the host's name
  // but to open those files, and opens none without one.
  bool ok =
      set(session, SSH_OPTIONS_PROCESS_CONFIG, &no_config) &&
      set(session, SSH_OPTIONS_SSH_DIR, nowhere) && set(session, SSH_OPTIONS_KNOWNHOSTS, nowhere) &&
      set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, nowhere) &&
      set(session, SSH_OPTIONS_PORT, &port) && set(session, SSH_OPTIONS_USER, of.user().c_str()) &&
      set(session, SSH_OPTIONS_FD, &fd) && set_sizes(session, shared.settings);
  ssh_set_blocking(session, 0);
  const char* unknown = ok ? set_algorithms(session, of) : nullptr;
  if (ok && unknown == nullptr) return true;
  why = no_memory(of);
  if (ok)
    why =
        failure(end_reason::protocol_error, std::make_error_code(std::errc::protocol_not_supported),
                of.name() + ": key exchange: libssh knows none of the algorithms for " + unknown +
                    " that ssh_config allows");
  if (ok) why.reason = failure_reason::no_common_algorithm;
  return false;
}

bool checks_host_key(const remote_session& of) {
  return of.shared().host_keys.checks() && !is_trusted_without_key(of);
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

failure unreadable_key(const remote_session& of) {
  return failure(end_reason::protocol_error, std::make_error_code(std::errc::protocol_error),
                 of.name() + ": key exchange: a host key that cannot be read");
}

bool check_host_key(const remote_session& of, failure& why) {
  host_key_store& trusted = of.shared().host_keys;
  const bool is_checked = checks_host_key(of);
  if (!is_checked) note_unchecked_key(of);
  if (!is_checked && !trusted.lists_revoked()) return true;
  shown_key shown;
  bool is_read = read_shown_key(of.handle(), shown);
  if (!is_checked)
    return !is_read || !trusted.refuses_revoked(of.key_name(), of.key_port(), shown, why);
  if (is_read) return trusted.accept(of.key_name(), of.key_port(), shown, why);
  why = unreadable_key(of);
  return false;
}

}  // namespace execo::detail
