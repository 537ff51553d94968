// A start takes environment, directory, file mode mask and inherited descriptors of its moment; the
// child itself may come later, from another thread.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "base/fd.hpp"
#include "execo/start.hpp"
#include "execo/stdio.hpp"
#include "execo/when_all.hpp"
#include "fleet_fixture.hpp"
#include "support/file_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

class start_moment : public on_each_backend {
 protected:
  start_moment() : here_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)), mask_(::umask(022)) {
    (void)::umask(mask_);
    if (const char* path = ::getenv("PATH")) path_ = path;
  }
  ~start_moment() override {
    (void)::umask(mask_);
    EXPECT_EQ(::fchdir(here_.get()), 0);
    ::setenv("PATH", path_.c_str(), 1);
    ::unsetenv("EXECO_TEST_WHO");
  }

 private:
  detail::unique_fd here_;
  mode_t mask_;
  std::string path_;
};
EXECO_ON_EACH_BACKEND(start_moment);

task<std::vector<std::string>> outputs_of(std::vector<process> all) {
  std::vector<std::string> said;
  for (process& p : all) {
    result r = co_await p.wait();
    said.push_back(r.ok() ? r.out : r.describe());
  }
  co_return said;
}

TEST_P(start_moment, fifty_starts_of_one_turn_have_each_their_own) {
  auto body = []() -> task<std::vector<std::string>> {
    std::vector<process> all;
    for (int i = 0; i < 50; ++i) {
      ::setenv("EXECO_TEST_WHO", std::to_string(i).c_str(), 1);
      (void)!::chdir(i % 2 == 0 ? "/usr" : "/etc");
      (void)::umask(i % 2 == 0 ? 077 : 027);
      all.push_back(process("echo $EXECO_TEST_WHO $(pwd -P) $(umask)").shell().start());
    }
    ::setenv("EXECO_TEST_WHO", "late", 1);
    (void)!::chdir("/");
    (void)::umask(0);
    co_return co_await outputs_of(std::move(all));
  };
  std::vector<std::string> said = sync_wait(body());
  ASSERT_EQ(said.size(), 50U);
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(said[static_cast<std::size_t>(i)],
              std::to_string(i) + (i % 2 == 0 ? " /usr 0077\n" : " /etc 0027\n"));
}

TEST_P(start_moment, a_start_from_another_thread_is_over_when_it_returns) {
  context c;
  std::promise<void> begun;
  std::thread driver([&] {
    begun.set_value();
    c.run();
  });
  begun.get_future().wait();
  std::vector<process> all;
  for (int i = 0; i < 20; ++i) {
    ::setenv("EXECO_TEST_WHO", i % 2 == 0 ? "even" : "odd", 1);
    (void)!::chdir(i % 2 == 0 ? "/usr" : "/etc");
    (void)::umask(i % 2 == 0 ? 077 : 027);
    process p("echo $EXECO_TEST_WHO $(pwd -P) $(umask)");
    all.push_back(std::move(p).shell().on(c.ring(0)).start());
  }
  ::setenv("EXECO_TEST_WHO", "late", 1);
  (void)!::chdir("/");
  (void)::umask(0);
  c.stop();
  driver.join();
  std::vector<std::string> said = sync_wait(c, outputs_of(std::move(all)));
  for (std::size_t i = 0; i < said.size(); ++i)
    EXPECT_EQ(said[i], i % 2 == 0 ? "even /usr 0077\n" : "odd /etc 0027\n");
}

TEST_P(start_moment, the_program_is_looked_up_in_the_path_of_the_start) {
  auto body = []() -> task<std::vector<std::string>> {
    std::vector<process> all;
    all.push_back(process("echo found").start());
    ::setenv("PATH", "/nonexistent", 1);
    all.push_back(process("echo lost").start());
    ::setenv("PATH", "/usr/bin:/bin", 1);
    co_return co_await outputs_of(std::move(all));
  };
  std::vector<std::string> said = sync_wait(body());
  EXPECT_EQ(said[0], "found\n");
  EXPECT_THAT(said[1], ::testing::HasSubstr("No such file"));
}

TEST_P(start_moment, variables_may_change_while_starts_are_under_way) {
  auto body = []() -> task<int> {
    int bad = 0;
    for (int round = 0; round < 5; ++round) {
      std::vector<process> all;
      for (int i = 0; i < 40; ++i) all.push_back(process("true").start());
      for (int i = 0; i < 2000; ++i) {
        if (i % 20 == 0) co_await sleep(std::chrono::milliseconds(0));
        ::setenv(("EXECO_TEST_N" + std::to_string(i)).c_str(), "x", 1);
      }
      for (process& p : all) {
        result r = co_await p.wait();
        if (!r.ok()) ++bad;
      }
      for (int i = 0; i < 2000; ++i) ::unsetenv(("EXECO_TEST_N" + std::to_string(i)).c_str());
    }
    co_return bad;
  };
  EXPECT_EQ(sync_wait(body()), 0);
}

