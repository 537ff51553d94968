// What the streams of a process need of the state that its handles share.
#pragma once

#include "process/lifecycle.hpp"

namespace execo::detail {

class process_state;

/// Where an operation on it runs, for a coroutine that lives on `awaiting`.
/// Throws: std::logic_error if it was not started.
loop& loop_of_run(process_state& state, loop* awaiting);
/// Pre: started.
lifecycle& run_of(process_state& state) noexcept;

}  // namespace execo::detail
