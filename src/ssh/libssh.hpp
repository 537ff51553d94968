// Owners of libssh objects, and what its calls leave to be found out from its error text.
#pragma once

// libssh.h declares its callbacks in C; the server header has the one call that drives a session
// whatever state it is in.
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace execo::detail {

struct ssh_session_deleter {
  void operator()(ssh_session_struct* s) const noexcept { ssh_free(s); }
};
struct ssh_key_deleter {
  void operator()(ssh_key_struct* k) const noexcept { ssh_key_free(k); }
};
struct ssh_string_deleter {
  void operator()(char* s) const noexcept { ssh_string_free_char(s); }
};
using libssh_session = std::unique_ptr<ssh_session_struct, ssh_session_deleter>;
using libssh_key = std::unique_ptr<ssh_key_struct, ssh_key_deleter>;
using libssh_text = std::unique_ptr<char, ssh_string_deleter>;

/// Text that a peer chose, cut and without what steers a terminal.
std::string peer_text(std::string_view text, std::size_t max_size);

/// What ended a libssh session.
class session_error {
 public:
  enum class kind : std::uint8_t {
    lost,          ///< the socket failed or the peer closed it
    disconnected,  ///< the peer said goodbye, with a reason
    no_match,      ///< no algorithm in common
    protocol,      ///< the peer broke the protocol
  };
  kind what = kind::lost;
  /// {} when the peer closed or disconnected.
  std::error_code why;
  /// For people: "the server closed the connection", "the server disconnected: Too many ...".
  std::string text;

  static session_error of_goodbye(std::string_view words);
};

/// The connection is gone, or libssh gave it up.
bool is_lost(ssh_session_struct* session) noexcept;

/// Ends a session that has failed, which closes its descriptor unless libssh has done so already,
/// and says why it failed: 0.10 has no codes behind SSH_FATAL, only text. Its channels are gone.
/// Nothing but ssh_free may follow.
session_error end_session(ssh_session_struct* session);

}  // namespace execo::detail
