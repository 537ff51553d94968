// A command on a host of a tree, behind the seam that all transports have.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/intrusive_ptr.hpp"
#include "execo/host.hpp"
#include "process/transport.hpp"
#include "tree/tree_place.hpp"
#include "tree/tree_root.hpp"

namespace execo::detail {

/// `text_of`: what the login shell of a host reads for a command; nothing, and why, if it cannot be
/// said so. `terminal`: the value of TERM on one.
using remote_text_maker = std::optional<std::string> (*)(const command& what, std::string& problem);

std::unique_ptr<transport> make_tree_transport(loop& on, intrusive_ptr<tree_root> root,
                                               const host& where, remote_text_maker text_of,
                                               std::string terminal, const tree_place& place);

/// A connection from that host in place of a command on it: it runs once it is made, input goes
/// there, output comes from there. A refusal is spawn_failed, with the error. `to`: a
/// connection_word(). What open() is given says nothing.
std::unique_ptr<transport> make_tree_connection(loop& on, intrusive_ptr<tree_root> root,
                                                const host& from, std::string to);

}  // namespace execo::detail
