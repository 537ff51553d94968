// The parts of a handshake that are questions to libssh: options before it, the host key within.
#pragma once

#include "ssh/failure.hpp"
#include "ssh/libssh.hpp"

namespace execo::detail {

class remote_session;

/// Sets all that libssh needs, and keeps it from everything it would look up by itself: per session
/// and with blocking calls. False: `why` is set.
bool set_handshake_options(ssh_session_struct* session, const remote_session& of, int fd,
                           failure& why);

/// After the key exchange. False: `why` is set.
bool check_host_key(const remote_session& of, failure& why);

}  // namespace execo::detail
