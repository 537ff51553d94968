#include "ssh/libssh.hpp"

#include <errno.h>
#include <string.h>

#include <array>
#include <string_view>

#include "execo/printable.hpp"

namespace execo::detail {
namespace {

constexpr std::string_view socket_prefix = "Socket error: ";
// What a refused keepalive leaves behind; no error of the session.
constexpr std::string_view request_prefix = "Global request ";
// That it was not told the host's name, and so looks it up nowhere (set_handshake_options).
constexpr std::string_view no_name_prefix = "Can't verify server in known hosts";
constexpr std::string_view goodbye_prefix = "Received SSH_MSG_DISCONNECT: ";

// libssh prints errno with strerror_r in the program's locale, as strerror does here. {}: none of
// those that a connection can end with.
std::error_code errno_in(std::string_view text) {
  static constexpr std::array<int, 9> likely{ECONNRESET,   EPIPE,       ETIMEDOUT,
                                             EHOSTUNREACH, ENETUNREACH, ECONNREFUSED,
                                             ENETDOWN,     ENOTCONN,    ECONNABORTED};
  std::array<char, 128> buffer;
  for (int error : likely) {
    if (text == ::strerror_r(error, buffer.data(), buffer.size()))
      return {error, std::system_category()};
  }
  return {};
}

constexpr std::size_t max_shown = 200;

// "kex error : no match for method kex algos: server [a,b], client [c,d]" (kex.c)
std::string describe_mismatch(std::string_view text) {
  auto between = [text](std::string_view before, std::string_view after) {
    std::size_t from = text.find(before);
    if (from == text.npos) return std::string_view();
    from += before.size();
    return text.substr(from, text.find(after, from) - from);
  };
  constexpr std::size_t max_list = 700;  // libssh keeps 1 KiB in all
  std::string_view method = between("method ", ":");
  std::string shown = "no common " + peer_text(method, max_shown) + ": the server offers " +
                      peer_text(between("server [", "]"), max_list) + "; we offer " +
                      peer_text(between("client [", "]"), max_list);
  if (method.starts_with("kex")) shown += "; ssh.key_exchange chooses what we offer";
  return shown;
}

}  // namespace

std::string peer_text(std::string_view text, std::size_t max_size) {
  std::size_t end = text.find_last_not_of(" \t\r\n");
  return printable(text.substr(0, end == text.npos ? 0 : end + 1), max_size);
}

session_error session_error::of_goodbye(std::string_view words) {
  session_error found;
  found.what = kind::disconnected;
  found.text = "the server disconnected: " + peer_text(words, max_shown);
  return found;
}

namespace {

session_error read_session_error(ssh_session_struct* session) {
  std::string_view text = ssh_get_error(session);
  session_error found;
  if (text.starts_with(socket_prefix)) {
    text.remove_prefix(socket_prefix.size());
    bool closed = text == "disconnected";
    std::error_code why = errno_in(text);
    if (!closed) found.why = why ? why : std::make_error_code(std::errc::connection_reset);
    found.text = closed ? "the server closed the connection" : "the connection was lost";
  } else if (std::error_code why = errno_in(text); why) {
    // Before the first packet there is no prefix (socket_callback_connected).
    found.why = why;
    found.text = "the connection was lost";
  } else if (text.starts_with(goodbye_prefix)) {
    text.remove_prefix(goodbye_prefix.size());
    std::size_t colon = text.find(':');
    if (colon != text.npos) text.remove_prefix(colon + 1);
    found = session_error::of_goodbye(text);
  } else if (text.find("no match for method") != text.npos) {
    found.what = session_error::kind::no_match;
    found.why = std::make_error_code(std::errc::protocol_not_supported);
    found.text = describe_mismatch(text);
  } else if (text.empty() || text.starts_with(request_prefix) || text.starts_with(no_name_prefix)) {
    found.text = "the connection was lost";
  } else {
    found.what = session_error::kind::protocol;
    found.why = std::make_error_code(std::errc::protocol_error);
    found.text = peer_text(text, max_shown);
  }
  return found;
}

}  // namespace

bool is_lost(ssh_session_struct* session) noexcept {
  return (ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0 ||
         ssh_is_connected(session) == 0;
}

session_error end_session(ssh_session_struct* session) {
  session_error found = read_session_error(session);
  // With the option libssh would not close what it still holds open (client.c).
  (void)ssh_options_set(session, SSH_OPTIONS_FD, nullptr);
  ssh_disconnect(session);
  // A write that fails in the call that reads the goodbye has the last word otherwise.
  const char* goodbye = ssh_get_disconnect_message(session);
  if (found.what == session_error::kind::lost && goodbye != nullptr)
    found = session_error::of_goodbye(goodbye);
  return found;
}

}  // namespace execo::detail
