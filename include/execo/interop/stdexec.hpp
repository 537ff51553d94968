/// execo with sender libraries in the manner of P2300 (std::execution, stdexec): a scheduler for a
/// context, as_sender(op) for any operation, and as_awaitable(sender) for the way back. A coroutine
/// of stdexec that awaits execo's operations needs this header, so that its stop is heard.
///
/// Needs no header of such a library: receivers and operation states are used through members
/// (connect, start, set_value, set_error, set_stopped, get_env).
#pragma once

#include "execo/interop/as_awaitable.hpp"
#include "execo/interop/as_sender.hpp"
#include "execo/interop/scheduler.hpp"
#include "execo/interop/sender_tags.hpp"
