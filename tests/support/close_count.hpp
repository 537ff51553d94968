// How often this program, its libraries included, closed a descriptor that was not open: somebody
// else's the next time.
#pragma once

namespace execo::test {

/// Calls of close(2) so far that failed with EBADF. Zero under ThreadSanitizer, whose own close()
/// has to stay.
unsigned bad_closes() noexcept;

}  // namespace execo::test
