// When a pipe gets more room, and when not. The times are given, so that none of it waits.
#include "process/bulk_pipe.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "base/fd.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class one_pipe {
 public:
  one_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    in.reset(ends[0]);
    out.reset(ends[1]);
    normal = room();
  }
  int room() const { return ::fcntl(in.get(), F_GETPIPE_SZ); }
  bool is_wide() const { return room() > normal; }

  void see(int reads, std::size_t bytes, detail::clock::duration apart) {
    for (int i = 0; i < reads; ++i) bulk.saw(in.get(), bytes, now += apart);
  }
  void fill() { see(100, detail::receive_bytes, 1ms); }

  detail::unique_fd in, out;
  int normal = 0;
  detail::clock::time_point now{};
  detail::bulk_pipe bulk;
};

class bulk_pipe : public ::testing::Test {
 protected:
  void SetUp() override {
    one_pipe probe;
    if (::fcntl(probe.in.get(), F_SETPIPE_SZ, 1 << 20) < (1 << 20))
      GTEST_SKIP() << "pipes of 1 MiB are not to be had";
  }
};

TEST_F(bulk_pipe, gets_more_room_when_it_is_full_many_times_in_a_short_time) {
  one_pipe p;
  p.bulk.allow();
  p.see(8, detail::receive_bytes, 1ms);
  EXPECT_FALSE(p.is_wide());
  p.fill();
  EXPECT_TRUE(p.is_wide());
}

TEST_F(bulk_pipe, stays_as_it_is_where_nobody_allowed_more) {
  one_pipe p;
  p.fill();
  EXPECT_FALSE(p.is_wide());
}

TEST_F(bulk_pipe, stays_as_it_is_when_its_reader_is_the_faster_one_or_both_are_slow) {
  one_pipe p;
  p.bulk.allow();
  p.see(1000, detail::receive_bytes - 1, 1us);
  EXPECT_FALSE(p.is_wide());
  p.see(1000, detail::receive_bytes, 20ms);
  EXPECT_FALSE(p.is_wide());
}

TEST_F(bulk_pipe, shares_a_few_places_with_all_others) {
  std::vector<std::unique_ptr<one_pipe>> pipes;
  int wide = 0;
  for (int i = 0; i < 20; ++i) {
    pipes.push_back(std::make_unique<one_pipe>());
    pipes.back()->bulk.allow();
    pipes.back()->fill();
    wide += pipes.back()->is_wide() ? 1 : 0;
  }
  EXPECT_EQ(wide, 8);
  pipes.clear();
  one_pipe later;
  later.bulk.allow();
  later.fill();
  EXPECT_TRUE(later.is_wide()) << "those that are gone gave their places back";
}

}  // namespace
}  // namespace execo::test
