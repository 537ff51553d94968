#include "execo/retry.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>
#include <stdexcept>

#include "loop/loop.hpp"

namespace execo {
namespace {

// In thousandths of a retry, so that paying in is one atomic addition.
constexpr std::int64_t one_retry = 1'000;

// splitmix64: eight bytes of state, where a standard engine has thousands.
std::uint64_t draw(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

// In [0, 1).
double draw_fraction(std::uint64_t& state) noexcept {
  return static_cast<double>(draw(state) >> 11U) * 0x1p-53;
}

std::uint64_t fresh_seed() {
  thread_local std::uint64_t state = [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32U) | device();
  }();
  return draw(state);
}

}  // namespace

namespace detail {

class retry_account {
 public:
  retry_account(double share, unsigned reserve)
      : share_(std::llround(share * one_retry)),
        max_(std::max(std::int64_t{reserve}, std::int64_t{1}) * one_retry),
        balance_(std::int64_t{reserve} * one_retry) {}

  void pay_in() noexcept {
    std::int64_t now = balance();
    while (now < max_ && !balance_.compare_exchange_weak(now, std::min(now + share_, max_),
                                                         std::memory_order_relaxed)) {
    }
  }
  bool take_out() noexcept {
    std::int64_t now = balance();
    while (now >= one_retry) {
      if (balance_.compare_exchange_weak(now, now - one_retry, std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  std::int64_t balance() const noexcept { return balance_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t share_;
  const std::int64_t max_;  // at least one, or a share could never be saved up
  std::atomic<std::int64_t> balance_;
};

}  // namespace detail

retry_budget::retry_budget(double share, unsigned reserve) {
  if (!(share >= 0 && share <= 1'000))
    throw std::invalid_argument("a retry budget's share is a ratio of retries to operations");
  account_ = std::make_shared<detail::retry_account>(share, reserve);
}

void retry_budget::pay_in() noexcept { account_->pay_in(); }
bool retry_budget::take_out() noexcept { return account_->take_out(); }

double retry_budget::left() const noexcept {
  return static_cast<double>(account_->balance()) / one_retry;
}

bool retry_failures::retries(const std::exception_ptr& error) noexcept {
  return error != nullptr && !detail::is_cancelled(error);
}

namespace detail {

void retry_plan::set_attempts(unsigned n) {
  if (n == 0) throw std::invalid_argument("retry: no attempt at all");
  attempts_ = n;
}

namespace {

clock::time_point time_here() noexcept {
  const loop* here = loop::current();
  return here != nullptr ? here->read_clock() : clock::now();
}

}  // namespace

void retry_plan::set_backoff(duration first, double factor, duration longest) {
  if (first.count() < 0 || longest.count() < 0 || !(factor >= 1) || !std::isfinite(factor))
    throw std::invalid_argument("retry: a backoff is not negative, and grows");
  first_ = first;
  factor_ = factor;
  longest_ = longest;
}

void retry_plan::begin() {
  begun_ = time_here();
  random_ = seed ? *seed : fresh_seed();
  backoff_ = static_cast<double>(first_.count());
  if (account_) account_->pay_in();
}

std::optional<duration> retry_plan::next() {
  if (++made_ >= attempts_) return std::nullopt;
  const duration delay = wait();
  if (total) {
    const duration spent = time_here() - begun_;
    if (spent > *total || delay > *total - spent) return std::nullopt;
  }
  // The budget pays for a retry that takes place.
  if (account_ && !account_->take_out()) return std::nullopt;
  return delay;
}

duration retry_plan::wait() noexcept {
  const double most = static_cast<double>(longest_.count());
  const double full = std::min(backoff_, most);
  // It stays finite however many attempts there are.
  backoff_ = std::min(backoff_ * factor_, std::max(most, 1.0));
  double chosen = full;
  if (spread == jitter::full) chosen = full * draw_fraction(random_);
  if (spread == jitter::equal) chosen = full / 2 + full / 2 * draw_fraction(random_);
  // A double holds the longest duration only rounded up.
  if (chosen >= static_cast<double>(duration::max().count())) return duration::max();
  return duration(static_cast<duration::rep>(chosen));
}

}  // namespace detail
}  // namespace execo
