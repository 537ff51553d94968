#include "ssh/input_pace.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace execo::detail {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A server at the end of a way: it passes on what has come as fast as its command reads, and opens
/// its window again once 96 KiB of it are gone, as OpenSSH's does.
class far_server {
 public:
  far_server(clock::duration way, double bytes_a_second, std::size_t window = 2 * 1024 * 1024)
      : way_(way), rate_(bytes_a_second), window_(window) {}
  /// Opens its window later.
  void adjust_after(std::size_t bytes) { adjusts_after_ = bytes; }

  /// Writes as much as it may for that long, in steps of 50 us, of a source that has
  /// `source_rate` bytes a second at most.
  void write_for(clock::duration time, double source_rate = 1e12) {
    for (auto end = now_ + time; now_ < end; now_ += step) {
      source_ = std::min(source_ + source_rate * seconds(step), 1e9);
      arrive();
      read();
      return_credit();
      std::size_t room = pace.room(window_, now_);
      EXPECT_LE(room, window_);
      auto count = static_cast<std::size_t>(std::min<double>(static_cast<double>(room), source_));
      if (count > 0) write(count);
      if (room > 0) full_since_ = now_;
      if (now_ - full_since_ >= pace.patience()) {
        pace.widen();
        ++widened;
        full_since_ = now_;
      }
      most_kept = std::max(most_kept, kept_);
    }
  }
  double passed_on() const { return static_cast<double>(passed_on_); }
  void make_way(clock::duration way) { way_ = way; }
  void forget() { most_kept = 0, passed_on_ = 0; }

  input_pace pace;
  std::size_t most_kept = 0;
  int widened = 0;

 private:
  struct bytes {
    clock::time_point at;
    std::size_t count;
  };
  static constexpr clock::duration step = microseconds(50);
  static double seconds(clock::duration d) { return std::chrono::duration<double>(d).count(); }

  void write(std::size_t count) {
    window_ -= count;
    source_ -= static_cast<double>(count);
    under_way_.push_back(bytes{now_ + way_ / 2, count});
    pace.wrote(count, now_);
  }
  void arrive() {
    for (; !under_way_.empty() && under_way_.front().at <= now_; under_way_.pop_front())
      kept_ += under_way_.front().count;
  }
  void read() {
    may_read_ = std::min(may_read_ + rate_ * seconds(step), 1e6);
    auto count =
        static_cast<std::size_t>(std::min(static_cast<double>(kept_), std::max(may_read_, 0.0)));
    may_read_ -= static_cast<double>(count);
    kept_ -= count;
    passed_on_ += count;
    unreturned_ += count;
    if (unreturned_ < adjusts_after_) return;
    credit_.push_back(bytes{now_ + way_ / 2, unreturned_});
    unreturned_ = 0;
  }
  void return_credit() {
    for (; !credit_.empty() && credit_.front().at <= now_; credit_.pop_front())
      window_ += credit_.front().count;
  }

  clock::duration way_;
  double rate_;
  std::size_t window_;
  clock::time_point now_ = clock::time_point() + std::chrono::hours(1);
  clock::time_point full_since_ = now_;
  std::size_t adjusts_after_ = std::size_t{96} * 1024;
  std::deque<bytes> under_way_, credit_;
  std::size_t kept_ = 0, unreturned_ = 0;
  std::uint64_t passed_on_ = 0;
  double may_read_ = 0, source_ = 0;
};

constexpr double mega = 1e6;

TEST(input_pace, lets_a_near_server_keep_little_however_slow_its_command_reads) {
  for (double rate : {0.5 * mega, 5 * mega, 50 * mega, 500 * mega}) {
    far_server near(microseconds(100), rate);
    near.write_for(std::chrono::seconds(3));
    EXPECT_LE(near.most_kept, 3 * input_pace::least) << rate;
    EXPECT_GE(near.passed_on(), 0.9 * 3 * rate) << rate;
  }
}

TEST(input_pace, fills_a_long_way) {
  far_server far(milliseconds(100), 1000 * mega);
  far.write_for(std::chrono::seconds(1));
  far.forget();
  far.write_for(std::chrono::seconds(5));
  // The whole window, once each way there and back.
  EXPECT_GE(far.passed_on(), 0.9 * 5 * 10 * 2 * 1024 * 1024);
}

TEST(input_pace, fills_a_way_that_has_become_longer_after_a_while) {
  far_server far(milliseconds(1), 1000 * mega);
  far.write_for(std::chrono::seconds(2));
  far.make_way(milliseconds(100));
  far.write_for(std::chrono::seconds(25));
  far.forget();
  far.write_for(std::chrono::seconds(5));
  EXPECT_GE(far.passed_on(), 0.9 * 5 * 10 * 2 * 1024 * 1024);
}

TEST(input_pace, learns_nothing_from_a_source_that_has_little) {
  far_server far(milliseconds(100), 1000 * mega);
  far.write_for(std::chrono::seconds(2));
  far.write_for(std::chrono::seconds(5), 0.1 * mega);
  far.forget();
  far.write_for(std::chrono::seconds(1));
  EXPECT_GE(far.passed_on(), 0.8 * 1 * 10 * 2 * 1024 * 1024);
}

TEST(input_pace, goes_on_where_a_server_opens_its_window_late) {
  for (std::size_t late :
       {std::size_t{300} * 1024, std::size_t{640} * 1024, std::size_t{1'000} * 1024}) {
    far_server server(milliseconds(1), 1000 * mega);
    server.adjust_after(late);
    server.write_for(std::chrono::seconds(3));
    EXPECT_LE(server.widened, 2) << late;
    EXPECT_GE(server.passed_on(), 100 * mega) << late;
  }
}

TEST(input_pace, bears_a_server_with_a_small_window) {
  far_server small(milliseconds(1), 100 * mega, std::size_t{128} * 1024);
  small.write_for(std::chrono::seconds(2));
  EXPECT_LE(small.most_kept, std::size_t{128} * 1024);
  EXPECT_GE(small.passed_on(), 50 * mega);
}

}  // namespace
}  // namespace execo::detail
