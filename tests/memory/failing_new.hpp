// An operator new that fails once, when a test says so.
#pragma once

#include <atomic>

namespace execo::test {

/// Allocations until the one that fails; not positive: none does.
extern std::atomic<long> until_failure;
/// It was reached.
extern std::atomic<bool> has_failed;

}  // namespace execo::test
