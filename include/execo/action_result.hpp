/// action_result: the results of an action by host, grouped and counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "execo/detail/host_arguments.hpp"
#include "execo/host.hpp"
#include "execo/host_result.hpp"
#include "execo/host_set.hpp"
#include "execo/status.hpp"

namespace execo {

namespace detail {
class action_core;
class action_outcome;
class outcome_part;
}  // namespace detail

/// Counts of an action, by how the hosts ended.
class action_stats {
 public:
  action_stats() = default;
  std::size_t hosts = 0;
  std::size_t ok = 0;
  std::size_t done = 0;
  /// Started and not ended yet.
  std::size_t running = 0;
  /// By end_reason; `exited` includes those with an accepted code.
  std::array<std::size_t, end_reason_count> by_reason{};
  std::size_t count(end_reason how) const { return by_reason[static_cast<std::size_t>(how)]; }
  /// Of these, those that count as success: by their code, or because the command ignores such
  /// ends.
  std::array<std::size_t, end_reason_count> ok_by_reason{};
  std::size_t failed(end_reason how) const {
    return count(how) - ok_by_reason[static_cast<std::size_t>(how)];
  }
  /// Ended, in whatever way, with some output missing: result::output_complete().
  std::size_t incomplete = 0;
  /// Exited with a code that is not accepted.
  std::size_t bad_exits() const { return failed(end_reason::exited); }
  /// Connections made for it, replacements of lost ones included.
  std::size_t connections_made = 0;
  /// Commands that used a connection made for another one.
  std::size_t connections_reused = 0;
  /// Found, but lost before they were used, so made again.
  std::size_t connections_lost = 0;
  duration elapsed{0};
  /// No host at all counts as success: remote::allow_empty().
  bool allow_empty = false;
};

/// Hosts that ended in the same way with the same output.
class output_group {
 public:
  output_group() = default;
  host_set hosts;
  std::size_t count = 0;
  /// The result of one of them.
  host_result sample;
};

/// Groups results by output, with one copy of each distinct output, however many hosts wrote it.
class output_gatherer {
 public:
  /// By standard output and standard error.
  output_gatherer();
  /// By one of the two; the other one of a group's sample is that of the sample alone.
  explicit output_gatherer(stream by);
  output_gatherer(output_gatherer&&) noexcept;
  output_gatherer& operator=(output_gatherer&&) noexcept;
  ~output_gatherer();
  void add(host_result r);
  /// Largest group first; equal sizes in the order of the first host.
  std::vector<output_group> groups() const&;
  /// Moves the groups out; the gatherer is then empty.
  std::vector<output_group> groups() &&;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Results in the order of the hosts. A view: valid while an action_result that has them lives.
class host_results : public std::span<const host_result> {
 public:
  using span::span;
  /// Throws: std::out_of_range.
  const host_result& at(std::size_t i) const;
};

/// The result of an action. Copies share the results of the hosts. What next() took is in stats()
/// alone: everything else is about the results that it did not take.
class action_result {
 public:
  /// Without hosts.
  action_result();
  action_result(std::vector<host_result> results, action_stats stats);

  /// Every host exited with an accepted code, and there was at least one host.
  bool ok() const noexcept;
  host_results all() const& noexcept;
  std::vector<host_result> all() const&&;
  /// The result of a host, given as its action has it (`r["root@n3:22"]`) or by its name alone; of
  /// several hosts of that name, the first.
  /// Throws: std::out_of_range that names the hosts with a result.
  template <detail::host_like Host>
  const host_result& operator[](const Host& which) const& {
    return find(which);
  }
  template <detail::host_like Host>
  host_result operator[](const Host& which) const&& {
    return find(which);
  }
  /// Pointers into this object.
  std::vector<const host_result*> failed() const&;
  std::vector<const host_result*> failed() const&& = delete;
  /// The hosts whose results are not ok; those that ended in that way, ok or not.
  host_set failed_hosts() const;
  host_set hosts(end_reason how) const;
  /// Hosts with the same end and the same standard output; the same standard error.
  std::vector<output_group> by_output() const;
  std::vector<output_group> by_error() const;
  /// Hosts by result::exit_code(): -1 has those without a code.
  std::map<int, host_set> codes() const;
  /// The largest exit code; -1 if no host has one.
  int max_code() const noexcept;
  const action_stats& stats() const noexcept;
  /// Of the command, or of the composite; empty without one.
  const std::string& name() const noexcept;
  /// Of a composite: the results of its members, in order, with the positions that they have in the
  /// whole. Nothing is copied.
  std::vector<action_result> parts() const;
  /// One line: "2 of 40 hosts failed; the first: node3: ...", "40 hosts, all ok".
  std::string describe() const;
  /// Throws: action_error naming how many hosts failed, and the first of them, unless ok().
  const action_result& check() const;

 private:
  friend class detail::action_core;
  struct view {};
  action_result(view tag, std::shared_ptr<const detail::action_outcome> whole,
                const detail::outcome_part& part) noexcept;
  template <detail::text_like Text>
  const host_result& find(const Text& text) const {
    return find_text(std::string_view(text));
  }
  const host_result& find(const host& which) const;
  const host_result& find_text(std::string_view text) const;

  std::shared_ptr<const detail::action_outcome> whole_;
  const detail::outcome_part* part_;
};

/// The hosts without those whose result is not ok, in the same order; a host without a result
/// stays.
host_set filter_bad_hosts(const host_set& hosts, const action_result& r);
std::vector<host> filter_bad_hosts(std::vector<host> hosts, const action_result& r);

}  // namespace execo
