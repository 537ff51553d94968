// Where output goes and input comes from: every sink, every source, every policy.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/fd.hpp"
#include "random_bytes.hpp"
#include "support/file_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using detail::unique_fd;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kib = 1024;

class sinks : public on_each_backend {
 protected:
  sinks() {
    char name[] = "/tmp/execo-sinks-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~sinks() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

 private:
  fs::path folder_;
};
EXECO_ON_EACH_BACKEND(sinks);

/// A pipe whose both ends are ours.
class pipe_pair {
 public:
  pipe_pair() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  std::string rest() {
    write_end.reset();
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = ::read(read_end.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }
  unique_fd read_end, write_end;
};

TEST_P(sinks, a_capture_keeps_the_head_and_counts_the_rest) {
  auto r = sync_wait(child("random", "1M", "7").out(capture(1000)).run());
  EXPECT_TRUE(r.out == random_out(7).take(1000));
  EXPECT_TRUE(r.err == random_err(7).take(1024 * kib)) << "the other stream as ever";
  EXPECT_EQ(r.out_dropped(), 1024 * kib - 1000);
  EXPECT_EQ(r.out_bytes(), 1024 * kib);
  EXPECT_EQ(r.err_bytes(), 1024 * kib);
}

TEST_P(sinks, head_and_tail_keep_the_first_and_the_last_bytes) {
  const std::string all = random_out(5).take(1024 * kib);
  for (std::size_t cap :
       {std::size_t{0}, std::size_t{1}, std::size_t{7}, 64 * kib, 100'000 * 1UL}) {
    auto r =
        sync_wait(child("random", "1M", "5").out(capture(cap, overflow::head_and_tail())).run());
    const std::size_t tail = cap / 2;
    EXPECT_TRUE(r.out == all.substr(0, cap - tail) + all.substr(all.size() - tail)) << cap;
    EXPECT_EQ(r.out_dropped(), all.size() - cap);
  }
  auto whole = sync_wait(
      child("random", "1M", "5").out(capture(1024 * kib, overflow::head_and_tail())).run());
  EXPECT_TRUE(whole.out == all);
  EXPECT_EQ(whole.out_dropped(), 0U);
}

TEST_P(sinks, head_and_tail_of_an_endless_writer_are_exact) {
  auto r = sync_wait(process("sh -c 'yes | head -c 50000001'")
                         .out(capture(64 * kib, overflow::head_and_tail()))
                         .run());
  std::string text;
  while (text.size() < 32 * kib) text += "y\n";
  // The stream has an odd length: its tail begins with the end of a line, and ends with a y.
  EXPECT_TRUE(r.out == text + "\n" + text.substr(0, 32 * kib - 1));
  EXPECT_EQ(r.out_dropped(), 50'000'001U - 64 * kib);
  EXPECT_EQ(r.out_bytes(), 50'000'001U);
}

TEST_P(sinks, a_blocking_capture_makes_the_command_wait_and_drops_nothing) {
  auto r = sync_wait(
      child("flood", "10M").out(capture(100 * kib, overflow::block())).timeout(200ms).run());
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_GE(r.out.size(), 100 * kib);
  EXPECT_LT(r.out.size(), 2048 * kib);
  auto small = sync_wait(child("flood", "1000").out(capture(10, overflow::block())).run());
  EXPECT_TRUE(small.ok()) << small.describe();
  EXPECT_EQ(small.out.size(), 1000U);
  EXPECT_EQ(small.out_dropped(), 0U);
}

TEST_P(sinks, a_killing_capture_ends_the_command) {
  auto r = sync_wait(process("yes").out(capture(10'000, overflow::kill())).run());
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_TRUE(r.error() == std::errc::file_too_large);
  EXPECT_EQ(r.out.size(), 10'000U);
  EXPECT_GT(r.out_dropped(), 0U);
  EXPECT_THAT(r.describe(), HasSubstr("more than 10000 bytes"));
  EXPECT_TRUE(sync_wait(child("flood", "10000").out(capture(10'000, overflow::kill())).run()).ok());
}

TEST_P(sinks, a_spilling_capture_writes_what_follows_to_a_file) {
  auto r =
      sync_wait(child("random", "8M", "3").out(capture(1000, overflow::spill(path("rest")))).run());
  const std::string all = random_out(3).take(8192 * kib);
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_TRUE(r.out == all.substr(0, 1000));
  EXPECT_TRUE(file_bytes(path("rest")) == all.substr(1000));
  EXPECT_EQ(r.out_dropped(), 0U);
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(
      sync_wait(child("flood", "1000").out(capture(1000, overflow::spill(path("none")))).run())
          .ok());
  EXPECT_FALSE(fs::exists(path("none")));
}

TEST_P(sinks, a_file_is_whole_when_it_appears) {
  file("all", "before");
  auto r = sync_wait(child("random", "8M", "9").out(to_file(path("all"))).run());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_TRUE(file_bytes(path("all")) == random_out(9).take(8192 * kib));
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(r.out_bytes(), 0U) << "it did not come through us";
  EXPECT_EQ(files(), 1U);
}

TEST_P(sinks, a_file_of_a_run_that_was_cut_short_does_not_appear) {
  file("kept", "before");
  for (sink to : {to_file(path("kept")), tee(to_file(path("kept")), capture())}) {
    auto r = sync_wait(process("echo half; sleep 300").shell().out(to).timeout(20ms).run());
    EXPECT_EQ(r.how(), end_reason::timed_out);
    EXPECT_EQ(file_bytes(path("kept")), "before");
    EXPECT_EQ(files(), 1U);
  }
  auto failed = sync_wait(process("/nonexistent").out(to_file(path("other"))).run());
  EXPECT_EQ(failed.how(), end_reason::spawn_failed);
  EXPECT_EQ(files(), 1U);
}

TEST_P(sinks, a_command_that_fails_by_itself_leaves_its_whole_file) {
  auto r = sync_wait(process("echo text; exit 3").shell().out(to_file(path("out"))).run());
  EXPECT_EQ(r.status().code(), 3);
  EXPECT_EQ(file_bytes(path("out")), "text\n");
}

TEST_P(sinks, the_file_that_a_link_names_is_replaced) {
  file("real", "before");
  fs::create_symlink("real", path("link"));
  EXPECT_TRUE(sync_wait(process("echo after").out(to_file(path("link"))).run()).ok());
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(file_bytes(path("real")), "after\n");
}

TEST_P(sinks, appends_follow_what_is_there) {
  file("log", "a\n");
  EXPECT_TRUE(sync_wait(process("echo b").out(append(path("log"))).run()).ok());
  EXPECT_TRUE(sync_wait(process("echo c").out(tee(append(path("log")), capture())).run()).ok());
  EXPECT_TRUE(sync_wait(process("echo d").err(append(path("new"))).run()).ok());
  EXPECT_EQ(file_bytes(path("log")), "a\nb\nc\n");
  EXPECT_EQ(file_bytes(path("new")), "");
}

TEST_P(sinks, null_and_descriptors_are_the_childs_own) {
  pipe_pair ours;
  auto r = sync_wait(child("print-fds").out(to_fd(ours.write_end.get())).err(null()).run());
  EXPECT_TRUE(r.ok()) << r.describe();
  const std::string fds = ours.rest();
  EXPECT_THAT(fds, HasSubstr("0 /dev/null\n1 pipe:"));
  EXPECT_THAT(fds, HasSubstr("2 /dev/null\n"));
  EXPECT_EQ(std::count(fds.begin(), fds.end(), '\n'), 3);
}

TEST_P(sinks, a_tee_to_a_full_pipe_slows_the_command) {
  pipe_pair ours;
  std::string seen;
  auto work = [&]() -> task<result> {
    auto p = child("random", "1M", "4").out(tee(to_fd(ours.write_end.get()), capture())).start();
    co_await running_pid(p);
    ::fcntl(ours.read_end.get(), F_SETFL, O_NONBLOCK);
    char buffer[65536];
    while (seen.size() < 1024 * kib) {
      const ssize_t n = ::read(ours.read_end.get(), buffer, sizeof buffer);
      if (n > 0) seen.append(buffer, static_cast<std::size_t>(n));
      if (n <= 0) co_await sleep(1ms);
    }
    co_return co_await p.wait();
  };
  auto r = sync_wait(work());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_TRUE(r.out == random_out(4).take(1024 * kib));
  EXPECT_TRUE(seen == r.out);
}

TEST_P(sinks, a_tee_to_a_pipe_that_nobody_reads_is_cut_with_the_run) {
  pipe_pair ours;
  auto p = child("flood", "10M").out(tee(to_fd(ours.write_end.get()), capture()));
  auto r = sync_wait(p.timeout(100ms).drain_timeout(100ms).run());
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_FALSE(r.output_complete());
}

TEST_P(sinks, inherit_is_our_own_stream) {
  pipe_pair ours;
  unique_fd saved(::fcntl(2, F_DUPFD_CLOEXEC, 3));
  ASSERT_GE(::dup2(ours.write_end.get(), 2), 0);
  auto direct = sync_wait(process("echo to us >&2").shell().err(inherit()).run());
  auto copied = sync_wait(process("echo too >&2").shell().err(tee(inherit(), capture())).run());
  ASSERT_GE(::dup2(saved.get(), 2), 0);
  EXPECT_EQ(ours.rest(), "to us\ntoo\n");
  EXPECT_EQ(direct.err, "");
  EXPECT_EQ(copied.err, "too\n");
}

TEST_P(sinks, callbacks_get_every_byte) {
  std::string bytes;
  auto add = [&](std::string_view piece) { bytes += piece; };
  auto r = sync_wait(child("random", "1M", "8").out(callback(add)).run());
  EXPECT_TRUE(bytes == random_out(8).take(1024 * kib));
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(r.out_bytes(), 1024 * kib);
  EXPECT_EQ(r.out_dropped(), 0U);
}

TEST_P(sinks, lines_come_without_their_ends) {
  std::vector<std::string> seen;
  auto add = [&](std::string_view line) { seen.emplace_back(line); };
  auto r = sync_wait(process("printf 'a\\r\\nb\\n\\nlast'").out(tee(lines(add), capture())).run());
  EXPECT_THAT(seen, ElementsAre("a", "b", "", "last"));
  EXPECT_EQ(r.out, "a\r\nb\n\nlast");
}

TEST_P(sinks, a_handler_that_throws_ends_the_command) {
  auto refuse = [](std::string_view) { throw std::runtime_error("enough"); };
  for (sink to : {callback(refuse), lines(refuse)}) {
    auto r = sync_wait(process("yes").out(to).run());
    EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
    EXPECT_THAT(r.describe(), HasSubstr("a handler of output threw: enough"));
  }
  auto late = sync_wait(process("printf unfinished").out(lines(refuse)).run());
  EXPECT_EQ(late.how(), end_reason::output_failed) << late.describe();
}

TEST_P(sinks, merged_output_keeps_its_order) {
  constexpr char both[] =
      "i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string number = std::to_string(i);
    expected += "out " + number + "\nerr " + number + "\n";
  }
  auto r = sync_wait(process(both).shell().err(merged()).run());
  EXPECT_EQ(r.out, expected);
  EXPECT_EQ(r.err, "");
  EXPECT_TRUE(r.output_complete());
  EXPECT_TRUE(sync_wait(process(both).shell().out(to_file(path("both"))).err(merged()).run()).ok());
  EXPECT_EQ(file_bytes(path("both")), expected);
}

TEST_P(sinks, a_full_disk_is_told_by_the_sink_or_by_the_command) {
  for (sink to :
       {tee(to_file("/dev/full"), capture()), capture(10, overflow::spill("/dev/full"))}) {
    auto r = sync_wait(child("flood", "1M").out(to).run());
    EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
    EXPECT_TRUE(r.error() == std::errc::no_space_on_device) << r.error();
    EXPECT_EQ(r.error_context(), "write /dev/full");
  }
  auto own = sync_wait(child("flood", "1M").out(to_file("/dev/full")).run());
  EXPECT_EQ(own.status().code(), 1) << own.describe();
  EXPECT_THAT(own.err, HasSubstr("No space left"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_P(sinks, files_that_cannot_be_opened_are_told) {
  for (sink to : {to_file(path("none/file")), append(path("none/file")),
                  tee(append(path("none/file")), capture())}) {
    auto r = sync_wait(child("exit", "0").out(to).run());
    EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.describe();
    EXPECT_TRUE(r.error() == std::errc::no_such_file_or_directory);
    EXPECT_THAT(r.error_context(), HasSubstr("open " + path("none/file")));
  }
  auto spill =
      sync_wait(child("flood", "1M").out(capture(1, overflow::spill(path("none/file")))).run());
  EXPECT_EQ(spill.how(), end_reason::output_failed) << spill.describe();
  auto closed = sync_wait(child("exit", "0").out(to_fd(1'000'000)).run());
  EXPECT_EQ(closed.how(), end_reason::spawn_failed);
  EXPECT_TRUE(closed.error() == std::errc::bad_file_descriptor);
}

TEST_P(sinks, a_file_that_may_not_be_written_or_read_is_told) {
  const std::string locked = file("locked", "text");
  ::chmod(locked.c_str(), 0);
  result to, from;
  auto run_both = [&] {
    to = sync_wait(child("exit", "0").out(append(locked)).run());
    from = sync_wait(child("echo").in(from_file(locked)).run());
  };
  // Root may: then as another user, in a thread of its own, as setresuid(2) is per thread.
  std::thread other([&] {
    const bool is_root = ::getuid() == 0;
    const uid_t user = is_root ? 54'321 : ::getuid();
    ASSERT_EQ(::syscall(SYS_setresuid, -1, user, -1), 0);
    run_both();
    ASSERT_EQ(::syscall(SYS_setresuid, -1, is_root ? 0 : user, -1), 0);
  });
  other.join();
  EXPECT_EQ(to.how(), end_reason::spawn_failed) << to.describe();
  EXPECT_TRUE(to.error() == std::errc::permission_denied) << to.describe();
  EXPECT_TRUE(from.error() == std::errc::permission_denied) << from.describe();
  EXPECT_EQ(from.error_context(), "open " + locked);
}

TEST_P(sinks, sources_arrive_whole) {
  const std::string bytes = random_bytes(6).take(1024 * kib);
  EXPECT_TRUE(sync_wait(child("echo").in(text(bytes)).run()).out == bytes);
  EXPECT_TRUE(sync_wait(child("echo").in(from_file(file("in", bytes))).run()).out == bytes);
  unique_fd fd(::open(path("in").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(sync_wait(child("echo").in(from_fd(fd.get())).run()).out == bytes);
  EXPECT_EQ(sync_wait(child("echo").in(null()).run()).out, "");
  EXPECT_EQ(sync_wait(child("echo").in(text("")).run()).out, "");
  EXPECT_EQ(sync_wait(child("echo").input("x").in(null()).run()).out, "");
}

TEST_P(sinks, inherit_is_our_own_input) {
  unique_fd saved(::fcntl(0, F_DUPFD_CLOEXEC, 3));
  unique_fd ours(::open(file("in", "from us").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_GE(::dup2(ours.get(), 0), 0);
  auto r = sync_wait(child("echo").in(inherit()).run());
  ASSERT_GE(::dup2(saved.get(), 0), 0);
  EXPECT_EQ(r.out, "from us");
}

TEST_P(sinks, a_missing_input_file_is_told_with_its_path) {
  auto r = sync_wait(child("echo").in(from_file(path("none"))).run());
  EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.describe();
  EXPECT_TRUE(r.error() == std::errc::no_such_file_or_directory);
  EXPECT_EQ(r.error_context(), "open " + path("none"));
}

TEST_P(sinks, a_fifo_without_a_reader_does_not_hold_up_the_loop) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  auto r = sync_wait(child("exit", "0").out(to_file(path("fifo"))).run());
  EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.describe();
  EXPECT_TRUE(r.error() == std::errc::no_such_device_or_address);
}

TEST_P(sinks, misuse_throws) {
  EXPECT_THROW((void)process("true").out(merged()), std::invalid_argument);
  EXPECT_THROW((void)tee(merged(), capture()), std::invalid_argument);
  EXPECT_THROW((void)tee(capture(1), capture(2)), std::invalid_argument);
  EXPECT_THROW((void)tee(capture(1), pipe()), std::invalid_argument);
  EXPECT_THROW((void)to_file(""), std::invalid_argument);
  EXPECT_THROW((void)append(std::string("a\0b", 3)), std::invalid_argument);
  EXPECT_THROW((void)from_file(""), std::invalid_argument);
  EXPECT_THROW((void)overflow::spill(""), std::invalid_argument);
  EXPECT_THROW((void)to_fd(-1), std::invalid_argument);
  EXPECT_THROW((void)callback(nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace execo::test
