// Bytes in, bytes out, caps, and grandchildren that keep a pipe.
#include <gmock/gmock.h>

#include "execo/when_all.hpp"
#include "random_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class streams : public on_each_backend {};
EXECO_ON_EACH_BACKEND(streams);

TEST_P(streams, ten_megabytes_arrive_byte_exact_on_both) {
  constexpr std::size_t size = std::size_t{10} << 20;
  auto r = run_child("random", "10M", "42");
  EXPECT_TRUE(r.ok()) << r.describe();
  // Compared as a whole: a difference of random megabytes is no use in a message.
  EXPECT_TRUE(r.out == random_out(42).take(size));
  EXPECT_TRUE(r.err == random_err(42).take(size));
  EXPECT_EQ(r.out_dropped() + r.err_dropped(), 0U);
}

TEST_P(streams, a_hundred_children_at_once_keep_their_bytes_apart) {
  auto work = []() -> task<std::vector<result>> {
    std::vector<process::owned_run_op> all;
    for (int i = 0; i < 100; ++i) {
      const std::string seed = std::to_string(i);
      all.push_back(child("random", "64K", seed.c_str()).run());
    }
    co_return co_await when_all(std::move(all));
  };
  auto results = sync_wait(work());
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_TRUE(results[i].out == random_out(i).take(65536));
    EXPECT_TRUE(results[i].err == random_err(i).take(65536));
  }
}

TEST_P(streams, input_arrives_whole_and_ends) {
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{65537},
                           std::size_t{1} << 20}) {
    const std::string text = random_bytes(size).take(size);
    auto r = sync_wait(child("echo").input(text).run());
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_TRUE(r.out == text) << size;
  }
}

TEST_P(streams, a_child_that_never_reads_its_input_is_no_harm) {
  const std::string text(1 << 20, 'x');
  EXPECT_TRUE(sync_wait(child("exit", "0").input(text).run()).ok());
  auto slow = sync_wait(child("sleep", "0.1").input(text).run());
  EXPECT_TRUE(slow.ok()) << slow.describe();
  auto stopped = sync_wait(child("sleep", "300").input(text).timeout(50ms).run());
  EXPECT_EQ(stopped.how(), end_reason::timed_out) << stopped.describe();
}

TEST_P(streams, a_child_that_reads_a_part_and_closes_goes_on) {
  const std::string text(1 << 20, 'x');
  auto r = sync_wait(process("sh -c 'head -c 10; exec 0</dev/null; sleep 0.05; echo; echo after'")
                         .input(text)
                         .run());
  EXPECT_EQ(r.out, "xxxxxxxxxx\nafter\n") << r.describe();
}

TEST_P(streams, a_cap_keeps_the_first_bytes_and_counts_the_others) {
  auto r = sync_wait(child("random", "1M", "7").max_output(1000).run());
  EXPECT_TRUE(r.ok());
  EXPECT_TRUE(r.out == random_out(7).take(1000));
  EXPECT_TRUE(r.err == random_err(7).take(1000));
  EXPECT_EQ(r.out_dropped(), (std::uint64_t{1} << 20) - 1000);
  EXPECT_EQ(r.err_dropped(), (std::uint64_t{1} << 20) - 1000);
}

