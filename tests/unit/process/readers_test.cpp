// Reading and feeding a process while it runs.
#include <gmock/gmock.h>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "random_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class readers : public on_each_backend {};
EXECO_ON_EACH_BACKEND(readers);

constexpr std::size_t mib = std::size_t{1} << 20;

task<std::vector<std::string>> all_lines(reader from) {
  std::vector<std::string> lines;
  while (auto line = co_await from.next_line()) lines.push_back(std::move(*line));
  co_return lines;
}

task<std::string> all_pieces(reader from) {
  std::string bytes;
  for (;;) {
    std::string piece = co_await from.next();
    if (piece.empty()) co_return bytes;
    bytes += piece;
  }
}

TEST_P(readers, a_line_is_there_as_soon_as_it_is_complete) {
  auto work = []() -> task<> {
    // It goes on only when its first line has been answered.
    auto p = process("sh -c 'echo ready; read answer; echo \"got $answer\"; printf rest'")
                 .in(pipe())
                 .start();
    auto first = co_await p.out().next_line();
    EXPECT_EQ(first, "ready");
    auto count = co_await p.in().write("yes\n");
    EXPECT_EQ(count, 4U);
    auto second = co_await p.out().next_line();
    EXPECT_EQ(second, "got yes");
    auto last = co_await p.out().next_line();
    EXPECT_EQ(last, "rest");
    auto none = co_await p.out().next_line();
    EXPECT_FALSE(none);
    auto r = co_await p.wait();
    EXPECT_EQ(r.out, "ready\ngot yes\nrest") << "the capture has it too";
  };
  sync_wait(work());
}

TEST_P(readers, lines_end_with_lf_or_cr_lf_and_may_be_empty) {
  context c;
  process p("printf 'a\\r\\n\\nb\\0c\\377\\n'");
  p.on(c).start();
  using namespace std::string_literals;
  EXPECT_THAT(sync_wait(c, all_lines(p.out())), ElementsAre("a", "", "b\0c\xff"s));
}

TEST_P(readers, streams_of_all_sizes_arrive_exact_through_a_pipe_sink) {
  for (const char* size : {"0", "1", "64K", "1M", "8M"}) {
    auto work = [size]() -> task<> {
      auto p = child("random", size, "11").out(pipe()).err(pipe()).start();
      auto both = co_await when_all(all_pieces(p.out()), p.err().read_all());
      auto r = co_await p.wait();
      EXPECT_EQ(r.out, "");
      EXPECT_TRUE(std::get<0>(both) == random_out(11).take(r.out_bytes()));
      EXPECT_TRUE(std::get<1>(both) == random_err(11).take(r.err_bytes()));
      EXPECT_EQ(std::get<0>(both).size(), r.out_bytes());
    };
    sync_wait(work());
  }
}

TEST_P(readers, a_capture_that_is_full_does_not_cut_a_reader) {
  auto work = [](sink to) -> task<> {
    process p = child("random", "8M", "12").out(to);
    reader out = p.out();
    p.start();
    std::string bytes = co_await all_pieces(out);
    EXPECT_TRUE(bytes == random_out(12).take(8 * mib));
    auto r = co_await p.wait();
    EXPECT_EQ(r.out_bytes(), 8 * mib);
  };
  sync_wait(work(capture(1000)));
  sync_wait(work(capture(1000, overflow::head_and_tail())));
  sync_wait(work(capture(1000, overflow::block())));
  sync_wait(work(capture(16 * mib)));
}

TEST_P(readers, a_reader_may_come_after_the_end) {
  auto work = []() -> task<> {
    auto p = child("random", "1M", "13").start();
    co_await p.wait();
    std::string bytes = co_await p.out().read_all();
    EXPECT_TRUE(bytes == random_out(13).take(mib));
  };
  sync_wait(work());
  process p = process("echo a; echo b").shell();
  EXPECT_TRUE(sync_wait(p.run()).ok());
  EXPECT_THAT(sync_wait(all_lines(p.out())), ElementsAre("a", "b")) << "on another context";
}

TEST_P(readers, bytes_that_nobody_kept_are_told_once) {
  auto work = []() -> task<> {
    auto p = child("flood", "1000").out(capture(100)).start();
    co_await p.wait();
    std::string first = co_await p.out().next();
    EXPECT_EQ(first.size(), 100U);
    EXPECT_THROW(co_await p.out().next(), std::length_error);
    std::string end = co_await p.out().next();
    EXPECT_EQ(end, "");
  };
  sync_wait(work());
}

TEST_P(readers, a_reader_that_stops_reading_does_not_hold_up_a_capture) {
  auto work = []() -> task<> {
    auto p = child("flood", "1M").start();
    auto line = co_await p.out().next_line();
    EXPECT_EQ(line->size(), 63U);
    auto r = co_await p.wait();
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_EQ(r.out.size(), mib);
  };
  sync_wait(work());
}

TEST_P(readers, what_nobody_reads_makes_the_command_wait_until_it_is_ended) {
  auto work = []() -> task<> {
    auto p = process("yes").out(pipe()).start();
    auto line = co_await p.out().next_line();
    EXPECT_EQ(line, "y");
    p.kill();
    auto r = co_await p.wait();
    EXPECT_EQ(r.status().signal(), SIGTERM) << r.describe();
    EXPECT_LT(r.out_bytes(), 4 * mib);
  };
  sync_wait(work());
}

