// Whatever is read and written for a command, nothing of it keeps the loop: another end that does
// not read, another reader that is faster. On each kind of descriptor, whose flags stay as they
// are.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "support/file_bytes.hpp"
#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::unique_fd;

/// Two ends: what is written to one is read from the other.
struct linked_ends {
  unique_fd ours, theirs;
  scratch_directory folder;
};

using maker = void (*)(linked_ends&, bool theirs_reads);

void make_pipe(linked_ends& e, bool theirs_reads) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  e.theirs.reset(ends[theirs_reads ? 0 : 1]);
  e.ours.reset(ends[theirs_reads ? 1 : 0]);
}

void make_socket(linked_ends& e, bool) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  e.theirs.reset(ends[0]);
  e.ours.reset(ends[1]);
}

void make_fifo(linked_ends& e, bool theirs_reads) {
  std::string path = e.folder.path() + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  unique_fd both(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  e.theirs.reset(::open(path.c_str(), (theirs_reads ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
  e.ours.reset(::open(path.c_str(), (theirs_reads ? O_WRONLY : O_RDONLY) | O_CLOEXEC));
}

// Raw: bytes pass as they are.
void make_terminal(unique_fd& master, unique_fd& slave) {
  master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  slave.reset(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios raw{};
  ASSERT_EQ(::tcgetattr(slave.get(), &raw), 0);
  ::cfmakeraw(&raw);
  ASSERT_EQ(::tcsetattr(slave.get(), TCSANOW, &raw), 0);
}
void make_slave(linked_ends& e, bool) { make_terminal(e.ours, e.theirs); }
void make_master(linked_ends& e, bool) { make_terminal(e.theirs, e.ours); }

struct kind_of_ends {
  const char* name;
  maker make;
};
constexpr kind_of_ends kinds[] = {{"a pipe", make_pipe},
                                  {"a socket", make_socket},
                                  {"a FIFO", make_fifo},
                                  {"a terminal", make_slave},
                                  {"the master of a terminal", make_master}};

/// Closes an end after 20 s, unless the test is over: what hangs then fails.
class rescue {
 public:
  explicit rescue(unique_fd& end)
      : thread_([this, &end] {
          std::unique_lock lock(mutex_);
          if (!over_.wait_for(lock, 20s, [this] { return ended_; })) {
            late_ = true;
            end.reset();
          }
        }) {}
  ~rescue() {
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
    }
    over_.notify_all();
    thread_.join();
    EXPECT_FALSE(late_) << "the loop stood still";
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool ended_ = false;
  bool late_ = false;
  std::thread thread_;
};

class unblocked : public on_each_backend {};
EXECO_ON_EACH_BACKEND(unblocked);

std::string lines_of(std::size_t size) {
  std::string text;
  while (text.size() < size) text += "0123456789\n";
  return text;
}

TEST_P(unblocked, a_terminal_that_is_not_read_keeps_neither_the_loop_nor_its_own_deadline) {
  for (std::size_t size : {70'000u, 1'000'000u}) {
    auto deaf = [&]() -> task<result> {
      co_return co_await process("sleep 100")
          .pty(24, 80)
          .input(lines_of(size))
          .timeout(100ms)
          .run();
    };
    auto beside = []() -> task<int> {
      int ended = 0;
      for (int i = 0; i < 3; ++i) {
        result r = co_await process("true").run();
        ended += r.ok() ? 1 : 0;
        co_await sleep(1ms);
      }
      co_return ended;
    };
    auto both = [&]() -> task<> {
      auto [r, ended] = co_await when_all(deaf(), beside());
      EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
      EXPECT_EQ(ended, 3);
    };
    sync_wait(both());
  }
}

TEST_P(unblocked, a_write_to_a_terminal_that_is_not_read_hears_a_stop_and_a_kill) {
  auto work = []() -> task<> {
    process p("sleep 100");
    p.pty(24, 80).in(pipe()).start();
    std::string many = lines_of(300'000);
    auto taken = co_await timeout(p.in().write(many), 100ms);
    EXPECT_FALSE(taken.has_value());
    p.kill(SIGKILL);
    result r = co_await p.wait();
    EXPECT_EQ(r.status().signal(), SIGKILL) << r.describe();
  };
  sync_wait(work());
}

TEST_P(unblocked, a_terminal_takes_more_than_it_holds_when_it_is_read) {
  auto work = []() -> task<> {
    const std::string many = lines_of(1'000'000);
    auto p = process("sh -c 'stty raw -echo; echo ready; exec head -c 1000010 | wc -c'");
    p.pty(24, 80).in(pipe()).out(pipe()).timeout(30s).start();
    auto ready = co_await p.out().next_line();
    EXPECT_EQ(ready, "ready");
    auto [written, rest] = co_await when_all(p.in().write(many), p.out().read_all());
    EXPECT_EQ(rest, "1000010\n");
    co_await p.wait();
  };
  sync_wait(work());
}

// Both wait for it, one byte comes: one of them finds nothing.
TEST_P(unblocked, two_readers_of_one_input_never_wait_inside_a_read) {
  for (const kind_of_ends& kind : kinds) {
    SCOPED_TRACE(kind.name);
    linked_ends e;
    kind.make(e, true);
    int flags = ::fcntl(e.theirs.get(), F_GETFL);
    rescue late(e.ours);
    auto work = [&]() -> task<> {
      auto a = process("cat").pty(24, 80).in(from_fd(e.theirs.get()));
      auto b = process("cat").pty(24, 80).in(from_fd(e.theirs.get()));
      a.start();
      b.start();
      co_await running_pid(a);
      co_await running_pid(b);
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(::write(e.ours.get(), "x", 1), 1);
        co_await sleep(2ms);
      }
      EXPECT_EQ(::fcntl(e.theirs.get(), F_GETFL), flags);
      a.kill(SIGKILL);
      b.kill(SIGKILL);
      co_await a.wait();
      co_await b.wait();
    };
    sync_wait(work());
    // A read that was left to its thread ends with what it reads.
    if (e.ours) (void)!::write(e.ours.get(), "yy", 2);
  }
}

TEST_P(unblocked, an_input_arrives_whole_from_each_kind_of_descriptor) {
  for (const kind_of_ends& kind : kinds) {
    SCOPED_TRACE(kind.name);
    linked_ends e;
    kind.make(e, true);
    const std::string many = lines_of(200'000);
    std::string ready = e.folder.path() + "/ready";
    std::string copy = e.folder.path() + "/copy";
    std::thread writing([&] {
      EXPECT_TRUE(soon([&] { return ::access(ready.c_str(), F_OK) == 0; }));
      for (std::size_t at = 0; at < many.size();) {
        ssize_t n =
            ::write(e.ours.get(), many.data() + at, std::min<std::size_t>(4096, many.size() - at));
        if (n <= 0) break;
        at += static_cast<std::size_t>(n);
      }
    });
    auto p = process("sh -c 'stty raw -echo; : > " + ready + "; exec head -c " +
                     std::to_string(many.size()) + " > " + copy + "'");
    result r = sync_wait(p.pty(24, 80).in(from_fd(e.theirs.get())).timeout(30s).run());
    EXPECT_TRUE(r.ok()) << r.describe();
    e.theirs.reset();
    writing.join();
    std::string got = file_bytes(copy);
    EXPECT_TRUE(got == many) << got.size();
    (void)!::write(e.ours.get(), "yy", 2);
  }
}

process writes(std::size_t bytes) {
  return process("sh -c 'head -c " + std::to_string(bytes) + " /dev/zero | tr \"\\\\0\" x'");
}

/// What a descriptor of ours stands for; of a terminal's master, which terminal too.
std::string stands_for(const std::string& number) {
  char link[256];
  auto size = ::readlink(("/proc/self/fd/" + number).c_str(), link, sizeof link);
  if (size < 0) return {};
  std::string name(link, static_cast<std::size_t>(size));
  std::ifstream info("/proc/self/fdinfo/" + number);
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("tty-index:")) name += line;
  return name;
}

/// How many descriptors of ours stand for the same.
std::size_t holders(int fd) {
  const std::string wanted = stands_for(std::to_string(fd));
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    if (stands_for(entry.path().filename().string()) == wanted) ++count;
  return count;
}

TEST_P(unblocked, a_sink_that_is_not_read_keeps_neither_the_loop_nor_the_deadline) {
  // All kinds at once: each waits for its deadline.
  auto work = [](const kind_of_ends& kind) -> task<> {
    linked_ends e;
    kind.make(e, false);
    int flags = ::fcntl(e.theirs.get(), F_GETFL);
    const auto before = holders(e.theirs.get());
    rescue late(e.ours);
    auto p = writes(1'000'000).out(tee(capture(), to_fd(e.theirs.get())));
    p.timeout(300ms).drain_timeout(100ms);
    auto [r, ok] = co_await when_all(std::move(p).run(), process("true").run());
    EXPECT_EQ(r.how(), end_reason::timed_out) << kind.name << r.describe();
    EXPECT_GT(r.out_bytes(), 0u) << kind.name;
    EXPECT_FALSE(r.output_complete()) << kind.name;
    EXPECT_TRUE(ok.ok()) << kind.name;
    EXPECT_EQ(::fcntl(e.theirs.get(), F_GETFL), flags) << kind.name;
    // A write that was left to its thread ends when there is room for all of it.
    EXPECT_EQ(::fcntl(e.ours.get(), F_SETFL, O_NONBLOCK), 0);
    char buffer[65536];
    while (holders(e.theirs.get()) > before) {
      while (::read(e.ours.get(), buffer, sizeof buffer) > 0) continue;
      co_await sleep(1ms);
    }
  };
  std::vector<task<>> all;
  for (const kind_of_ends& kind : kinds) all.push_back(work(kind));
  sync_wait(when_all(std::move(all)));
}

TEST_P(unblocked, an_output_arrives_whole_at_each_kind_of_descriptor) {
  for (const kind_of_ends& kind : kinds) {
    SCOPED_TRACE(kind.name);
    linked_ends e;
    kind.make(e, false);
    constexpr std::size_t size = 300'000;
    std::string got;
    std::thread reading([&] {
      char buffer[4096];
      for (ssize_t n; got.size() < size && (n = ::read(e.ours.get(), buffer, sizeof buffer)) > 0;)
        got.append(buffer, static_cast<std::size_t>(n));
    });
    auto p = writes(size).out(tee(capture(0), to_fd(e.theirs.get()))).timeout(30s);
    result r = sync_wait(std::move(p).run());
    EXPECT_TRUE(r.ok()) << r.describe();
    reading.join();
    EXPECT_TRUE(got == std::string(size, 'x')) << got.size();
  }
}

TEST_P(unblocked, a_fifo_by_its_path_keeps_nobody) {
  linked_ends e;
  make_fifo(e, false);
  std::string path = e.folder.path() + "/fifo";
  rescue late(e.ours);
  auto work = [&]() -> task<> {
    auto full = writes(1'000'000).out(tee(capture(), to_file(path)));
    full.timeout(100ms).drain_timeout(20ms);
    auto [r, ok] = co_await when_all(std::move(full).run(), process("true").run());
    EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
    EXPECT_TRUE(ok.ok());
    auto starved = process("cat").pty(24, 80).in(from_file(e.folder.path() + "/empty"));
    EXPECT_EQ(::mkfifo((e.folder.path() + "/empty").c_str(), 0600), 0);
    unique_fd writer(::open((e.folder.path() + "/empty").c_str(), O_RDWR | O_CLOEXEC));
    auto [late_one, fine] =
        co_await when_all(std::move(starved.timeout(100ms)).run(), process("true").run());
    EXPECT_EQ(late_one.how(), end_reason::timed_out) << late_one.describe();
    EXPECT_TRUE(fine.ok());
  };
  sync_wait(work());
}

}  // namespace
}  // namespace execo::test
