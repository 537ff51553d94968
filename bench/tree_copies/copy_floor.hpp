// What a copy down a tree of processes costs at least: each reads a socket, and writes to its file
// and to the sockets of its children. Nothing is checked, and a slow one keeps the others waiting.
#pragma once

#include <string>

#include "fanout_ssh/client_run.hpp"

namespace bench {

enum class floor_way {
  buffers,  // read and write
  pages,    // splice and tee: bytes are copied where they are written to a file, and nowhere else
};

/// `source` to the files n1 and so on in `to`. CPU is that of all processes. Throws:
/// std::runtime_error.
client_run copy_down(const std::string& source, const std::string& to, int hosts, int arity,
                     floor_way how);

}  // namespace bench