TEST_P(readers, a_stopped_read_loses_no_byte) {
  auto work = []() -> task<> {
    auto p = process("sh -c 'printf half; read go; echo whole'").in(pipe()).start();
    auto early = co_await timeout(p.out().next_line(), 50ms);
    EXPECT_FALSE(early) << "it is not complete";
    co_await p.in().write("\n");
    auto line = co_await p.out().next_line();
    EXPECT_EQ(line, "halfwhole");
    co_await p.wait();
  };
  sync_wait(work());
}

TEST_P(readers, a_line_of_ten_megabytes_is_one_line) {
  auto work = []() -> task<> {
    auto p = process("head -c 10000000 /dev/zero").out(pipe()).start();
    auto line = co_await p.out().next_line();
    EXPECT_EQ(line->size(), 10'000'000U);
    co_await p.wait();
  };
  sync_wait(work());
}

TEST_P(readers, read_all_leaves_what_is_beyond_its_limit) {
  auto work = []() -> task<> {
    auto p = child("flood", "1000").start();
    std::string some = co_await p.out().read_all(300);
    std::string rest = co_await p.out().read_all();
    EXPECT_EQ(some.size(), 300U);
    EXPECT_EQ(rest.size(), 700U);
    co_await p.wait();
  };
  sync_wait(work());
}

TEST_P(readers, two_at_a_time_are_refused) {
  auto work = []() -> task<> {
    auto p = child("echo").in(pipe()).start();
    auto twice = when_all(p.out().next(), p.out().next());
    EXPECT_THROW(co_await std::move(twice), std::logic_error);
    p.in().close();
    co_await p.wait();
  };
  sync_wait(work());
}

TEST_P(readers, streams_that_go_elsewhere_and_idle_processes_are_refused) {
  auto work = []() -> task<> {
    process idle("true");
    EXPECT_THROW(co_await idle.out().next(), std::logic_error);
    EXPECT_THROW(co_await idle.in().write("x"), std::logic_error);
    EXPECT_THROW(idle.in().close(), std::logic_error);
    auto p = process("true").out(null()).err(merged()).start();
    EXPECT_THROW(co_await p.out().next(), std::logic_error);
    EXPECT_THROW(co_await p.err().next(), std::logic_error);
    EXPECT_THROW(co_await p.in().write("x"), std::logic_error) << "its input is /dev/null";
    co_await p.wait();
  };
  sync_wait(work());
}

TEST_P(readers, a_writer_feeds_megabytes_with_back_pressure) {
  const std::string bytes = random_bytes(14).take(8 * mib);
  auto work = [&]() -> task<> {
    auto p = child("echo").in(pipe()).out(pipe()).start();
    auto feed = [](writer to, const std::string& all) -> task<> {
      auto count = co_await to.write(all);
      EXPECT_EQ(count, all.size());
      to.close();
    };
    auto both = co_await when_all(all_pieces(p.out()), feed(p.in(), bytes));
    EXPECT_TRUE(std::get<0>(both) == bytes);
    auto r = co_await p.wait();
    EXPECT_TRUE(r.ok()) << r.describe();
  };
  sync_wait(work());
}

TEST_P(readers, a_write_that_is_stopped_gives_the_count_of_its_prefix) {
  const std::string bytes(mib, 'x');
  auto work = [&]() -> task<> {
    auto p = child("sleep", "300").in(pipe()).start();
    std::size_t taken = 0;
    auto feed = [&taken](writer to, const std::string& all) -> task<> {
      taken = co_await to.write(all);
    };
    auto fed = feed(p.in(), bytes);
    (void)co_await timeout(std::move(fed), 100ms);
    EXPECT_GE(taken, 4096U) << "a pipe took some";
    EXPECT_LT(taken, mib);
    p.kill();
    co_await p.wait();
  };
  sync_wait(work());
}

TEST_P(readers, a_child_that_closes_its_input_is_a_broken_pipe) {
  const std::string bytes(mib, 'x');
  auto work = [&]() -> task<> {
    auto p = process("sh -c 'exec 0<&-; echo closed; sleep 300'").in(pipe()).start();
    co_await p.out().next_line();
    bool broken = false;
    try {
      co_await p.in().write(bytes);
    } catch (const std::system_error& e) {
      broken = e.code() == std::errc::broken_pipe;
    }
    EXPECT_TRUE(broken);
    p.kill();
    co_await p.wait();
    EXPECT_THROW(co_await p.in().write("x"), std::system_error) << "after the end";
  };
  sync_wait(work());
}

TEST_P(readers, a_write_after_close_is_refused_and_nothing_to_write_is_nothing) {
  auto work = []() -> task<> {
    auto p = child("echo").in(pipe()).start();
    auto none = co_await p.in().write("");
    EXPECT_EQ(none, 0U);
    co_await p.in().write("text");
    p.in().close();
    p.in().close();
    EXPECT_THROW(co_await p.in().write("more"), std::system_error);
    auto r = co_await p.wait();
    EXPECT_EQ(r.out, "text");
  };
  sync_wait(work());
}

TEST_P(readers, a_process_that_could_not_be_started_has_ended_streams) {
  auto work = []() -> task<> {
    auto p = process("/nonexistent").in(pipe()).start();
    auto line = co_await p.out().next_line();
    EXPECT_FALSE(line);
    EXPECT_THROW(co_await p.in().write("x"), std::system_error);
    co_await p.wait();
  };
  sync_wait(work());
}

}  // namespace
}  // namespace execo::test
