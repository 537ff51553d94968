// The parts of an output together: who holds it back, and what is counted.
#include "io/output_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "execo/stdio.hpp"
#include "unit/loop/loop_harness.hpp"

namespace execo::test {
namespace {

using detail::stdio_access;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class stream_of_output : public ::testing::Test, public detail::output_stream_owner {
 protected:
  void configure(sink to, std::size_t cap = 100) {
    sink_ = std::move(to);
    stream.configure(stdio_access::of(sink_), cap, 1);
  }
  void take(std::string_view bytes) { stream.take(bytes); }
  std::string read(std::size_t count) {
    std::string bytes(stream.unread().substr(0, count));
    stream.consume(bytes.size());
    return bytes;
  }
  std::error_code finalize() {
    stream.end();
    std::string context;
    return stream.finalize(true, context);
  }
  void wake() { ++woken; }
  void wait(std::size_t wanted) {
    stream.wait(detail::delegate<>::to<&stream_of_output::wake>(this), wanted);
  }

  loop_harness harness;
  std::string kept;
  detail::output_charge charge;
  detail::output_stream stream{harness.loop, *this, kept, charge};
  int moved = 0;
  int woken = 0;
  std::vector<std::string> failures;

 private:
  void on_stream_moved() noexcept override { ++moved; }
  void on_stream_failed(std::error_code, std::string context) noexcept override {
    failures.push_back(std::move(context));
  }
  sink sink_;
};

constexpr std::size_t room = detail::reader_queue::default_room;

TEST_F(stream_of_output, is_captured_where_nothing_else_is_said) {
  stream.configure(nullptr, 3, 1);
  take("abcd");
  EXPECT_FALSE(stream.is_backpressured());
  EXPECT_FALSE(finalize());
  EXPECT_EQ(kept, "abc");
  EXPECT_EQ(stream.total(), 4U);
  EXPECT_EQ(stream.dropped(), 1U);
  EXPECT_EQ(stream.limit(), output_limit::stream);
  EXPECT_TRUE(stream.complete()) << "a capture promises no more than its cap";
}

TEST_F(stream_of_output, of_a_pipe_is_held_back_until_it_is_read) {
  configure(pipe());
  take(std::string(room - 1, 'x'));
  EXPECT_FALSE(stream.is_backpressured());
  take("y");
  EXPECT_TRUE(stream.is_backpressured());
  int before = moved;
  EXPECT_EQ(read(1), "x");
  EXPECT_EQ(moved, before + 1);
  EXPECT_FALSE(stream.is_backpressured());
  EXPECT_FALSE(finalize());
  EXPECT_EQ(kept, "");
  EXPECT_EQ(stream.dropped(), 0U);
  EXPECT_FALSE(stream.bounds_the_pipe());
}

TEST_F(stream_of_output, that_nobody_reads_is_dropped_and_counted_once_the_run_is_being_ended) {
  configure(pipe());
  take(std::string(room, 'x'));
  EXPECT_TRUE(stream.is_backpressured());
  stream.drain_now();
  EXPECT_FALSE(stream.is_backpressured());
  std::size_t hurried = detail::reader_queue::hurried_room;
  take(std::string(hurried + 5, 'y'));
  EXPECT_EQ(stream.dropped(), 5U);
  EXPECT_FALSE(stream.complete());
}

TEST_F(stream_of_output, of_a_reader_beside_a_capture_misses_bytes_but_drops_those_of_the_capture) {
  configure(capture(3));
  stream.begin_reading();
  stream.drain_now();
  take(std::string(3 + room + detail::reader_queue::hurried_room + 1, 'x'));
  EXPECT_EQ(stream.dropped(), stream.total() - 3);
  EXPECT_FALSE(stream.complete());
}

TEST_F(stream_of_output, that_blocks_shows_what_its_reader_left) {
  configure(capture(4, overflow::block()));
  EXPECT_TRUE(stream.bounds_the_pipe());
  take("abcd");
  EXPECT_TRUE(stream.is_backpressured());
  EXPECT_EQ(read(3), "abc");
  EXPECT_FALSE(stream.is_backpressured());
  EXPECT_FALSE(finalize());
  EXPECT_EQ(kept, "d");
  EXPECT_EQ(stream.dropped(), 0U);
}

TEST_F(stream_of_output, that_is_too_long_ends_the_run_and_says_how_long_it_might_be) {
  configure(capture(2, overflow::kill()));
  take("ab");
  EXPECT_THAT(failures, IsEmpty());
  take("c");
  EXPECT_THAT(failures, ElementsAre("more than 2 bytes of output"));
  EXPECT_EQ(stream.dropped(), 1U);
}

TEST_F(stream_of_output, goes_on_without_a_handler_that_threw) {
  configure(tee(callback([](std::string_view) { throw std::runtime_error("no"); }), capture()));
  take("ab");
  take("c");
  EXPECT_THAT(failures, ElementsAre("a handler of output threw: no"));
  EXPECT_FALSE(finalize());
  EXPECT_EQ(kept, "abc");
  EXPECT_TRUE(stream.complete());
}

TEST_F(stream_of_output, is_held_back_by_a_file_that_takes_no_more) {
  pipe_pair ours(harness.loop);
  configure(tee(to_fd(ours.out.get()), capture(1)));
  std::string context;
  EXPECT_FALSE(stream.open(context)) << context;
  for (int i = 0; i < 2; ++i) take(std::string(64 * 1024, 'x'));
  EXPECT_TRUE(stream.is_backpressured());
  EXPECT_FALSE(stream.flushed());
  stream.give_up();
  EXPECT_FALSE(stream.is_backpressured());
  EXPECT_FALSE(stream.complete());
  EXPECT_TRUE(harness.turn_until([&] { return !stream.busy(); }));
  EXPECT_FALSE(finalize());
}

TEST_F(stream_of_output, gives_one_file_to_the_command_and_none_that_is_not_alone) {
  configure(to_file("/dev/null"));
  EXPECT_NE(stream.sole_file(), nullptr);
  EXPECT_EQ(stream.dropped(), 0U);
  detail::output_stream both(harness.loop, *this, kept, charge);
  sink parts = tee(to_file("/dev/null"), pipe());
  both.configure(stdio_access::of(parts), 100, 1);
  EXPECT_EQ(both.sole_file(), nullptr);
}

TEST_F(stream_of_output, wakes_its_reader_for_bytes_and_for_the_end) {
  configure(pipe());
  wait(1);
  EXPECT_TRUE(stream.awaited());
  take("a");
  EXPECT_EQ(woken, 1);
  wait(1);
  stream.end();
  EXPECT_EQ(woken, 2);
  stream.end();
  EXPECT_TRUE(stream.ended());
}

}  // namespace
}  // namespace execo::test
