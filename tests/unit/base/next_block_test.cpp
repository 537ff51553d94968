#include "base/next_block.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "support/sanitizers.hpp"

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

// Smaller than what the C library gives a mapping of its own.
std::size_t some_pages() { return 4 * block_of_pages::page(); }

std::uintptr_t leave_used_memory() {
  block_of_pages used(some_pages());
  used.fill();
  EXPECT_EQ(used.resident(), used.pages());
  return used.address();
}

TEST(next_block, has_no_memory_for_the_pages_within_it) {
  if (address_sanitizer || thread_sanitizer)
    GTEST_SKIP() << "its allocator does not give out at once what was given back";
  const std::uintptr_t place = leave_used_memory();
  {
    block_of_pages again(some_pages());
    ASSERT_EQ(again.address(), place);
    EXPECT_EQ(again.resident(), again.pages());
  }
  vacate_next_block(some_pages());
  block_of_pages next(some_pages());
  EXPECT_EQ(next.address(), place);
  EXPECT_EQ(next.resident(), 0U);
  next.fill();
  EXPECT_EQ(next.resident(), next.pages());
}

TEST(next_block, leaves_what_stands_beside_it_alone) {
  std::string before(some_pages(), 'b');
  (void)leave_used_memory();
  std::string after(some_pages(), 'a');
  for (std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{100}, some_pages()})
    vacate_next_block(bytes);
  EXPECT_EQ(before, std::string(some_pages(), 'b'));
  EXPECT_EQ(after, std::string(some_pages(), 'a'));
}

}  // namespace
}  // namespace execo::test
