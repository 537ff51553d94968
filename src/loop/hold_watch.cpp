#include "loop/hold_watch.hpp"

#ifndef NDEBUG

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace execo::detail {
namespace {

thread_local const char* resumed_by = nullptr;

std::atomic<long> limit_in_ms = 50;

}  // namespace

void hold_watch::read_limit() noexcept {
  const char* text = std::getenv("EXECO_HOLD_LIMIT");
  limit_in_ms.store(text != nullptr ? std::strtol(text, nullptr, 10) : 50,
                    std::memory_order_relaxed);
}

hold_watch::hold_watch() noexcept : begun_(clock::now()) { resumed_by = nullptr; }

hold_watch::~hold_watch() {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begun_).count();
  if (ms < 50) return;
  long limit = limit_in_ms.load(std::memory_order_relaxed);
  if (limit == 0 || ms < limit) return;
  if (resumed_by != nullptr) {
    std::fprintf(
        stderr,
        "execo: a coroutine that came back from %s held its ring for %lld ms; work of that "
        "length belongs on a thread\n",
        resumed_by, static_cast<long long>(ms));
  } else {
    std::fprintf(stderr, "execo: one step held its ring for %lld ms\n", static_cast<long long>(ms));
  }
}

void hold_watch::resuming(const char* what) noexcept { resumed_by = what; }

}  // namespace execo::detail

#endif
