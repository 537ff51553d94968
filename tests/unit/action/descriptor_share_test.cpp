// How actions share the descriptors of the process, also when their fanout changes.
#include "action/descriptor_share.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

#include "base/fd.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using detail::descriptor_share;
using detail::unique_fd;

// The share looks at what is open: what its hosts use is open, too.
class users_of {
 public:
  explicit users_of(descriptor_share& share) : share_(share) {}
  void open(int count) {
    for (int i = 0; i < count; ++i) {
      open_.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      share_.opened();
    }
  }
  void close(int count) {
    for (int i = 0; i < count; ++i) {
      open_.pop_back();
      share_.closed();
    }
  }

 private:
  descriptor_share& share_;
  std::vector<unique_fd> open_;
};

std::size_t count_open() {
  std::size_t open = 0;
  for (int fd = 0; fd < 1024; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return open;
}

// About: the look itself opens a directory.
void expect_about(std::size_t found, std::size_t most) {
  EXPECT_LE(found, most);
  EXPECT_GE(found + 8, most);
}

TEST(descriptor_shares, keep_what_is_in_use_and_give_the_rest_back_as_it_is_closed) {
  lowered_limit limit(RLIMIT_NOFILE, count_open() + 24 + 100);
  descriptor_share one;
  descriptor_share other;
  users_of of_one(one);
  EXPECT_EQ(one.take(80, 1, 0), 80U);
  of_one.open(60);
  EXPECT_EQ(one.take(10, 1, 0), 10U);
  expect_about(other.take(100, 1, 0), 40);
  other.release();
  of_one.close(30);
  expect_about(other.take(100, 1, 0), 70);
  other.release();
  of_one.close(30);
  expect_about(other.take(100, 1, 0), 90);
}

TEST(descriptor_shares, grow_by_what_others_leave) {
  lowered_limit limit(RLIMIT_NOFILE, count_open() + 24 + 100);
  descriptor_share one;
  descriptor_share other;
  users_of of_one(one);
  EXPECT_EQ(one.take(10, 1, 0), 10U);
  of_one.open(10);
  EXPECT_EQ(other.take(50, 1, 0), 50U);
  EXPECT_EQ(one.take(20, 1, 0), 20U);
  expect_about(one.take(100, 1, 0), 50);
  of_one.close(10);
}

}  // namespace
}  // namespace execo::test
