// The text of the progress line.
#pragma once

#include <cstddef>
#include <string>

#include "execo/action.hpp"
#include "execo/transfer.hpp"

namespace execo::cli {

/// "execo: 512/1000 done, 500 ok, 12 failed, 64 running, 210/s, ETA 3 s"
std::string progress_words(const action_stats& so_far, duration elapsed);

/// ", 1.2 GiB, 340 files, 110 MiB/s": what a copy has moved. What was there already, too.
std::string copy_words(const copy_progress& so_far, duration elapsed);

}  // namespace execo::cli
