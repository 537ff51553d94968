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

// A peer chooses this text; it must not reach a terminal as it is.
std::string peer_text(std::string_view text) {
  constexpr std::size_t max_shown = 200;
  std::size_t end = text.find_last_not_of(" \t\r\n");
  return printable(text.substr(0, end == text.npos ? 0 : end + 1), max_shown);
}

}  // namespace

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
    found.what = session_error::kind::disconnected;
    found.text = "the server disconnected: " + peer_text(text);
  } else if (text.find("no match for method") != text.npos) {
    found.what = session_error::kind::no_match;
    found.why = std::make_error_code(std::errc::protocol_not_supported);
    found.text = peer_text(text);
  } else if (text.empty() || text.starts_with(request_prefix)) {
    found.text = "the connection was lost";
  } else {
    found.what = session_error::kind::protocol;
    found.why = std::make_error_code(std::errc::protocol_error);
    found.text = peer_text(text);
  }
  return found;
}

}  // namespace execo::detail
