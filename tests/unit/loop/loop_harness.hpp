// A loop driven by the test itself, and requests that record how they ended.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "loop/loop.hpp"

namespace execo::test {

/// Generous: only a hang reaches it.
constexpr auto hang = std::chrono::seconds(30);

class loop_harness {
 public:
  detail::loop loop;

  /// Turns the loop until `done()`. False when nothing brings it there.
  template <class Done>
  bool turn_until(Done done) {
    const auto limit = detail::clock::now() + hang;
    while (!done()) {
      if (detail::clock::now() > limit) return false;
      loop.turn(100'000'000);
      ++turns;
    }
    return true;
  }

  /// Turns until what was under way has had its chance, without waiting for more.
  void run_until_quiet() {
    for (int i = 0; i < 4; ++i) loop.turn(0);
  }

  int turns = 0;

 private:
  detail::loop::driver driving_{loop};
};

/// A request that keeps its result and how often it was told.
class recorded {
 public:
  recorded() = default;
  detail::io_request request{detail::delegate<int>::to<&recorded::on_done>(this)};
  std::optional<int> result;
  int times = 0;
  std::function<void(int)> then;

 private:
  void on_done(int r) {
    result = r;
    ++times;
    if (then) then(r);
  }
};

struct pipe_pair {
  explicit pipe_pair(const detail::loop& on) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | (on.wants_nonblocking() ? O_NONBLOCK : 0)) != 0) return;
    in.reset(ends[0]);
    out.reset(ends[1]);
  }
  detail::unique_fd in;
  detail::unique_fd out;
};

}  // namespace execo::test
