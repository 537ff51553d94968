/// A dialogue with all hosts of an action: each function gives one outcome per host, in their
/// order.
#pragma once

#include <string>
#include <system_error>
#include <vector>

#include "execo/action.hpp"
#include "execo/patterns.hpp"
#include "execo/status.hpp"
#include "execo/task.hpp"
#include "execo/time.hpp"

namespace execo {

/// Writes `bytes` to the command of each host. A host's outcome: no error when the kernel, or the
/// connection, has taken them all; std::errc::broken_pipe if the command reads no more, or ended
/// before; std::errc::timed_out if they were not taken within `limit`, or if its turn did not come
/// by then: what was taken until then is a prefix. Starts the action if needed.
/// Pre: the action has in(pipe()), one write to a host at a time; else std::logic_error. It lives
/// until the end.
/// Stop: the action goes on; each host has got a prefix; throws operation_cancelled.
task<std::vector<std::error_code>> write_all(action& to, std::string bytes,
                                             duration limit = duration::max());

/// Sends end of file to each host that runs, and to those that begin later when their turn comes:
/// it ends when none is left to begin. Pre: as write_all().
task<void> close_all(action& to);

/// Waits until the output of each host has matched or ended, within `limit` for all, of which the
/// wait for its turn is a part. Each search goes on where the last match of that host ended, as
/// those of expect do. A host that ended before it began has end_of_stream. Starts the action if
/// needed.
/// Pre: as expect::next(). The action lives until the end.
/// Stop: nothing is consumed, the action goes on; throws operation_cancelled.
/// Throws: as expect::next().
task<std::vector<expect_result>> expect_all(action& from, patterns what,
                                            duration limit = duration::max(),
                                            stream which = stream::out);

}  // namespace execo
