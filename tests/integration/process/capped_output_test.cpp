// Output without end that is kept only in part: what is kept, what is counted, what it costs.
#include <gtest/gtest.h>

#include "execo/execo.hpp"
#include "memory.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

class capped_output : public on_each_backend {};
EXECO_ON_EACH_BACKEND(capped_output);

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr std::size_t cap = 64 * 1024;
constexpr std::size_t length = 4 * mib;

/// The bytes at `from` of what `yes TEXT` writes, where TEXT and its end of line are `period`.
bool follows(std::string_view bytes, std::string_view period, std::size_t from) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != period[(from + i) % period.size()]) return false;
  return true;
}

task<> run_capped(int number) {
  std::string text = "a line of process " + std::to_string(number);
  auto ends = capture(cap, overflow::head_and_tail());
  auto endless = process("yes " + text + " | head -c 4M").shell().out(ends);
  result r = co_await std::move(endless).run();
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out_bytes(), length);
  EXPECT_EQ(r.out_dropped(), length - cap);
  EXPECT_EQ(r.out.size(), cap);
  text += '\n';
  std::string_view kept = r.out;
  EXPECT_TRUE(follows(kept.substr(0, cap / 2), text, 0));
  EXPECT_TRUE(follows(kept.substr(cap / 2), text, length - cap / 2));
}

TEST_P(capped_output, of_a_hundred_writers_at_once_is_exact_and_within_60_megabytes) {
  std::size_t before = resident_bytes();
  peak_memory peak;
  auto hundred = []() -> task<> {
    std::vector<task<>> runs;
    for (int i = 0; i < 100; ++i) runs.push_back(run_capped(i));
    co_await when_all(std::move(runs));
  };
  sync_wait(hundred());
  if (memory_is_measurable()) {
    EXPECT_LT(peak.bytes(), before + 60'000'000);
  }
}

}  // namespace
}  // namespace execo::test
