/// retry: repeats an operation until it succeeds or another attempt would be useless.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "execo/detail/group.hpp"
#include "execo/outcome.hpp"
#include "execo/sleep.hpp"
#include "execo/task.hpp"

namespace execo {

/// How a backoff is randomised, so that operations that failed together do not retry together: not
/// at all, over its second half, or over all of it.
enum class jitter { none, equal, full };

namespace detail {
class retry_account;
class retry_plan;
}  // namespace detail

/// A budget of retries that many operations share: if a service is down, retrying everything would
/// multiply its load. Each operation adds `share` of a retry, each retry takes one.
/// Copies share one account.
/// Thread: any.
class retry_budget {
 public:
  /// Retries at most `share` of the operations in the long run, and at most `reserve` of them at
  /// once. Throws: std::invalid_argument unless 0 <= share <= 1000.
  explicit retry_budget(double share = 0.1, unsigned reserve = 10);

  /// An operation starts.
  void pay_in() noexcept;
  /// Takes a retry; false: none is left.
  [[nodiscard]] bool take_out() noexcept;
  /// The number of retries left.
  double left() const noexcept;

 private:
  friend class detail::retry_plan;
  std::shared_ptr<detail::retry_account> account_;
};

/// Exceptions other than operation_cancelled, and values whose ok() is false.
class retry_failures {
 public:
  retry_failures() noexcept = default;
  template <class T>
  bool operator()(const outcome<T>& end) const {
    if (!end.has_value()) return retries(end.error());
    if constexpr (requires(const T& value) { static_cast<bool>(value.ok()); }) {
      return !end.value().ok();
    } else {
      return false;
    }
  }

 private:
  static bool retries(const std::exception_ptr& error) noexcept;
};

namespace detail {

/// The numbers of a policy, and the state of one retry.
class retry_plan {
 public:
  retry_plan() = default;

  void set_attempts(unsigned n);
  void set_backoff(duration first, double factor, duration longest);

  jitter spread = jitter::full;
  std::optional<std::uint64_t> seed;
  std::optional<duration> total;
  void share(const retry_budget& budget) noexcept { account_ = budget.account_; }

  void begin();
  /// How long to wait before the next attempt; nullopt if there is none.
  std::optional<duration> next();

 private:
  duration wait() noexcept;

  std::shared_ptr<retry_account> account_;
  unsigned attempts_ = 3;
  duration first_ = std::chrono::milliseconds(100);
  double factor_ = 2;
  duration longest_ = std::chrono::seconds(30);

  unsigned made_ = 0;
  double backoff_ = 0;  // nanoseconds
  std::uint64_t random_ = 0;
  clock::time_point begun_;
};

/// Reads the awaiting coroutine's environment without suspending it.
class this_env : public affine_awaiter {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
    env_ = env_of(awaiting);
    return false;
  }
  env await_resume() const noexcept { return env_; }

 private:
  env env_;
};

}  // namespace detail

/// When and how often to try again. Default: three attempts, with a backoff of 100 ms that doubles
/// up to 30 s with full jitter, after exceptions and values that are not ok().
template <class Predicate = retry_failures>
class basic_retry_policy {
 public:
  basic_retry_policy() = default;
  basic_retry_policy(detail::retry_plan plan, Predicate when)
      : plan_(std::move(plan)), when_(std::move(when)) {}

  /// The number of attempts, the first one included.
  /// Throws: std::invalid_argument if there are none.
  basic_retry_policy& attempts(unsigned n) {
    plan_.set_attempts(n);
    return *this;
  }
  /// `first` before the second attempt, `factor` times as much before each later one, at most
  /// `longest`.
  /// Throws: std::invalid_argument if a duration is negative or the factor less than 1.
  basic_retry_policy& backoff(duration first, double factor = 2,
                              duration longest = std::chrono::seconds(30)) {
    plan_.set_backoff(first, factor, longest);
    return *this;
  }
  basic_retry_policy& jitter(execo::jitter spread) {
    plan_.spread = spread;
    return *this;
  }
  /// Makes the backoffs the same in each run. Default: random.
  basic_retry_policy& seed(std::uint64_t n) {
    plan_.seed = n;
    return *this;
  }
  /// No attempt starts later than this after the first one. A running attempt is not cut short:
  /// give it its own deadline, or put the whole retry under timeout().
  basic_retry_policy& budget(duration total) {
    plan_.total = total;
    return *this;
  }
  /// No retry if `shared` has none left.
  basic_retry_policy& budget(const retry_budget& shared) {
    plan_.share(shared);
    return *this;
  }
  /// After which ends to try again: `predicate(const outcome<T>&)`; or of a value alone,
  /// `predicate(const T&)`, with exceptions as usual; or of an exception alone,
  /// `predicate(std::exception_ptr)`, with values as usual.
  template <class F>
  basic_retry_policy<F> when(F predicate) const {
    return basic_retry_policy<F>(plan_, std::move(predicate));
  }

  const detail::retry_plan& plan() const noexcept { return plan_; }
  template <class T>
  bool again(const outcome<T>& end) {
    if constexpr (std::is_invocable_r_v<bool, Predicate&, const outcome<T>&>) {
      return when_(end);
    } else if constexpr (std::is_invocable_r_v<bool, Predicate&, const T&>) {
      return end.has_value() ? when_(end.value()) : retry_failures()(end);
    } else {
      static_assert(std::is_invocable_r_v<bool, Predicate&, std::exception_ptr>,
                    "a predicate of an outcome, a value or an exception");
      return end.has_value() ? retry_failures()(end) : when_(end.error());
    }
  }

 private:
  detail::retry_plan plan_;
  Predicate when_;
};

using retry_policy = basic_retry_policy<>;

/// Awaits the operation that `make()` returns, and makes and awaits it again as the policy says.
/// Returns the last attempt's value, good or not (void as std::monostate).
///
/// Stop: the attempt is asked to stop and is the last one; a backoff ends at once.
/// Resumes: on the awaiting coroutine's own loop.
/// Throws: what the last attempt threw; operation_cancelled if it was stopped in a backoff.
template <class Predicate, class Make>
auto retry(basic_retry_policy<Predicate> policy, Make make)
    -> task<detail::value_or_monostate<await_result_t<std::invoke_result_t<Make&>>>> {
  using value = detail::value_or_monostate<await_result_t<std::invoke_result_t<Make&>>>;
  detail::retry_plan plan = policy.plan();
  plan.begin();
  const detail::env here = co_await detail::this_env();
  for (;;) {
    outcome<value> end;
    try {
      if constexpr (std::is_void_v<await_result_t<std::invoke_result_t<Make&>>>) {
        co_await make();
        end = outcome<value>(value());
      } else {
        end = outcome<value>(co_await make());
      }
    } catch (...) {
      end = outcome<value>(std::current_exception());
    }
    std::optional<duration> wait;
    const bool stopped = here.stop != nullptr && here.stop->requested();
    if (!stopped && policy.again(end)) wait = plan.next();
    if (!wait) co_return std::move(end).value();
    co_await sleep(*wait);
  }
}

}  // namespace execo
