/// expect: waits until the output of a process matches one of several patterns.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "execo/detail/expect_op.hpp"
#include "execo/patterns.hpp"
#include "execo/stream.hpp"
#include "execo/task.hpp"
#include "execo/when_any.hpp"

namespace execo {

/// Matches in one output of one process, each after the previous one. It reads at the same place
/// as the readers of that stream: what a match used up, they do not get, and what they read is not
/// searched. So the first search begins with what the command wrote first, unless from_now() or a
/// reader went further; and a line read after a match is the rest of that line.
///
/// Memory is bounded: see max_buffer() and backtrack().
class expect {
 public:
  using next_op = detail::expect_op;

  explicit expect(reader from, patterns what = patterns());

  /// One more pattern, as patterns::on().
  expect& on(std::string_view regex, patterns::handler call = nullptr) &;
  expect&& on(std::string_view regex, patterns::handler call = nullptr) &&;

  /// A match that comes in pieces may begin at most that many bytes before its last piece; 4,096 by
  /// default. Each piece costs a search of its own bytes and of these.
  expect& backtrack(std::size_t bytes) &;
  expect&& backtrack(std::size_t bytes) &&;
  /// How many bytes without a match are kept for the next search and for before(), 1 MiB by
  /// default. Beyond it the oldest ones go, and are counted.
  expect& max_buffer(std::size_t bytes) &;
  expect&& max_buffer(std::size_t bytes) &&;
  /// What is there when the next search begins is passed over.
  expect& from_now() &;
  expect&& from_now() &&;

  /// The first match in what was not used up: of several the one that begins first, then the
  /// pattern that was named first. It is tried on what is there already, then on what comes, within
  /// `limit`; 0 or less: on what is there. Only a match uses bytes up.
  /// Pre: the process was started and this object stays where it is until the end; one search, or
  /// read, of the stream at a time. Else std::logic_error.
  /// Stop: no byte is lost, the next search has it; throws operation_cancelled.
  /// Resumes: on the awaiting coroutine's loop, else on the process's.
  /// Throws: what a handler throws; std::logic_error for a stream that goes elsewhere.
  next_op next(duration limit = duration::max());

  /// The same, but uses nothing up and calls no handler: next() finds it again.
  next_op look(duration limit = duration::max());

 private:
  detail::expect_state state_;
};

/// Waits until all of them have matched or have come to their end, within `limit` for all. Gives
/// one result for each, in order.
///
/// Pre: as expect::next(); the vector and what is in it stay where they are until the end.
/// Stop: nothing is used up; throws operation_cancelled.
/// Throws: as expect::next().
task<std::vector<expect_result>> expect_all(std::vector<expect>& all,
                                            duration limit = duration::max());

/// Waits until one of them has matched, within `limit`. Gives its index and its match; the others
/// lose nothing. If all have come to their end without a match, or the time is over, the index is
/// expect_result::npos and the result says which.
///
/// Pre, Stop, Throws: as expect_all. Of none, std::invalid_argument.
task<any_result<expect_result>> expect_any(std::vector<expect>& all,
                                           duration limit = duration::max());

}  // namespace execo
