// The descriptors of a child come from its streams, its terminal and what it is passed: together.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/fd.hpp"
#include "execo/when_all.hpp"
#include "support/file_bytes.hpp"
#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class child_map : public on_each_backend {};
EXECO_ON_EACH_BACKEND(child_map);

result ran(process p) { return sync_wait(std::move(p.timeout(30s)).run()); }

int free_number() {
  detail::unique_fd probe(::fcntl(0, F_DUPFD_CLOEXEC, 3));
  return probe.get();
}

TEST_P(child_map, has_streams_that_are_given_and_descriptors_that_are_passed) {
  scratch_directory folder;
  std::string log = folder.path() + "/log";
  detail::unique_fd lent(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  auto p = child("print-fds").out(to_file(log)).err(merged()).pass_fd(lent.get(), 9);
  p.in(from_file("/etc/hosts")).pass_fd(lent.get(), 3);
  result r = ran(std::move(p));
  ASSERT_TRUE(r.ok()) << r.dump();
  std::string map = file_bytes(log);
  EXPECT_THAT(map, HasSubstr("0 /etc/hosts\n"));
  EXPECT_THAT(map, HasSubstr("1 " + log));
  EXPECT_THAT(map, HasSubstr("2 " + log));
  EXPECT_THAT(map, HasSubstr("3 /etc/passwd\n"));
  EXPECT_THAT(map, HasSubstr("9 /etc/passwd\n"));
  EXPECT_EQ(std::ranges::count(map, '\n'), 5);
}

TEST_P(child_map, gives_one_descriptor_to_streams_and_beside_them) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  detail::unique_fd read_end(ends[0]), write_end(ends[1]);
  int fd = write_end.get();
  auto p = process("sh -c 'echo a; echo b >&2; echo c >&7'").out(to_fd(fd)).err(to_fd(fd));
  result r = ran(std::move(p).pass_fd(fd, 7));
  ASSERT_TRUE(r.ok()) << r.dump();
  write_end.reset();
  char text[64];
  ASSERT_EQ(::read(read_end.get(), text, sizeof text), 6);
  EXPECT_EQ(std::string(text, 6), "a\nb\nc\n");
}

TEST_P(child_map, takes_no_pipe_of_ours_for_a_lent_descriptor_that_is_closed) {
  auto work = []() -> task<std::vector<result>> {
    std::vector<result> ends;
    // What the loop opens with its first child is open then.
    ends.push_back(co_await process("true").input("x").run());
    // The number that the next pipe gets.
    ends.push_back(co_await process("true").input("x").pass_fd(free_number(), 9).run());
    ends.push_back(co_await process("true").input("x").err(to_fd(free_number())).run());
    co_return ends;
  };
  auto ends = sync_wait(work());
  EXPECT_TRUE(ends[0].ok());
  for (std::size_t i : {1U, 2U}) {
    EXPECT_EQ(ends[i].how(), end_reason::spawn_failed) << ends[i].dump();
    EXPECT_EQ(ends[i].error(), std::errc::bad_file_descriptor);
    EXPECT_THAT(ends[i].error_context(), StartsWith("descriptor "));
  }
}

TEST_P(child_map, of_a_storm_is_that_of_one) {
  scratch_directory folder;
  std::string log = folder.path() + "/log";
  detail::unique_fd lent(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  auto work = [&]() -> task<int> {
    std::vector<task<result>> all;
    auto one = [](std::string file, int fd) -> task<result> {
      auto p = process("sh -c 'umask; read line <&9; echo ${line%%:*}'");
      p.out(append(file)).pass_fd(fd, 9).umask(0123);
      co_return co_await std::move(p).run();
    };
    for (int i = 0; i < 20; ++i) all.push_back(one(log, lent.get()));
    auto ends = co_await when_all(std::move(all));
    int good = 0;
    for (const result& r : ends) good += r.ok() ? 1 : 0;
    co_return good;
  };
  EXPECT_EQ(sync_wait(work()), 20);
  std::string text = file_bytes(log);
  std::size_t masks = 0;
  for (auto at = text.find("0123\n"); at != text.npos; at = text.find("0123\n", at + 1)) ++masks;
  EXPECT_EQ(masks, 20U) << text;
  EXPECT_THAT(text, HasSubstr("root\n"));
}

TEST_P(child_map, of_a_terminal_leaves_its_bytes_to_any_sink) {
  scratch_directory folder;
  std::string log = folder.path() + "/log";
  std::string unused = folder.path() + "/unused";
  auto p = process("sh -c 'test -t 1 && test -t 2 && echo all >&2'").pty(24, 80);
  result r = ran(std::move(p).out(to_file(log)).err(append(unused)));
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_EQ(file_bytes(log), "all\r\n");
  EXPECT_EQ(file_bytes(unused), "");
  EXPECT_EQ(r.out_bytes(), 5U) << "it passed through us";
  result one = ran(process("sh -c 'echo a; echo b >&2'").pty(24, 80).err(merged()));
  EXPECT_EQ(one.out, "a\r\nb\r\n") << one.dump();
}

TEST_P(child_map, of_a_terminal_has_any_source_and_its_end) {
  scratch_directory folder;
  std::string given = folder.path() + "/given";
  std::ofstream(given) << "a line\nno end";
  auto p = process("sh -c 'stty -echo; cat'").pty(24, 80).in(from_file(given));
  result r = ran(std::move(p));
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_THAT(r.out, EndsWith("a line\r\nno end"));
}

TEST_P(child_map, of_a_terminal_talks_to_a_reader_and_a_writer) {
  auto work = []() -> task<result> {
    auto p = process("sh -c 'stty -echo; echo ready; cat'").pty(24, 80).in(pipe());
    auto talk = std::move(p.timeout(30s)).start();
    auto first = co_await talk.out().next_line();
    EXPECT_EQ(first, "ready");
    co_await talk.in().write("hello\n");
    auto echo = co_await talk.out().next_line();
    EXPECT_EQ(echo, "hello");
    co_await talk.in().write("rest");
    talk.in().close();
    co_return co_await talk.wait();
  };
  result r = sync_wait(work());
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_THAT(r.out, EndsWith("hello\r\nrest"));
}

TEST_P(child_map, a_stop_policy_ends_a_command_whose_output_is_held_back) {
  auto p = process("sh -c \"trap '' INT; exec yes\"").out(capture(1000, overflow::block()));
  auto steps = stop_policy().then(SIGINT, 50ms).then(SIGTERM, 20s);
  result r = sync_wait(std::move(p).stop_policy(steps).timeout(50ms).run());
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.status().signal(), SIGTERM);
  EXPECT_THAT(r.out, StartsWith("y\ny\n"));
  EXPECT_GE(r.out.size(), 1000U);
}

TEST_P(child_map, an_ignored_error_covers_a_sink_that_does_not_take_the_output) {
  auto p = process("echo much").out(capture(2, overflow::kill())).ignore_error();
  result r = ran(std::move(p));
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.stats().errors, 1U);
}

}  // namespace
}  // namespace execo::test
