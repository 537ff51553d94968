// Counts how the hosts ended, for the exit status, one line for each kind of failure, and the
// summary.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "execo/host_result.hpp"
#include "execo/journal.hpp"
#include "execo/time.hpp"

namespace execo::cli {

/// How a command ended, in words, without its name: "exited 2", "timed out while connecting".
std::string end_in_words(const result& r);

/// "433", "2.5": three figures at most, and no exponent.
std::string rate_in_words(double a_second);

class tally {
 public:
  void add(const host_result& r);

  /// A host that an earlier part of the same run is done with, or does not know the end of: it
  /// counts for the exit status alone.
  void add_before(const journal_entry& entry);
  std::size_t done_before() const noexcept { return done_before_; }
  std::size_t unknown_before() const noexcept { return unknown_before_; }

  std::size_t hosts() const noexcept { return hosts_; }
  std::size_t ok() const noexcept { return ok_; }
  std::size_t failed() const noexcept { return hosts_ - ok_; }
  std::size_t count(end_reason how) const { return by_reason_[static_cast<std::size_t>(how)]; }

  /// 0, 1, 3 or 4.
  int exit_status() const;
  /// Of all hosts: their exit code, 128 and the signal that ended it, 255 for any other end.
  int largest_code() const noexcept { return largest_code_; }
  /// Records output of this host that a limit left out or that came too late.
  /// `live`: lines were shown as they came, without a cap.
  void add_dropped(const host_result& r, bool live);
  /// One line for outputs that were cut short, and one for each stream and limit that it reached.
  std::vector<std::string> dropped() const;
  /// One line for each reason why commands may still run.
  std::vector<std::string> left_running() const;
  /// One line for each way to fail, the most frequent first.
  std::vector<std::string> failures() const;
  /// "1000 hosts: 990 ok, 10 failed (6 exited, 4 timed_out); 2.31 s, 433 hosts/s"; of hosts that
  /// are ok without all of their output: "990 ok (2 with output cut short), 10 failed".
  std::string summary(duration elapsed) const;

 private:
  struct left_out {
    std::uint64_t bytes = 0;
    std::vector<std::string> names;
  };
  /// The limit of the stream, and the budget of the context.
  using left_out_by = std::array<left_out, 2>;
  struct failure {
    std::string words;
    host_result first;
    std::vector<std::string> names;
    bool same_context = true;
  };
  static std::string in_one_line(const failure& f);

  std::size_t of_whole_run(end_reason how) const {
    return count(how) + before_[static_cast<std::size_t>(how)];
  }

  std::size_t done_before_ = 0;
  std::size_t failed_before_ = 0;
  std::size_t unknown_before_ = 0;
  std::array<std::size_t, end_reason_count> before_{};  // those that failed
  int largest_code_ = 0;
  std::size_t hosts_ = 0;
  std::size_t ok_ = 0;
  std::size_t incomplete_ = 0;  // of these, without all of their output
  // exited: those with a code that is not accepted
  std::array<std::size_t, end_reason_count> by_reason_{};
  std::vector<failure> failures_;
  std::vector<std::string> cut_short_;
  std::array<std::vector<std::string>, leftover_causes> left_running_;
  left_out_by out_;
  left_out_by err_;
};

}  // namespace execo::cli
