// Which files a copy leaves out.
#pragma once

#include <cstdint>

namespace execo::detail {

enum class skip_rule : std::uint8_t {
  none,
  same_time,    // and size
  same_digest,  // and size
};

}  // namespace execo::detail
