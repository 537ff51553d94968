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

/// Matches in one output of one process, each after the previous one. It shares its position with
/// the readers of that stream: they do not get what a match has consumed, and what they read is not
/// searched. So the first search begins with the first output of the command, unless from_now() or
/// a reader skipped it; and a line read after a match is the rest of that line.
///
/// Memory is bounded: see max_buffer() and backtrack().
class expect {
 public:
  using next_op = detail::expect_op;

  explicit expect(reader from, patterns what = patterns());

  /// Adds a pattern, as patterns::on().
  expect& on(std::string_view regex, patterns::handler call = nullptr) &;
  expect&& on(std::string_view regex, patterns::handler call = nullptr) &&;

  /// A match that arrives in pieces may begin at most that many bytes before its last piece; 4,096
  /// by default. For each piece, these bytes are searched again.
  expect& backtrack(std::size_t bytes) &;
  expect&& backtrack(std::size_t bytes) &&;
  /// How many unmatched bytes are kept for the next search and for before(), 1 MiB by default.
  /// Beyond that the oldest are dropped and counted.
  expect& max_buffer(std::size_t bytes) &;
  expect&& max_buffer(std::size_t bytes) &&;
  /// The next search skips the output so far.
  expect& from_now() &;
  expect&& from_now() &&;

  /// The first match in the output that was not consumed: of several the one that begins first,
  /// then the pattern that was named first. Searches the output so far, then what arrives within
  /// `limit`; 0 or less: only the output so far. Only a match consumes bytes.
  /// Pre: the process was started, and this object is not moved until the end; one search or read
  /// of the stream at a time. Else std::logic_error.
  /// Stop: no byte is lost, the next search has it; throws operation_cancelled.
  /// Resumes: on the awaiting coroutine's loop, else on the process's.
  /// Throws: what a handler throws; std::logic_error if the stream goes to another sink.
  next_op next(duration limit = duration::max());

  /// The same, but consumes nothing and calls no handler: next() finds it again.
  next_op look(duration limit = duration::max());

 private:
  detail::expect_state state_;
};

/// Waits until all of them have matched or ended, within `limit` for all. Returns one result for
/// each, in order.
///
/// Pre: as expect::next(); the vector and its elements are not moved until the end.
/// Stop: nothing is consumed; throws operation_cancelled.
/// Throws: as expect::next().
task<std::vector<expect_result>> expect_all(std::vector<expect>& all,
                                            duration limit = duration::max());

/// Waits until one of them has matched, within `limit`. Returns its index and its match; the others
/// lose nothing. If all have ended without a match, or the time is up, the index is
/// expect_result::npos and the result says which of the two.
///
/// Pre, Stop, Throws: as expect_all. std::invalid_argument for an empty list.
task<any_result<expect_result>> expect_any(std::vector<expect>& all,
                                           duration limit = duration::max());

}  // namespace execo
