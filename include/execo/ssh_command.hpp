/// ssh_command: the words of the program that reaches a host, for other programs to run.
#pragma once

#include <string>
#include <vector>

#include "execo/connection.hpp"
#include "execo/host.hpp"

namespace execo {

/// The words with which the program `ssh` reaches `named` as execo runs it: user, port, identities,
/// host keys, jump hosts and algorithms of the options, no questions, no forwarding. With one word
/// more, the text for the login shell, they run a command. Relative paths are made absolute.
///
/// With a connector they are the words of its program, as it is the only host of an action.
/// Throws: std::invalid_argument for what these words cannot say: a host name that begins with '-',
/// a unix_socket, a lease, become, the connector "exec:"; and for options that cannot be used.
/// Thread: one that may read the environment.
std::vector<std::string> ssh_command(const host& named, const ssh_options& options = {});

}  // namespace execo
