// Sinks and sources of commands on other hosts: the same as here, on our side of the connection.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/fd.hpp"
#include "fleet_way.hpp"
#include "leak_check.hpp"
#include "random_bytes.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::size_t kib = 1024;

class remote_stdio : public ::testing::Test {
 protected:
  remote_stdio() {
    char name[] = "/tmp/execo-remote-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~remote_stdio() override { fs::remove_all(folder_); }

  remote on_host(std::string_view text) { return on_hosts(text, 1); }
  remote on_hosts(std::string_view text, std::size_t count) {
    return remote(text, std::vector<host>(count, host("127.4.0.1"))).ssh(way_to(fleet_));
  }
  static host_result run(remote what) { return sync_wait(what.run()).all().front(); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fleet_fixture fleet_{"127.4.0.1"};

 private:
  fs::path folder_;
};

TEST_F(remote_stdio, output_goes_to_a_file_that_appears_whole) {
  const std::string bytes = random_bytes(1).take(1024 * kib);
  auto r = run(on_host("cat").input(bytes).out(to_file(path("out"))).err(append(path("err"))));
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_TRUE(file_bytes(path("out")) == bytes);
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(r.out_bytes(), bytes.size()) << "it came through us";
  auto cut = run(on_host("echo half; sleep 60").out(to_file(path("half"))).timeout(300ms));
  EXPECT_EQ(cut.how(), end_reason::timed_out) << cut.describe();
  EXPECT_EQ(files(), 2U);
}

TEST_F(remote_stdio, captures_have_all_their_policies) {
  const std::string bytes = random_bytes(2).take(1024 * kib);
  auto both = run(on_host("cat").input(bytes).out(capture(64 * kib, overflow::head_and_tail())));
  EXPECT_TRUE(both.out == bytes.substr(0, 32 * kib) + bytes.substr(bytes.size() - 32 * kib));
  EXPECT_EQ(both.out_dropped(), bytes.size() - 64 * kib);
  auto spilt = run(on_host("cat").input(bytes).out(capture(100, overflow::spill(path("rest")))));
  EXPECT_TRUE(spilt.out + file_bytes(path("rest")) == bytes);
  auto killed = run(on_host("yes").out(capture(100, overflow::kill())));
  EXPECT_EQ(killed.how(), end_reason::output_failed) << killed.describe();
  auto blocked = run(on_host("yes").out(capture(100, overflow::block())).timeout(500ms));
  EXPECT_EQ(blocked.how(), end_reason::timed_out) << blocked.describe();
  EXPECT_LT(blocked.out.size(), 2048 * kib);
}

TEST_F(remote_stdio, handlers_and_tees_get_every_byte) {
  std::vector<std::string> seen;
  auto add = [&](std::string_view line) { seen.emplace_back(line); };
  auto r = run(on_host("echo a; echo b >&2; echo c")
                   .out(tee(lines(add), append(path("log")), capture()))
                   .err(merged()));
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_EQ(r.out.size(), 6U);
  EXPECT_EQ(file_bytes(path("log")), r.out);
  EXPECT_EQ(r.err, "");
}

TEST_F(remote_stdio, input_comes_from_files_and_descriptors) {
  const std::string bytes = random_bytes(3).take(1024 * kib);
  const std::string in = file("in", bytes);
  EXPECT_TRUE(run(on_host("cat").in(from_file(in))).out == bytes);
  detail::unique_fd fd(::open(in.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(run(on_host("cat").in(from_fd(fd.get()))).out == bytes);
  EXPECT_TRUE(run(on_host("cat").in(text(bytes))).out == bytes);
  EXPECT_TRUE(run(on_host("exit 0").in(from_file(in))).ok()) << "it need not read it";
  auto missing = run(on_host("cat").in(from_file(path("none"))));
  EXPECT_EQ(missing.how(), end_reason::spawn_failed);
  EXPECT_THAT(missing.describe(), HasSubstr("open " + path("none")));
}

TEST_F(remote_stdio, a_full_disk_ends_the_command) {
  auto r = run(on_host("yes").out(to_file("/dev/full")));
  EXPECT_EQ(r.how(), end_reason::output_failed) << r.describe();
  EXPECT_TRUE(r.error() == std::errc::no_space_on_device);
  EXPECT_EQ(r.error_context(), "write /dev/full");
}

TEST_F(remote_stdio, a_terminal_has_its_size_and_ends_its_input_with_a_key) {
  auto r =
      run(on_host("test -t 0 && test -t 2 && stty size; stty -echo; echo go; cat; echo err >&2")
              .pty(33, 99)
              .input("a line\nand half of one"));
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_THAT(r.out, HasSubstr("33 99\r\n"));
  EXPECT_THAT(r.out, HasSubstr("a line\r\n"));
  EXPECT_THAT(r.out, ::testing::EndsWith("and half of oneerr\r\n"));
  EXPECT_EQ(r.err, "");
  EXPECT_TRUE(run(on_host("cat").pty(24, 80)).ok()) << "no input is its end at once";
  auto w = run(on_host("tty; cat").pty(24, 80).in(from_file(file("lines", "one\ntwo\n"))));
  EXPECT_TRUE(w.ok()) << w.dump();
  EXPECT_THAT(w.out, HasSubstr("two\r\n"));
}

// The hosts begin when the caller has gone on, most of them one after the other.
TEST_F(remote_stdio, names_what_it_did_at_the_start_for_every_host_of_an_action) {
  detail::unique_fd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto open_descriptors = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  fs::create_directory(path("then"));
  fs::create_directory(path("later"));
  const std::string in = file("in", "given");
  context c;
  detail::unique_fd out(
      ::open(path("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0666));
  ASSERT_EQ(::chdir(path("then").c_str()), 0);
  auto before = open_descriptors();
  auto all = on_hosts("cat; echo >&2", 12).on(c.ring(0)).fanout(3);
  all.in(from_file("../in")).out(tee(to_fd(out.get()), append("log"))).err(append("err"));
  all.start();
  EXPECT_LE(open_descriptors(), before + 2) << "one for the descriptor, one for the directory";
  ASSERT_EQ(::chdir(path("later").c_str()), 0);
  detail::unique_fd other(::open(in.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::dup2(other.get(), out.get()), out.get());
  const action_result end = sync_wait(c, all.run());
  ASSERT_EQ(::fchdir(here.get()), 0);
  EXPECT_TRUE(end.ok()) << end.all().front().describe();
  std::string twelve;
  for (int i = 0; i < 12; ++i) twelve += "given";
  EXPECT_EQ(file_bytes(path("out")), twelve);
  EXPECT_EQ(file_bytes(path("then/log")), twelve);
  EXPECT_EQ(file_bytes(path("then/err")), std::string(12, '\n'));
  EXPECT_TRUE(fs::is_empty(path("later")));
}

TEST_F(remote_stdio, reads_keys_and_known_hosts_where_they_were_when_it_was_configured) {
  detail::unique_fd here(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  ssh_options how;
  how.port = fleet_.port();
  how.identities.push_back(fs::path(fleet_.identity()).filename());
  how.known_hosts = fs::path(fleet_.known_hosts()).filename();
  ASSERT_EQ(::chdir(fs::path(fleet_.identity()).parent_path().c_str()), 0);
  auto all = remote("echo x", "127.4.0.1").ssh(how);
  ASSERT_EQ(::chdir(path("").c_str()), 0);
  const action_result end = sync_wait(all.run());
  ASSERT_EQ(::fchdir(here.get()), 0);
  EXPECT_TRUE(end.ok()) << end.all().front().describe();
}

TEST_F(remote_stdio, lets_a_lent_pipe_go_with_the_last_host) {
  accept_default_context();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  detail::unique_fd read_end(ends[0]), write_end(ends[1]);
  auto all = on_hosts("echo x", 4).fanout(1);
  all.out(to_fd(write_end.get())).start();
  write_end.reset();
  // Until its end, while the action goes on and its handle stays.
  std::string said;
  char byte = 0;
  while (::read(read_end.get(), &byte, 1) == 1) said += byte;
  EXPECT_EQ(said, "x\nx\nx\nx\n");
  EXPECT_TRUE(sync_wait(all.run()).ok());
}

TEST_F(remote_stdio, a_descriptor_that_is_not_open_is_the_end_of_each_host) {
  auto end = sync_wait(on_hosts("echo x", 2).out(to_fd(987)).run());
  for (const host_result& r : end.all()) {
    EXPECT_EQ(r.how(), end_reason::spawn_failed);
    EXPECT_EQ(r.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(r.error_context(), "descriptor 987");
  }
  EXPECT_EQ(end.all().size(), 2U);
}

}  // namespace
}  // namespace execo::test
