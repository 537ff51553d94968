// What the agent says of itself and of its host.
#pragma once

#include <cstdint>
#include <string>

#include "wire/codec.hpp"
#include "wire/link_messages.hpp"

namespace execo::agent {

detail::hello_message describe_self(const detail::bytes16& nonce);

/// Of this agent so far.
detail::agent_usage own_usage();

/// At least 1.
std::uint16_t usable_cores();

/// The absolute path of the user's shell: $SHELL, else that of /etc/passwd, else /bin/sh. The
/// databases of NSS are not asked: sshd has asked them for $SHELL.
std::string login_shell();

/// Whether PATH has such a program.
bool has_program(const char* name);

}  // namespace execo::agent
