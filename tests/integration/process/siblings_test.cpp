// Children that are started at the same time by many threads: none has a pipe of another one. A
// copy of the writing end of a `cat`'s input in any sibling, above all in one that stays, would
// keep that `cat` from its end of file.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "execo/execo.hpp"
#include "random_bytes.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class siblings : public on_each_backend {};
EXECO_ON_EACH_BACKEND(siblings);

constexpr int threads = 16;
constexpr int rounds = 6;
constexpr int cats_at_once = 4;
constexpr auto hang = 60s;

bool gave_back(const result& r, const std::string& bytes) {
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_TRUE(r.out == bytes) << r.out.size() << " of " << bytes.size() << " bytes";
  return r.ok() && r.out == bytes;
}

task<> fed_with_text(std::string bytes) {
  auto p = process("cat").in(text(bytes)).timeout(hang);
  result r = co_await std::move(p).run();
  gave_back(r, bytes);
}

task<> fed_in_pieces(std::string bytes, std::size_t piece) {
  auto p = process("cat").in(pipe()).timeout(hang).start();
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    co_await p.in().write(std::string_view(bytes).substr(at, piece));
  p.in().close();
  result r = co_await p.wait();
  gave_back(r, bytes);
}

task<> closed_while_written(std::string bytes) {
  auto p = process("cat").in(pipe()).timeout(hang).start();
  auto close_it = [&]() -> task<> {
    p.in().close();
    co_return;
  };
  auto write_it = [&]() -> task<> { co_await p.in().write(bytes); };
  co_await when_all(write_it(), close_it());
  result r = co_await p.wait();
  gave_back(r, bytes);
}

task<> closed_at_once() {
  auto p = process("cat").in(pipe()).timeout(hang).start();
  p.in().close();
  result r = co_await p.wait();
  gave_back(r, "");
}

task<> given_up(std::string bytes) {
  auto p = process("cat").in(pipe()).timeout(hang).start();
  co_await p.in().write(bytes);
  // The handle ends it.
}

task<> one_cat(std::uint64_t drawn) {
  std::string bytes = random_bytes(drawn).take(drawn / 8 % 200'000);
  switch (drawn % 5) {
    case 0:
      return fed_with_text(std::move(bytes));
    case 1:
      return fed_in_pieces(std::move(bytes), 1 + drawn / 64 % 50'000);
    case 2:
      return closed_while_written(std::move(bytes));
    case 3:
      return closed_at_once();
    default:
      return given_up(std::move(bytes));
  }
}

task<> counted(task<> cat, std::atomic<int>& ended) {
  co_await std::move(cat);
  ++ended;
}

task<> one_thread(std::uint64_t seed, std::atomic<int>& ended) {
  std::mt19937_64 draw(seed);
  std::vector<process> stayers;
  for (int i = 0; i < rounds; ++i) {
    std::vector<task<>> cats;
    for (int k = 0; k < cats_at_once; ++k) cats.push_back(counted(one_cat(draw()), ended));
    stayers.push_back(process("sleep 600").start());
    co_await when_all(std::move(cats));
  }
  for (process& p : stayers) p.kill(SIGKILL);
}

TEST_P(siblings, every_cat_of_sixteen_threads_sees_its_end_of_file) {
  std::atomic<int> ended{0};
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i)
      running.emplace_back(
          [i, &ended] { sync_wait(one_thread(static_cast<std::uint64_t>(i) + 1, ended)); });
  }
  EXPECT_EQ(ended, threads * rounds * cats_at_once);
}

}  // namespace
}  // namespace execo::test