TEST_P(start_moment, no_variables_at_all_are_taken_as_well) {
  auto body = []() -> task<std::string> {
    char** before = environ;
    environ = nullptr;
    process p("/usr/bin/env");
    p.start();
    environ = before;
    result r = co_await p.wait();
    co_return r.ok() ? r.out : r.describe();
  };
  EXPECT_EQ(sync_wait(body()), "");
}

TEST_P(start_moment, a_directory_that_is_gone_by_then_is_still_the_one) {
  std::string name = std::filesystem::temp_directory_path() / "execo-start-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  auto body = [&name]() -> task<std::string> {
    (void)!::chdir(name.c_str());
    process p("pwd -P");
    p.shell().start();
    (void)!::chdir("/");
    std::filesystem::rename(name, name + "-moved");
    result r = co_await p.wait();
    co_return r.ok() ? r.out : r.describe();
  };
  EXPECT_EQ(sync_wait(body()), name + "-moved\n");
  std::filesystem::remove(name + "-moved");
}

TEST_P(start_moment, a_relative_directory_begins_at_that_of_the_start) {
  auto body = []() -> task<std::string> {
    (void)!::chdir("/usr");
    process p("pwd -P");
    p.shell().cwd("lib").start();
    (void)!::chdir("/");
    result r = co_await p.wait();
    co_return r.ok() ? r.out : r.describe();
  };
  EXPECT_EQ(sync_wait(body()), std::filesystem::canonical("/usr/lib").string() + "\n");
}

/// A folder with two more, each with an "in" that names it, and descriptors of what is there.
class start_moment_streams : public start_moment {
 protected:
  start_moment_streams() {
    for (const char* name : {"then", "later"}) {
      std::filesystem::create_directory(folder_.path() + "/" + name);
      std::ofstream(path(name, "in")) << name;
    }
  }

  std::string path(const std::string& part, const std::string& name) const {
    return folder_.path() + "/" + part + "/" + name;
  }
  void go_to(const std::string& part) const {
    (void)!::chdir((folder_.path() + "/" + part).c_str());
  }
  static detail::unique_fd opened(const std::string& file, int flags) {
    return detail::unique_fd(::open(file.c_str(), flags | O_CLOEXEC | O_CREAT, 0666));
  }

  scratch_directory folder_;
};
EXECO_ON_EACH_BACKEND(start_moment_streams);

TEST_P(start_moment_streams, descriptors_that_are_reused_at_once_are_those_of_the_start) {
  auto body = [this]() -> task<> {
    std::vector<process> all;
    for (int round = 0; round < 3; ++round) {
      std::string out = "out" + std::to_string(round);
      auto in = opened(path("then", "in"), O_RDONLY);
      auto to = opened(path("then", out), O_WRONLY);
      process p("cat - /dev/fd/9");
      p.pass_fd(in.get(), 9).in(from_fd(in.get()));
      if (round == 0) p.out(to_fd(to.get()));
      if (round == 1) p.out(tee(to_fd(to.get()), capture()));
      if (round == 2) p.out(to_fd(to.get())).err(to_fd(to.get())).pty(24, 80);
      p.start();
      auto other_in = opened(path("later", "in"), O_RDONLY);
      auto other_out = opened(path("later", out), O_WRONLY);
      EXPECT_EQ(::dup2(other_in.get(), in.get()), in.get());
      EXPECT_EQ(::dup2(other_out.get(), to.get()), to.get());
      all.push_back(std::move(p));
    }
    for (process& p : all) {
      result r = co_await p.wait();
      EXPECT_TRUE(r.ok()) << r.dump();
    }
  };
  sync_wait(body());
  // /dev/fd/9 of a file opens it once more, from its beginning.
  EXPECT_EQ(file_bytes(path("then", "out0")), "thenthen");
  EXPECT_EQ(file_bytes(path("then", "out1")), "thenthen");
  EXPECT_THAT(file_bytes(path("then", "out2")), ::testing::HasSubstr("then"));
  for (const char* out : {"out0", "out1", "out2"}) EXPECT_EQ(file_bytes(path("later", out)), "");
}

