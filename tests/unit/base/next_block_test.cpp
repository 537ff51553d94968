#include "base/next_block.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace execo::test {
namespace {

using detail::vacate_next_block;

// The whole pages of a block from malloc(). It is looked at by the kernel alone.
class block_of_pages {
 public:
  explicit block_of_pages(std::size_t bytes) : block_(std::malloc(bytes)), bytes_(bytes) {}
  block_of_pages(const block_of_pages&) = delete;
  block_of_pages& operator=(const block_of_pages&) = delete;
  ~block_of_pages() { std::free(block_); }

  void fill() { std::memset(block_, 1, bytes_); }
  std::uintptr_t address() const { return reinterpret_cast<std::uintptr_t>(block_); }
  // How many whole pages have memory, and how many there are.
  std::size_t resident() const {
    std::size_t count = 0;
    for (std::uintptr_t at = first(); at < last(); at += page()) {
      unsigned char is_there = 0;
      if (::mincore(reinterpret_cast<void*>(at), page(), &is_there) == 0) count += is_there & 1;
    }
    return count;
  }
  std::size_t pages() const { return (last() - first()) / page(); }
  static std::uintptr_t page() { return static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)); }

 private:
  std::uintptr_t first() const { return (address() + page() - 1) / page() * page(); }
  std::uintptr_t last() const { return (address() + bytes_) / page() * page(); }

  void* block_;
  std::size_t bytes_;
};

// Less than what the C library gives a mapping of its own.
constexpr std::size_t block_size = 64 * 1024;

std::uintptr_t leave_used_memory() {
  block_of_pages used(block_size);
  used.fill();
  EXPECT_EQ(used.resident(), used.pages());
  return used.address();
}

TEST(next_block, has_no_memory_for_the_pages_within_it) {
  const std::uintptr_t place = leave_used_memory();
  {
    block_of_pages again(block_size);
    if (again.address() != place || again.resident() == 0)
      GTEST_SKIP() << "what was given back is not given out again";
  }
  vacate_next_block(block_size);
  block_of_pages next(block_size);
  EXPECT_EQ(next.address(), place);
  EXPECT_EQ(next.resident(), 0U);
  next.fill();
  EXPECT_EQ(next.resident(), next.pages());
}

TEST(next_block, leaves_what_stands_beside_it_alone) {
  std::string before(block_size, 'b');
  (void)leave_used_memory();
  std::string after(block_size, 'a');
  for (std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{100}, block_size})
    vacate_next_block(bytes);
  EXPECT_EQ(before, std::string(block_size, 'b'));
  EXPECT_EQ(after, std::string(block_size, 'a'));
}

}  // namespace
}  // namespace execo::test
