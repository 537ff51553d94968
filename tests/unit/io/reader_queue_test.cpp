// The transitions of reader_queue.hpp, and back-pressure.
#include "io/reader_queue.hpp"

#include <gtest/gtest.h>

#include <random>

namespace execo::test {
namespace {

using detail::reader_queue;

class queue_of_a_reader : public ::testing::Test {
 protected:
  explicit queue_of_a_reader(std::size_t cap = 4) { captured.configure(cap); }

  bool take(std::string_view bytes, bool hurried = false) {
    total += bytes.size();
    std::span<const char> rest = captured.take_head(bytes);
    return rest.empty() || queue.take(rest, hurried);
  }
  std::string read(std::size_t count) {
    std::string bytes(queue.unread().substr(0, count));
    queue.consume(bytes.size());
    return bytes;
  }
  void wake() { ++woken; }
  void wait(std::size_t wanted = 0) {
    queue.wait(detail::delegate<>::to<&queue_of_a_reader::wake>(this), wanted);
  }

  std::string text;
  detail::output_charge charge;
  detail::output_capture captured{text, charge};
  reader_queue queue{captured};
  std::uint64_t total = 0;
  int woken = 0;
};

TEST_F(queue_of_a_reader, has_what_the_capture_holds_first) {
  EXPECT_EQ(queue.unread(), "");
  EXPECT_TRUE(take("abc"));
  EXPECT_EQ(queue.unread(), "abc");
  EXPECT_FALSE(queue.has_byte_before());
  EXPECT_EQ(read(2), "ab");
  EXPECT_EQ(queue.unread(), "c");
  EXPECT_EQ(queue.position(), 2U);
  EXPECT_TRUE(queue.has_byte_before());
  EXPECT_EQ(text, "abc") << "it stays in the result";
}

TEST_F(queue_of_a_reader, goes_on_beyond_the_capture_with_the_byte_before_in_memory) {
  EXPECT_TRUE(take("abc"));
  queue.begin_reading();
  EXPECT_EQ(read(2), "ab");
  EXPECT_TRUE(take("def"));
  EXPECT_EQ(queue.unread(), "cdef") << "in one piece";
  EXPECT_EQ(queue.unread().data()[-1], 'b');
  EXPECT_EQ(read(9), "cdef");
  EXPECT_TRUE(take("gh"));
  EXPECT_EQ(queue.unread(), "gh");
  EXPECT_EQ(queue.unread().data()[-1], 'f');
  EXPECT_EQ(queue.position(), 6U);
  EXPECT_FALSE(queue.has_gap());
  EXPECT_EQ(text, "abcd");
}

TEST_F(queue_of_a_reader, has_a_gap_once_where_bytes_went_by_that_were_not_to_be_read) {
  EXPECT_TRUE(take("abcdef")) << "nobody was promised those";
  EXPECT_TRUE(queue.has_gap());
  queue.begin_reading();
  EXPECT_TRUE(take("gh"));
  EXPECT_EQ(read(9), "abcd") << "what the capture has comes before the gap";
  EXPECT_TRUE(queue.take_gap(total));
  EXPECT_FALSE(queue.has_gap());
  EXPECT_FALSE(queue.take_gap(total));
  EXPECT_EQ(queue.position(), 8U);
  EXPECT_FALSE(queue.has_byte_before());
  EXPECT_TRUE(take("ij"));
  EXPECT_EQ(read(9), "ij");
  EXPECT_EQ(queue.position(), 10U);
}

TEST_F(queue_of_a_reader, does_not_read_an_end_that_was_added_to_the_capture) {
  EXPECT_TRUE(take("abcdef"));
  text += "ef";
  EXPECT_EQ(queue.unread(), "abcd");
}

TEST_F(queue_of_a_reader, is_full_with_its_room_of_unread_bytes) {
  queue.set_room(3);
  queue.begin_reading();
  EXPECT_TRUE(take("abcd"));
  EXPECT_FALSE(queue.full()) << "the capture has room of its own";
  EXPECT_EQ(read(4), "abcd");
  EXPECT_TRUE(take("ef"));
  EXPECT_FALSE(queue.full());
  EXPECT_TRUE(take("g"));
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(read(1), "e");
  EXPECT_FALSE(queue.full());
  EXPECT_TRUE(take("hijk")) << "what is not held back has its place all the same";
  EXPECT_TRUE(queue.full());
}

TEST_F(queue_of_a_reader, gathers_as_much_as_its_reader_waits_for) {
  queue.set_room(3);
  queue.begin_reading();
  wait(6);
  EXPECT_TRUE(take("abcdefghi"));
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(read(5), "abcde");
  EXPECT_FALSE(queue.full());
  queue.leave();
  EXPECT_TRUE(queue.full());
}

TEST_F(queue_of_a_reader, drops_what_finds_no_room_in_a_hurry) {
  queue.set_room(10);
  queue.begin_reading();
  std::size_t most = 10 + reader_queue::hurried_room;
  EXPECT_TRUE(take("abcd"));
  EXPECT_EQ(read(4), "abcd");
  EXPECT_TRUE(take(std::string(most - 1, 'x'), true));
  EXPECT_FALSE(take("yz", true));
  EXPECT_FALSE(take("!", true));
  EXPECT_EQ(queue.dropped(), 2U);
  EXPECT_EQ(queue.unread().size(), most);
  EXPECT_EQ(queue.unread().back(), 'y');
}

TEST_F(queue_of_a_reader, wakes_a_reader_once) {
  EXPECT_FALSE(queue.awaited());
  queue.wake();
  wait();
  EXPECT_TRUE(queue.awaited());
  queue.wake();
  queue.wake();
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(queue.awaited());
  wait();
  queue.leave();
  queue.wake();
  EXPECT_EQ(woken, 1);
}

TEST_F(queue_of_a_reader, counts_what_is_left_for_a_result_that_cannot_show_it) {
  queue.begin_reading();
  EXPECT_TRUE(take("abcdefgh"));
  EXPECT_EQ(read(6), "abcdef");
  queue.note_unread_dropped();
  EXPECT_EQ(queue.dropped(), 2U);
}

TEST_F(queue_of_a_reader, gives_the_stream_in_order_whatever_the_pieces) {
  std::minstd_rand random(11);
  queue.begin_reading();
  std::string all, seen;
  for (int i = 0; i < 2000; ++i) {
    std::string piece(random() % 300, static_cast<char>('a' + i % 26));
    all += piece;
    EXPECT_TRUE(take(piece));
    seen += read(random() % 400);
    ASSERT_EQ(queue.position(), seen.size());
    bool has_before = queue.has_byte_before() && !queue.unread().empty();
    ASSERT_TRUE(!has_before || queue.unread().data()[-1] == seen.back());
  }
  seen += read(all.size());
  EXPECT_EQ(seen, all);
  EXPECT_EQ(queue.dropped(), 0U);
}

}  // namespace
}  // namespace execo::test