TEST_P(start_moment_streams, inherited_streams_are_those_of_the_start) {
  detail::unique_fd own(::fcntl(0, F_DUPFD_CLOEXEC, 3));
  auto body = [&]() -> task<std::string> {
    auto in = opened(path("then", "in"), O_RDONLY);
    EXPECT_EQ(::dup2(in.get(), 0), 0);
    process p("cat");
    p.in(inherit()).start();
    EXPECT_EQ(::dup2(own.get(), 0), 0);
    result r = co_await p.wait();
    co_return r.ok() ? r.out : r.describe();
  };
  EXPECT_EQ(sync_wait(body()), "then");
}

TEST_P(start_moment_streams, who_reads_from_a_lent_pipe_sees_its_end_while_the_command_goes_on) {
  auto body = [](bool through_us) -> task<> {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    detail::unique_fd read_end(ends[0]), write_end(ends[1]);
    process p("sh -c 'echo said; exec >&- 7>&-; read line'");
    p.in(pipe()).pass_fd(write_end.get(), 7).timeout(std::chrono::seconds(30));
    p.out(through_us ? tee(to_fd(write_end.get()), capture()) : to_fd(write_end.get()));
    p.start();
    write_end.reset();
    std::string said;
    char piece[16];
    for (ssize_t n = -1; n != 0;) {
      n = ::read(read_end.get(), piece, sizeof piece);
      if (n > 0) said.append(piece, static_cast<std::size_t>(n));
      if (through_us && said == "said\n") break;
      if (n < 0) co_await sleep(std::chrono::milliseconds(1));
      if (!p.running()) break;
    }
    EXPECT_TRUE(p.running());
    EXPECT_EQ(said, "said\n");
    p.in().close();
    result r = co_await p.wait();
    EXPECT_EQ(r.how(), end_reason::exited) << r.dump();
    EXPECT_EQ(::read(read_end.get(), piece, sizeof piece), 0) << "the handle holds it still";
  };
  sync_wait(body(false));
  sync_wait(body(true));
}

TEST_P(start_moment_streams, many_starts_share_what_is_the_same_descriptor_still) {
  constexpr int dupfd_query = 1024 + 3;  // F_DUPFD_QUERY
  bool can_tell = ::fcntl(0, dupfd_query, 0) == 1 ||
                  ::syscall(SYS_kcmp, ::getpid(), ::getpid(), KCMP_FILE, 0, 0) == 0;
  if (!can_tell) GTEST_SKIP() << "the kernel does not tell whether two descriptors are one file";
  auto count = [] {
    std::filesystem::directory_iterator at("/proc/self/fd"), end;
    return std::distance(at, end);
  };
  auto body = [&]() -> task<> {
    auto to = opened(path("then", "out"), O_WRONLY | O_APPEND);
    std::vector<process> all;
    auto before = count();
    for (int i = 0; i < 100; ++i) {
      process p("echo x");
      p.out(to_fd(to.get())).err(inherit()).pass_fd(to.get(), 9).start();
      all.push_back(std::move(p));
    }
    EXPECT_LE(count(), before + 3) << "two of them and the directory";
    auto later = opened(path("later", "out"), O_WRONLY | O_APPEND);
    EXPECT_EQ(::dup2(later.get(), to.get()), to.get());
    process p("echo y");
    p.out(to_fd(to.get())).start();
    all.push_back(std::move(p));
    for (process& one : all) {
      result r = co_await one.wait();
      EXPECT_TRUE(r.ok()) << r.dump();
    }
  };
  sync_wait(body());
  EXPECT_EQ(file_bytes(path("then", "out")).size(), 200U);
  EXPECT_EQ(file_bytes(path("later", "out")), "y\n");
}

TEST_P(start_moment_streams, relative_files_begin_at_the_directory_of_the_start) {
  auto body = [this]() -> task<> {
    std::vector<process> all;
    for (bool through_us : {false, true}) {
      go_to("then");
      std::string n = through_us ? "2" : "1";
      process p("cat");
      sink whole = to_file("out" + n);
      p.out(through_us ? tee(whole, append("log2"), capture(1, overflow::spill("rest"))) : whole);
      p.in(from_file("in")).err(append("log" + n)).start();
      go_to("later");
      all.push_back(std::move(p));
    }
    // A path would lead nowhere now, or to something else.
    std::filesystem::rename(path("then", ""), path("moved", ""));
    for (process& p : all) {
      result r = co_await p.wait();
      EXPECT_TRUE(r.ok()) << r.dump();
    }
  };
  sync_wait(body());
  for (const char* out : {"out1", "out2", "log2"})
    EXPECT_EQ(file_bytes(path("moved", out)), "then");
  EXPECT_EQ(file_bytes(path("moved", "rest")), "hen");
  EXPECT_EQ(file_bytes(path("moved", "log1")), "");
  // in, out1, out2, log1, log2, rest
  auto count = [&](const std::string& part) {
    std::filesystem::directory_iterator at(path(part, "")), end;
    return std::distance(at, end);
  };
  EXPECT_EQ(count("moved"), 6);
  EXPECT_EQ(count("later"), 1);
}

