// What hosts of one copy share, and how much of it there is at most.
#include "transfer/piece_store.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "loop/loop.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t all_of_it = piece_store::max_bytes / piece_store::piece_size;

class room_waiter final : public piece_waiter {
 public:
  void on_room() noexcept override { ++calls; }
  int calls = 0;
};

TEST(piece_stores, have_64_MiB_whatever_the_size_of_a_file_and_the_number_of_hosts) {
  loop on;
  piece_store store(on);
  const int file = 0;
  std::vector<piece_store::piece*> held;
  for (std::uint64_t number = 0; number < all_of_it; ++number) {
    held.push_back(store.make(&file, number * 1000));
    ASSERT_NE(held.back(), nullptr) << number;
  }
  EXPECT_EQ(piece_store::max_bytes, std::size_t{64} << 20U);
  EXPECT_EQ(store.make(&file, 1), nullptr) << "a host at another place waits";
  EXPECT_EQ(store.find(&file, 5000), held[5]) << "one at the same place does not";
  room_waiter host;
  store.wait(host);
  store.give_back(*held[5]);
  on.turn(0);
  EXPECT_EQ(host.calls, 0) << "another host sends it";
  store.give_back(*held[5]);
  on.turn(0);
  EXPECT_EQ(host.calls, 1);
  held[5] = store.make(&file, 1);
  ASSERT_NE(held[5], nullptr);
  EXPECT_EQ(store.find(&file, 5000), nullptr) << "who comes late reads it again";
  for (piece_store::piece* one : held) store.give_back(*one);
  store.forget(&file);
}

TEST(piece_stores, evict_what_was_not_held_for_longest) {
  loop on;
  piece_store store(on);
  const int file = 0;
  for (std::uint64_t number = 0; number < all_of_it; ++number)
    store.give_back(*store.make(&file, number));
  piece_store::piece* again = store.find(&file, 0);
  ASSERT_NE(again, nullptr);
  store.give_back(*again);
  store.give_back(*store.make(&file, all_of_it));
  EXPECT_EQ(store.find(&file, 1), nullptr);
  again = store.find(&file, 0);
  ASSERT_NE(again, nullptr);
  store.give_back(*again);
  store.forget(&file);
  EXPECT_EQ(store.find(&file, 0), nullptr);
}

}  // namespace
}  // namespace execo::detail
