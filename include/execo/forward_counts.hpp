/// forward_counts: what a port forward has carried.
#pragma once

#include <cstdint>
#include <string>

namespace execo {

/// What a port forward has carried so far.
class forward_counts {
 public:
  forward_counts() = default;
  std::uint64_t opened = 0;       // connections that were made for clients
  std::uint64_t open = 0;         // connections of clients now, those included that are being made
  std::uint64_t failed = 0;       // connections of clients that came to nothing
  std::uint64_t bytes_there = 0;  // to the host `via`
  std::uint64_t bytes_back = 0;   // from it
  std::string last_failure;       // of `failed`, the last one; empty: none
};

}  // namespace execo
