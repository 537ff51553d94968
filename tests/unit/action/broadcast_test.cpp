// One input for many commands, as each of them reads it.
#include "execo/broadcast.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "base/fd.hpp"
#include "execo/context.hpp"
#include "execo/local.hpp"
#include "execo/process.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "random_bytes.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;
using detail::unique_fd;

constexpr std::size_t kibibyte = 1024;

class pipe_pair {
 public:
  pipe_pair() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category());
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(in.get(), bytes.data(), bytes.size());
      ASSERT_GT(n, 0);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  unique_fd out, in;
};

TEST(broadcast, every_command_gets_all_of_a_pipe_whenever_it_begins) {
  const std::string bytes = test::random_bytes(3).take(1000 * kibibyte);
  pipe_pair input;
  std::thread writer([&] {
    input.write(bytes);
    input.in.reset();
  });
  auto all = sync_wait(local("cat", 12).in(broadcast(input.out.get())).fanout(3).run());
  writer.join();
  ASSERT_TRUE(all.ok());
  for (const host_result& one : all.all()) EXPECT_TRUE(one.out == bytes) << one.describe();
}

TEST(broadcast, rings_share_it) {
  const std::string bytes = test::random_bytes(4).take(600 * kibibyte);
  test::temp_folder folder;
  unique_fd file(::open(folder.write("in", bytes).c_str(), O_RDONLY | O_CLOEXEC));
  context several(rings(3));
  auto all = sync_wait(several, local("cat", 30).in(broadcast(file.get())).run());
  ASSERT_TRUE(all.ok());
  for (const host_result& one : all.all()) EXPECT_TRUE(one.out == bytes) << one.describe();
}

TEST(broadcast, what_does_not_fit_into_memory_is_in_a_file) {
  constexpr std::size_t size = 33 * kibibyte * kibibyte;
  const std::string bytes = test::random_bytes(5).take(size);
  test::temp_folder folder;
  unique_fd file(::open(folder.write("in", bytes).c_str(), O_RDONLY | O_CLOEXEC));
  const source from = broadcast(file.get());
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(sync_wait(process("cat").in(from).max_output(2 * size).run()).out == bytes);
}

task<std::string> count_beside_one_that_sleeps(source from) {
  process stuck("sleep 60");
  stuck.in(from).start();
  process counting("wc -c");
  result counted = co_await counting.in(from).run();
  stuck.kill(SIGKILL);
  co_await stuck.wait();
  co_return counted.out;
}

TEST(broadcast, a_command_that_reads_nothing_holds_up_none) {
  pipe_pair input;
  const std::string bytes(300 * kibibyte, 'x');
  std::thread writer([&] {
    input.write(bytes);
    input.in.reset();
  });
  EXPECT_EQ(sync_wait(count_beside_one_that_sleeps(broadcast(input.out.get()))),
            std::to_string(bytes.size()) + "\n");
  writer.join();
}

TEST(broadcast, one_that_takes_no_more_leaves_the_rest_to_the_others) {
  pipe_pair input;
  const std::string bytes = "first\n" + std::string(800 * kibibyte, 'y');
  std::thread writer([&] {
    input.write(bytes);
    input.in.reset();
  });
  auto all =
      sync_wait(local("if test $EXECO_HOST = a; then head -n 1; else wc -c; fi", {"a", "b", "c"})
                    .shell()
                    .in(broadcast(input.out.get()))
                    .run());
  writer.join();
  ASSERT_EQ(all.all().size(), 3U);
  for (const host_result& one : all.all())
    EXPECT_EQ(one.out, one.host.name() == "a" ? "first\n" : std::to_string(bytes.size()) + "\n");
}

// Each of them has all there is of the input, and waits for more of it.
task<result> end_the_first_of_two(source from, const pipe_pair& input) {
  process first("cat");
  first.in(from).start();
  co_await first.out().next_line();
  process other("sed -u 2q");
  other.in(from).start();
  co_await other.out().next_line();
  first.kill(SIGKILL);
  co_await first.wait();
  input.write("two\n");
  result ended = co_await other.wait();
  co_return ended;
}

TEST(broadcast, one_that_ends_while_it_reads_for_all_leaves_that_to_another) {
  pipe_pair input;
  input.write("one\n");
  result r = sync_wait(end_the_first_of_two(broadcast(input.out.get()), input));
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out, "one\ntwo\n");
}

TEST(broadcast, commands_that_wait_for_input_can_be_stopped) {
  pipe_pair input;
  auto all = sync_wait(local("cat", 5).in(broadcast(input.out.get())).timeout(50ms).run());
  for (const host_result& one : all.all()) EXPECT_EQ(one.how(), end_reason::timed_out);
}

TEST(broadcast, an_input_that_cannot_be_read_is_named) {
  unique_fd only_written(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  auto all = sync_wait(local("cat", 3).in(broadcast(only_written.get())).run());
  ASSERT_EQ(all.all().size(), 3U);
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.how(), end_reason::spawn_failed);
    EXPECT_EQ(one.error_context(), "read descriptor " + std::to_string(only_written.get()));
    EXPECT_TRUE(one.error() == std::errc::bad_file_descriptor) << one.describe();
  }
}

TEST(broadcast, a_descriptor_that_is_not_open_is_refused) {
  int closed = -1;
  {
    unique_fd open(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    closed = open.get();
  }
  EXPECT_THROW((void)broadcast(closed), std::system_error);
  EXPECT_THROW((void)broadcast(-1), std::invalid_argument);
}

}  // namespace
}  // namespace execo
