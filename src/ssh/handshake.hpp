// The parts of a handshake that are questions to libssh: options before it, the host key within.
#pragma once

#include "process/failure.hpp"
#include "ssh/libssh.hpp"

namespace execo::detail {

class remote_session;
class shown_key;

/// Sets all that libssh needs, and keeps it from everything it would look up by itself: per session
/// and with blocking calls. False: `why` is set.
bool set_handshake_options(ssh_session_struct* session, const remote_session& of, int fd,
                           failure& why);

/// Whether the host's key is compared with known ones.
bool checks_host_key(const remote_session& of);

/// After the key exchange. False: it cannot be read.
bool read_shown_key(ssh_session_struct* session, shown_key& shown);
failure unreadable_key(const remote_session& of);

/// After the key exchange. False: `why` is set.
bool check_host_key(const remote_session& of, failure& why);

}  // namespace execo::detail
