// For libraries below us that clean up after themselves when the program ends.
#pragma once

namespace execo::detail {

/// The default context ends before what was given to atexit(3) so far.
void end_default_context_first() noexcept;

}  // namespace execo::detail