TEST_P(streams, caps_of_nothing_and_of_exactly_the_output) {
  auto none = sync_wait(child("flood", "100000").max_output(0).run());
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.out_dropped(), 100'000U);
  auto exact = sync_wait(child("flood", "100000").max_output(100'000).run());
  EXPECT_EQ(exact.out.size(), 100'000U);
  EXPECT_EQ(exact.out_dropped(), 0U);
  auto one_less = sync_wait(child("flood", "100000").max_output(99'999).run());
  EXPECT_EQ(one_less.out_dropped(), 1U);
}

TEST_P(streams, nul_and_invalid_text_pass) {
  using namespace std::string_literals;
  EXPECT_EQ(sync_wait(process("printf 'a\\0b\\377'").run()).out, "a\0b\xff"s);
}

TEST_P(streams, a_child_may_close_its_outputs_long_before_its_end) {
  auto r = sync_wait(process("sh -c 'echo a; exec >&- 2>&-; sleep 0.1; exit 3'").run());
  EXPECT_EQ(r.status().code(), 3);
  EXPECT_EQ(r.out, "a\n");
  EXPECT_TRUE(r.output_complete());
}

pid_t grandchild_of(const result& r) { return static_cast<pid_t>(std::atoi(r.out.c_str())); }

// Whoever reaps the orphan is not us: the machine's init, or a reaper above this program.
void end_orphan(pid_t pid) {
  ASSERT_GT(pid, 1);
  EXPECT_EQ(::kill(pid, SIGKILL), 0);
}

TEST_P(streams, a_grandchild_that_keeps_the_pipe_is_waited_for_until_the_drain_deadline) {
  auto r = run_in_a_hurry(child("orphan", "30").drain_timeout(100ms), 100ms);
  EXPECT_EQ(r.status().code(), 0) << r.describe();
  EXPECT_FALSE(r.output_complete());
  EXPECT_GE(grandchild_of(r), 1) << "what had been written is there";
  EXPECT_FALSE(r.killed());
  EXPECT_TRUE(exists(grandchild_of(r))) << "nobody asked for its end";
  end_orphan(grandchild_of(r));
}

TEST_P(streams, a_grandchild_that_ends_within_the_drain_deadline_cuts_nothing) {
  auto r = sync_wait(process("sh -c '(sleep 0.1; echo late) & echo early'").run());
  EXPECT_EQ(r.out, "early\nlate\n");
  EXPECT_TRUE(r.output_complete());
}

TEST_P(streams, a_grandchild_that_keeps_the_pipe_fails_a_command_that_requires_its_output) {
  auto r =
      run_in_a_hurry(child("orphan", "30").drain_timeout(100ms).require_complete_output(), 100ms);
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_EQ(r.status(), exit_status::of_code(0));
  EXPECT_FALSE(r.output_complete());
  EXPECT_THROW(r.check(), process_error);
  end_orphan(grandchild_of(r));
}

TEST_P(streams, a_cap_that_is_reached_is_told_and_fails_a_command_that_requires_its_output) {
  auto r = sync_wait(process("seq 100").max_output(10).run());
  EXPECT_TRUE(r.ok());
  EXPECT_FALSE(r.output_complete());
  EXPECT_EQ(r.out_dropped(), 282U);
  EXPECT_THAT(r.describe(), HasSubstr("282 bytes of its stdout were left out"));
  auto strict = sync_wait(process("seq 100").max_output(10).require_complete_output().run());
  EXPECT_EQ(strict.how(), end_reason::output_failed) << strict.describe();
  EXPECT_EQ(strict.status(), exit_status::of_code(0));
  auto ends = overflow::head_and_tail();
  auto middle =
      sync_wait(process("seq 100").out(capture(10, ends)).require_complete_output().run());
  EXPECT_EQ(middle.how(), end_reason::output_failed) << middle.describe();
}

TEST_P(streams, a_cap_of_nothing_beside_a_handler_misses_nothing) {
  std::size_t lines = 0;
  auto counted = process("seq 100").max_output(0).require_complete_output().on_line(
      [&](const output_line&) { ++lines; });
  auto r = sync_wait(std::move(counted).run());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(lines, 100U);
}

TEST_P(streams, a_timeout_with_a_grandchild_ends_both_and_all) {
  auto r = sync_wait(process("sh -c 'sleep 300 & echo $!; wait'").timeout(100ms).run());
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_TRUE(r.killed());
  auto gone = [](pid_t pid) -> task<> { co_await until_dead(pid); };
  sync_wait(gone(grandchild_of(r)));
}

TEST_P(streams, a_timeout_does_not_lengthen_the_drain_of_an_orphan) {
  auto r = sync_wait(child("orphan", "30").timeout(10s).drain_timeout(100ms).run());
  EXPECT_EQ(r.how(), end_reason::exited);
  EXPECT_FALSE(r.output_complete());
  EXPECT_LT(r.elapsed(), 8s);
  end_orphan(grandchild_of(r));
}

}  // namespace
}  // namespace execo::test
