/// rollout: an action that reaches its hosts batch by batch, and stops when too many of them fail.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "execo/action.hpp"
#include "execo/composite.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/setter.hpp"
#include "execo/time.hpp"

namespace execo {

/// A number of hosts, or a percentage of those that it is about.
class host_share {
 public:
  /// Throws: std::invalid_argument for a negative number.
  template <std::integral Number>
  host_share(Number hosts) : host_share(from_number(std::cmp_less(hosts, 0)), hosts) {}
  /// Throws: std::invalid_argument unless 0 <= p <= 100.
  static host_share of_percent(double p);

  /// Rounded down.
  std::size_t of(std::size_t hosts) const noexcept;

 private:
  class from_number {
   public:
    explicit from_number(bool is_negative);
  };
  template <std::integral Number>
  host_share(from_number, Number hosts) noexcept : hosts_(static_cast<std::size_t>(hosts)) {}

  std::size_t hosts_ = 0;
  double percent_ = -1;  // not negative: this counts
};

/// percent(5): 5 % of the hosts, rounded down. Throws: std::invalid_argument unless 0 <= p <= 100.
inline host_share percent(double p) { return host_share::of_percent(p); }

/// What becomes of the hosts that still run when too many have failed: they go on to their end, or
/// are ended as request_stop() does.
enum class rollout_stop : std::uint8_t { drain, kill };

/// How a rollout ended, or why it stopped.
enum class rollout_end : std::uint8_t {
  none,                        ///< it goes on, or has not begun
  complete,                    ///< every batch is over
  too_many_failures,           ///< of all hosts: max_fail()
  too_many_failures_in_batch,  ///< max_fail_in_batch()
  batch_deadline,              ///< a batch took too long
  stopped,                     ///< by a stop, a kill or a handler that threw
};

/// How many values rollout_end has.
inline constexpr std::size_t rollout_ends = 6;

/// The bare word: "complete", "too_many_failures", ...
std::string_view to_string(rollout_end how) noexcept;

/// How a rollout ended and what it had counted then. A host has failed if its result is not ok();
/// one that is `not_started` has not.
class rollout_verdict {
 public:
  rollout_verdict() = default;
  rollout_end how = rollout_end::none;
  /// The number of the batch in which that was decided, from 1; 0 before the first one.
  std::size_t batch = 0;
  std::size_t batches = 0;
  /// Hosts that had ended and those of them that had failed: of this batch if `how` is about a
  /// batch, else of all. Of a batch deadline: the hosts of the batch, and those that had not ended.
  std::size_t hosts = 0;
  std::size_t failed = 0;
  /// How many were allowed to fail.
  std::size_t limit = 0;
  /// How long a batch might take.
  duration deadline{0};

  /// For people: "stopped in batch 3 of 20: 23 of 150 hosts failed, at most 20 may".
  std::string to_string() const;
};

/// A batch whose hosts have all ended.
class batch_report {
 public:
  batch_report() = default;
  std::size_t number = 0;  ///< from 1
  std::size_t batches = 0;
  std::size_t hosts = 0;   ///< of this batch
  std::size_t failed = 0;  ///< of these
  /// Of these, those that were not reached any more.
  std::size_t not_started = 0;
  std::size_t hosts_so_far = 0;
  std::size_t failed_so_far = 0;
  /// Why it is the last one; `none` if another one follows.
  rollout_end end = rollout_end::none;

  /// For people: "batch 3 of 20: 50 hosts, 2 failed; so far 150 hosts, 3 failed"; with
  /// ", 7 not started" if there are some.
  std::string to_string() const;
};

namespace detail {

action_ref make_rollout(action what);
void set_canary(action& a, host_share hosts);
void set_batch(action& a, host_share hosts);
void set_max_fail(action& a, host_share hosts);
void set_max_fail_in_batch(action& a, host_share hosts);
void set_soak(action& a, duration time);
void set_batch_deadline(action& a, duration time);
void set_on_stop(action& a, rollout_stop how);
void add_batch_call(action& a, std::function<void(const batch_report&)> call);

}  // namespace detail

/// Reaches the hosts of an action of any kind batch by batch, in the order of their positions, and
/// stops when too many have failed: then no further host begins, and those that were not reached
/// are `not_started`. Its verbs, positions and results are those of that action.
///
/// A batch is over when all of its hosts have a result; within it, fanout() bounds how many run at
/// a time. Without batch() all hosts behind the canary are one batch. Unless max_fail() or
/// max_fail_in_batch() says otherwise, the first failure stops it.
class [[nodiscard]] rollout : public action, public detail::action_options<rollout> {
  using Self = rollout;

 public:
  rollout(const rollout&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  rollout(rollout&&) noexcept = default;
  rollout& operator=(rollout&&) noexcept = default;

  /// The action has no handle of its own any more. It runs where on() of either says.
  /// Throws: std::logic_error for an action that was started, or moved from.
  template <detail::action_given A>
  requires(!std::same_as<A, rollout>) explicit rollout(A what)
      : action(detail::make_rollout(std::move(what))) {}

  /// The first batch has so many hosts. Default: it is as large as the others.
  EXECO_SETTER(canary(host_share hosts), detail::set_canary(*this, hosts))
  /// Hosts in a batch; a percentage is of all hosts, and one host at least.
  /// Throws: std::invalid_argument for 0.
  EXECO_SETTER(batch(host_share hosts), detail::set_batch(*this, hosts))
  /// How many hosts may fail; with one more it stops, at once. A percentage is of all hosts.
  EXECO_SETTER(max_fail(host_share hosts), detail::set_max_fail(*this, hosts))
  /// How many hosts of one batch may fail; a percentage is of the hosts of that batch.
  EXECO_SETTER(max_fail_in_batch(host_share hosts), detail::set_max_fail_in_batch(*this, hosts))
  /// A pause after each batch but the last one. A stop ends it at once.
  /// Throws: std::invalid_argument if it is negative, as batch_deadline().
  EXECO_SETTER(soak(duration time), detail::set_soak(*this, time))
  /// A batch that takes longer ends the rollout: hosts that still run are ended as `cancelled`,
  /// whatever on_stop() says. While launching is suspended the time does not count. Default 0: no
  /// limit.
  EXECO_SETTER(batch_deadline(duration time), detail::set_batch_deadline(*this, time))
  /// Default: drain.
  EXECO_SETTER(on_stop(rollout_stop how), detail::set_on_stop(*this, how))
  /// Called on the action's loop at the end of each batch that was begun, before the next one
  /// begins. If it throws, the action is stopped, and run() or next() rethrows the exception.
  EXECO_SETTER(on_batch(std::function<void(const batch_report&)> call),
               detail::add_batch_call(*this, std::move(call)))

  /// How it ended, or how far it is.
  /// Thread: the one that drives the action's loop; any after its end.
  rollout_verdict verdict() const;
};

}  // namespace execo
