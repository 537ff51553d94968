// The awaiter of an expect, and the state that one expect keeps from match to match.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/operation.hpp"
#include "execo/detail/process_ops.hpp"
#include "execo/patterns.hpp"
#include "execo/status.hpp"
#include "execo/time.hpp"

namespace execo::detail {

class output_stream;

/// While an operation runs it belongs to the loop of the process.
class expect_state {
 public:
  static constexpr std::size_t default_backtrack = 4096;
  static constexpr std::size_t default_most = std::size_t{1} << 20;

  expect_state(process_ref from, stream which, patterns what) noexcept
      : run(std::move(from)), from_stream(which), all(std::move(what)) {}

  process_ref run;
  stream from_stream;
  patterns all;
  incremental_search search{default_backtrack};
  std::size_t most = default_most;
  std::uint64_t dropped = 0;
  bool skip = false;
  bool gap_counted = false;  // one that nothing follows
};

class [[nodiscard]] expect_op final : public operation {
 public:
  enum class mode : bool { look, take };
  expect_op(expect_state& state, duration limit, mode how) noexcept;
  /// Pre: not awaited yet.
  expect_op(expect_op&& other) noexcept;

  expect_result await_resume();

 private:
  enum class end : unsigned char { good, cancelled, busy, elsewhere, no_memory };

  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return end_ == end::cancelled; }
  const char* what() const noexcept override { return "a match in the output of a process"; }
  void on_readable() noexcept;
  void begin_search(bool stopped);
  void starve() noexcept;
  void expire() noexcept;
  output_stream& from() const noexcept;
  /// False: it has to wait.
  bool try_end(output_stream& from);
  bool find(output_stream& from);
  void end_matched(output_stream& from, std::size_t context);
  void end_unmatched(output_stream& from, expect_end how);
  /// Lets go what need not be kept; true: there may be more to look at.
  bool make_room(output_stream& from) noexcept;
  void drop(output_stream& from, std::size_t count) noexcept;
  void wait(output_stream& from) noexcept;
  void finish(end how) noexcept;

  expect_state* state_;
  duration limit_;
  mode mode_;
  end end_ = end::good;
  deadline_timer timer_;
  expect_result result_;
};

}  // namespace execo::detail