TEST_P(start_moment_streams, a_relative_file_is_not_in_the_directory_that_the_command_is_given) {
  auto body = [this]() -> task<> {
    go_to("then");
    process p("cat in");
    p.cwd(folder_.path() + "/later").out(to_file("out")).start();
    go_to("later");
    result r = co_await p.wait();
    EXPECT_TRUE(r.ok()) << r.dump();
  };
  sync_wait(body());
  EXPECT_EQ(file_bytes(path("then", "out")), "later");
}

TEST_P(start_moment_streams, files_are_made_with_the_mask_of_the_start) {
  std::ofstream(path("then", "log0")) << "there\n";
  std::filesystem::permissions(path("then", "log0"), std::filesystem::perms(0640));
  auto body = [this]() -> task<> {
    std::vector<process> all;
    go_to("then");
    for (mode_t mask : {077, 002}) {
      for (bool through_us : {false, true}) {
        std::string n = std::to_string(all.size());
        (void)::umask(mask);
        sink whole = to_file("out" + n), more = append("log" + n);
        process p("sh -c 'echo out; echo log >&2'");
        p.out(through_us ? tee(whole, capture(1, overflow::spill("rest" + n))) : whole);
        p.err(through_us ? tee(more, capture()) : more).start();
        all.push_back(std::move(p));
        (void)::umask(mask == 077 ? 0 : 077);
      }
    }
    for (process& p : all) {
      result r = co_await p.wait();
      EXPECT_TRUE(r.ok()) << r.dump();
    }
  };
  sync_wait(body());
  auto mode_of = [&](const std::string& name) {
    return static_cast<unsigned>(std::filesystem::status(path("then", name)).permissions());
  };
  for (const char* name : {"out0", "out1", "log1", "rest1"})
    EXPECT_EQ(mode_of(name), 0600U) << name;
  for (const char* name : {"out2", "out3", "log2", "log3", "rest3"})
    EXPECT_EQ(mode_of(name), 0664U) << name;
  EXPECT_EQ(mode_of("log0"), 0640U) << "it was there";
  EXPECT_EQ(file_bytes(path("then", "log0")), "there\nlog\n");
}

TEST_P(start_moment_streams, a_relative_link_is_followed_to_the_file_that_is_replaced) {
  auto body = [this]() -> task<> {
    go_to("then");
    std::filesystem::create_directory_symlink("../later", "folder");
    std::filesystem::create_symlink("folder/real", "link");
    std::ofstream(path("later", "real")) << "before";
    process p("echo after");
    p.out(to_file("link")).start();
    go_to("later");
    result r = co_await p.wait();
    EXPECT_TRUE(r.ok()) << r.dump();
  };
  sync_wait(body());
  EXPECT_TRUE(std::filesystem::is_symlink(path("then", "link")));
  EXPECT_FALSE(std::filesystem::is_symlink(path("later", "real")));
  EXPECT_EQ(file_bytes(path("later", "real")), "after\n");
}

TEST_P(start_moment_streams, a_descriptor_that_there_is_no_number_for_is_an_end_that_names_it) {
  auto body = [this]() -> task<> {
    auto to = opened(path("then", "out"), O_WRONLY);
    process passed("true");
    process lent("true");
    {
      detail::unique_fd next(::fcntl(0, F_DUPFD_CLOEXEC, 3));
      lowered_limit none(RLIMIT_NOFILE, static_cast<rlim_t>(next.get()));
      next.reset();
      passed.pass_fd(to.get(), 9).start();
      lent.out(tee(to_fd(to.get()), capture())).start();
    }
    std::string number = std::to_string(to.get());
    for (process* p : {&passed, &lent}) {
      result r = co_await p->wait();
      EXPECT_EQ(r.how(), end_reason::spawn_failed);
      EXPECT_EQ(r.error(), std::errc::too_many_files_open);
      EXPECT_EQ(r.error_context(), "dup descriptor " + number + (p == &passed ? " to 9" : ""));
    }
  };
  sync_wait(body());
}

}  // namespace
}  // namespace execo::test
