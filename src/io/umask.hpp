// The file mode mask of this process, as other threads see it.
#pragma once

#include <sys/types.h>

#include <optional>

namespace execo::detail {

/// Without changing it, as umask(2) would for every thread: 15 us. None without /proc.
std::optional<mode_t> listed_umask() noexcept;

}  // namespace execo::detail
