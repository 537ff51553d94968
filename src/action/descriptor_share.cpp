#include "action/descriptor_share.hpp"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <limits>

namespace execo::detail {
namespace {

// Those of all actions.
std::atomic<std::size_t> taken_by_all{0};
std::atomic<std::size_t> used_by_all{0};

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

std::size_t limit_of_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
  return limit.rlim_cur;
}

std::size_t open_files() {
  std::size_t open = 0;
  if (DIR* dir = ::opendir("/proc/self/fd")) {
    while (::readdir(dir) != nullptr) ++open;
    ::closedir(dir);
  }
  return open;
}

// Descriptors of the process, without those of actions.
std::size_t left_to_actions(std::size_t limit, std::size_t spare) {
  // For resolver sockets, key and known_hosts files, pipes of the application.
  constexpr std::size_t reserve = 24;
  std::size_t open = open_files();
  std::size_t others = open - std::min(open, used_by_all.load(std::memory_order_relaxed) + spare);
  return limit - std::min(limit, others + reserve);
}

}  // namespace

std::size_t descriptor_share::take(std::size_t wanted, std::size_t each, std::size_t spare) {
  keep(0);
  each_ = each;
  limit_ = limit_of_open_files();
  std::size_t possible = limit_ == unlimited ? unlimited : left_to_actions(limit_, spare);
  std::size_t taken = taken_by_all.load(std::memory_order_relaxed);
  std::size_t hosts = 0;
  std::size_t more = 0;
  do {
    std::size_t left = possible - std::min(possible, taken - taken_);
    hosts = std::max<std::size_t>(1, std::min(wanted, each == 0 ? wanted : left / each));
    wanted_ = hosts * each;
    more = wanted_ - std::min(wanted_, taken_);
  } while (!taken_by_all.compare_exchange_weak(taken, taken + more, std::memory_order_relaxed));
  taken_ += more;
  return hosts;
}

void descriptor_share::keep(std::size_t descriptors) noexcept {
  const std::size_t kept = std::max(descriptors, in_use_);
  if (taken_ <= kept) return;
  taken_by_all.fetch_sub(taken_ - kept, std::memory_order_relaxed);
  taken_ = kept;
}

void descriptor_share::opened() noexcept {
  in_use_ += each_;
  used_by_all.fetch_add(each_, std::memory_order_relaxed);
}

void descriptor_share::closed() noexcept {
  in_use_ -= each_;
  used_by_all.fetch_sub(each_, std::memory_order_relaxed);
  keep(wanted_);
}

void descriptor_share::release() noexcept {
  taken_by_all.fetch_sub(taken_, std::memory_order_relaxed);
  used_by_all.fetch_sub(in_use_, std::memory_order_relaxed);
  taken_ = in_use_ = wanted_ = 0;
}

}  // namespace execo::detail
