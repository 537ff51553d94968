// More completions at once than a ring has room for.
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "loop/uring_backend.hpp"
#include "unit/loop/loop_harness.hpp"

namespace execo::test {
namespace {

class small_ring : public ::testing::Test {
 protected:
  static constexpr std::size_t count = 20'000;

  void SetUp() override {
    std::string why;
    ring_ = detail::make_uring_backend(why, wake_.get(), detail::ring_size{64, 64});
    if (!ring_) GTEST_SKIP() << why;
    for (std::size_t i = 0; i < count; ++i) requests_.push_back(std::make_unique<recorded>());
  }

  std::size_t told() const {
    std::size_t n = 0;
    for (const auto& r : requests_) n += r->times != 0 ? 1 : 0;
    return n;
  }

  void expect_each_once(int result) const {
    for (const auto& r : requests_) {
      ASSERT_EQ(r->times, 1);
      ASSERT_EQ(r->result, result);
    }
  }

  bool wait_for_all() {
    const auto limit = detail::clock::now() + hang;
    while (told() < count) {
      if (detail::clock::now() > limit || !ring_->wait(10'000'000)) return false;
    }
    return true;
  }

  detail::unique_fd wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::unique_ptr<detail::backend> ring_;
  std::vector<std::unique_ptr<recorded>> requests_;
};

TEST_F(small_ring, loses_none_of_20000_requests_that_complete_at_once) {
  for (auto& r : requests_) ring_->start(r->request);
  ASSERT_TRUE(wait_for_all());
  expect_each_once(0);
}

TEST_F(small_ring, loses_none_of_20000_polls_that_one_event_ends) {
  detail::unique_fd event(::eventfd(0, EFD_CLOEXEC));
  for (auto& r : requests_) {
    r->request.prepare_poll(event.get(), POLLIN);
    ring_->start(r->request);
  }
  ASSERT_TRUE(ring_->wait(0));
  EXPECT_EQ(told(), 0U);
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(event.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  ASSERT_TRUE(wait_for_all());
  expect_each_once(POLLIN);
}

TEST_F(small_ring, gives_every_reader_its_bytes_though_its_buffers_are_fewer) {
  constexpr std::size_t readers = 400;
  std::vector<detail::unique_fd> pipes;
  std::vector<std::string> got(readers);
  for (std::size_t i = 0; i < readers; ++i) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pipes.emplace_back(ends[0]);
    pipes.emplace_back(ends[1]);
    recorded& r = *requests_[i];
    r.request.prepare_receive(ends[0]);
    r.then = [&r, &text = got[i]](int n) {
      if (n > 0)
        text.assign(static_cast<const char*>(r.request.buffer), static_cast<std::size_t>(n));
    };
    ring_->start(r.request);
  }
  ASSERT_TRUE(ring_->wait(0));
  for (std::size_t i = 0; i < readers; ++i) {
    std::string text = "reader " + std::to_string(i);
    ASSERT_GT(::write(pipes[2 * i + 1].get(), text.data(), text.size()), 0);
  }
  const auto limit = detail::clock::now() + hang;
  while (told() < readers && detail::clock::now() < limit) ASSERT_TRUE(ring_->wait(10'000'000));
  for (std::size_t i = 0; i < readers; ++i) EXPECT_EQ(got[i], "reader " + std::to_string(i));
}

TEST_F(small_ring, serves_all_in_turn_when_more_streams_than_buffers_never_run_dry) {
  constexpr std::size_t readers = 64;
  constexpr int rounds = 20;
  std::vector<detail::unique_fd> pipes;
  std::vector<int> served(readers);
  std::vector<char> bytes(detail::receive_bytes, 'x');
  int left = rounds * static_cast<int>(readers);
  for (std::size_t i = 0; i < readers; ++i) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    ASSERT_GT(::write(ends[1], bytes.data(), bytes.size()), 0);
    pipes.emplace_back(ends[0]);
    pipes.emplace_back(ends[1]);
    recorded& r = *requests_[i];
    r.request.prepare_receive(ends[0]);
    r.then = [&, &count = served[i], to = ends[1]](int n) {
      ASSERT_GT(n, 0);
      ++count;
      if (--left <= 0) return;
      ASSERT_EQ(::write(to, bytes.data(), static_cast<std::size_t>(n)), n);
      ring_->start(r.request);
    };
    ring_->start(r.request);
  }
  const auto limit = detail::clock::now() + hang;
  while (left > 0 && detail::clock::now() < limit) ASSERT_TRUE(ring_->wait(10'000'000));
  EXPECT_GE(*std::ranges::min_element(served), rounds / 4);
}

}  // namespace
}  // namespace execo::test
