// The text of the progress line.
#pragma once

#include <cstddef>
#include <string>

#include "execo/action.hpp"

namespace execo::cli {

/// "execo: 512/1000 done, 500 ok, 12 failed, 64 running, 210/s, ETA 3 s"
std::string progress_words(const action_stats& so_far, duration elapsed);

}  // namespace execo::cli
