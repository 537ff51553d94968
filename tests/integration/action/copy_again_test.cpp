// Copies that go on where an earlier one was, or leave out what is there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <execo/execo.hpp>
#include <filesystem>

#include "support/file_bytes.hpp"
#include "transfer_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::ElementsAre;

class copies_again : public transfer {
 protected:
  get get_of(const std::string& name) const {
    return get(path(name), "127.6.0.1", path("out")).ssh(how());
  }
  put put_of(const std::string& name) const {
    return put(path(name), "127.6.0.1", path("there/")).ssh(how());
  }
  /// Ends the copy when some has come.
  template <class Copy>
  static host_result cut(Copy copy) {
    context mine;
    copy.on(mine).max_rate(0, 512 * kib);
    auto wait = [&]() -> task<action_result> {
      copy.start();
      while (copy.progress().bytes_moved < 200 * kib) co_await sleep(5ms);
      copy.request_stop();
      co_return co_await copy.wait();
    };
    return sync_wait(mine, wait()).all().front();
  }
  template <class Copy>
  static void run_well(Copy& copy) {
    action_result all = sync_wait(copy.run());
    ASSERT_TRUE(all.ok()) << all.describe() << all.all()[0].err;
  }
  /// Several files, and a name with every byte that one can have.
  void make_large_tree() const {
    make_tree();
    std::string every;
    for (int c = 1; c < 256; ++c)
      if (c != '/') every += static_cast<char>(c);
    file("tree/" + every, bytes_of(4, 10 * kib));
    for (int i = 0; i < 10; ++i)
      file("tree/sub/" + std::to_string(i),
           bytes_of(10 + static_cast<std::uint64_t>(i), 100 * kib));
  }
  time_t time_of(const std::string& name) const {
    struct stat about {};
    EXPECT_EQ(::stat(path(name).c_str(), &about), 0);
    return about.st_mtim.tv_sec;
  }
  void set_time(const std::string& name, time_t seconds) const {
    timespec times[] = {{seconds, 0}, {seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times, 0), 0);
  }
};

TEST_F(copies_again, of_a_get_that_was_cut_go_on_where_it_was) {
  const std::string bytes = bytes_of(1, 3000 * kib + 5);
  file("log", bytes);
  EXPECT_EQ(cut(get_of("log").resume()).how(), end_reason::cancelled);
  EXPECT_EQ(names("out/127.6.0.1").size(), 1U) << "what has come is kept";
  get again = get_of("log").resume();
  run_well(again);
  EXPECT_GE(again.progress().bytes_skipped, 200 * kib);
  EXPECT_EQ(again.progress().bytes_skipped + again.progress().bytes_moved, bytes.size());
  EXPECT_EQ(file_bytes(path("out/127.6.0.1/log")), bytes);
  EXPECT_THAT(names("out/127.6.0.1"), ElementsAre("log"));
}

TEST_F(copies_again, of_a_get_leave_nothing_unless_they_are_asked_to) {
  file("log", bytes_of(1, 3000 * kib));
  EXPECT_EQ(cut(get_of("log")).how(), end_reason::cancelled);
  EXPECT_TRUE(names("out/127.6.0.1").empty());
}

TEST_F(copies_again, of_a_get_do_not_mix_two_versions_of_a_file) {
  file("log", bytes_of(1, 3000 * kib));
  set_time("log", 1'000'000'000);
  (void)cut(get_of("log").resume());
  const std::string bytes = bytes_of(2, 3000 * kib);
  file("log", bytes);
  set_time("log", 1'000'000'000);  // size and time are as they were
  action_result mixed = sync_wait(get_of("log").resume().run());
  EXPECT_EQ(mixed.all()[0].reason(), failure_reason::source_changed) << mixed.describe();
  EXPECT_TRUE(names("out/127.6.0.1").empty()) << "what is of no use is not kept";
  get again = get_of("log").resume();
  run_well(again);
  EXPECT_EQ(file_bytes(path("out/127.6.0.1/log")), bytes);
}

TEST_F(copies_again, of_a_get_leave_out_what_is_here) {
  std::uint64_t seed = 1;
  file("log", bytes_of(seed, 500 * kib));
  for (unchanged rule : {unchanged::by_digest, unchanged::by_time}) {
    get first = get_of("log").preserve();
    run_well(first);
    get again = get_of("log").preserve().skip_unchanged(rule);
    run_well(again);
    EXPECT_EQ(again.progress().bytes_moved, 0U);
    EXPECT_EQ(again.progress().bytes_skipped, 500 * kib);
    file("log", bytes_of(++seed, 500 * kib));
    set_time("log", static_cast<time_t>(1'000'000'000 + seed));
    get changed = get_of("log").preserve().skip_unchanged(rule);
    run_well(changed);
    EXPECT_EQ(changed.progress().bytes_moved, 500 * kib);
    EXPECT_EQ(file_bytes(path("out/127.6.0.1/log")), file_bytes(path("log")));
  }
}

TEST_F(copies_again, of_a_get_do_both_when_they_are_asked_to) {
  file("log", bytes_of(1, 500 * kib));
  for (std::uint64_t seed : {1U, 2U, 2U}) {
    file("log", bytes_of(seed, 500 * kib));
    get copy = get_of("log").resume().skip_unchanged(unchanged::by_digest);
    run_well(copy);
    EXPECT_EQ(file_bytes(path("out/127.6.0.1/log")), file_bytes(path("log")));
  }
  EXPECT_THAT(names("out/127.6.0.1"), ElementsAre("log"));
}

TEST_F(copies_again, of_a_put_leave_out_the_files_of_a_directory_that_are_there) {
  make_large_tree();
  fs::create_directories(path("there"));
  std::uint64_t seed = 100;
  for (unchanged rule : {unchanged::by_digest, unchanged::by_time}) {
    put first = put_of("tree").preserve();
    run_well(first);
    put again = put_of("tree").preserve().skip_unchanged(rule);
    run_well(again);
    EXPECT_LT(again.progress().bytes_moved, 60 * kib);
    EXPECT_EQ(again.progress().bytes_skipped + again.progress().bytes_moved,
              first.progress().bytes_moved);
    EXPECT_EQ(again.progress().files, 0U);
    file("tree/sub/3", bytes_of(++seed, 100 * kib));
    set_time("tree/sub/3", static_cast<time_t>(1'000'000'000 + seed));
    file("tree/sub/new", "new");
    put changed = put_of("tree").preserve().skip_unchanged(rule);
    run_well(changed);
    EXPECT_LT(changed.progress().bytes_moved, 160 * kib);
    EXPECT_EQ(changed.progress().files, 2U);
    EXPECT_TRUE(is_same("tree", "there/tree"));
    EXPECT_THAT(names("there"), ElementsAre("tree"));
    fs::remove(path("tree/sub/new"));
    fs::remove(path("there/tree/sub/new"));
  }
}

TEST_F(copies_again, of_a_put_leave_out_what_is_there_of_several_sources) {
  make_tree();
  file("one", bytes_of(5, 200 * kib));
  fs::create_directories(path("there"));
  const std::vector<std::string> both = {path("tree"), path("one")};
  for (bool is_first : {true, false}) {
    put copy =
        put(both, "127.6.0.1", path("there")).ssh(how()).skip_unchanged(unchanged::by_digest);
    run_well(copy);
    EXPECT_EQ(copy.progress().bytes_moved > 500 * kib, is_first);
    EXPECT_TRUE(is_same("tree", "there/tree"));
    EXPECT_EQ(file_bytes(path("there/one")), file_bytes(path("one")));
  }
}

TEST_F(copies_again, of_a_put_give_each_of_many_hosts_what_it_has_not) {
  make_large_tree();
  for (int i = 0; i < 20; ++i) {
    const std::string to = "to-" + std::to_string(i);
    fs::create_directories(path(to));
    if (i % 4 != 0)
      fs::copy(path("tree"), path(to + "/tree"),
               fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    if (i % 4 == 1) file(to + "/tree/sub/5", "short");
    if (i % 4 == 2) fs::remove(path(to + "/tree/sub/6"));
  }
  put copy = put(path("tree"), "127.6.0.[1-20]", path("to-{{{index}}}/"))
                 .ssh(how())
                 .fanout(20)
                 .skip_unchanged(unchanged::by_digest);
  run_well(copy);
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(is_same("tree", "to-" + std::to_string(i) + "/tree")) << i;
  EXPECT_GT(copy.progress().bytes_moved, 5U * 1300 * kib + 10U * 100 * kib);
  EXPECT_LT(copy.progress().bytes_moved, 5U * 1500 * kib + 10U * 150 * kib + 20U * 50 * kib);
}

TEST_F(copies_again, of_a_put_do_not_send_the_files_of_a_directory_that_had_come) {
  make_large_tree();
  fs::create_directories(path("there"));
  put whole = put_of("tree");
  run_well(whole);
  fs::remove_all(path("there/tree"));
  EXPECT_EQ(cut(put_of("tree").resume()).how(), end_reason::cancelled);
  EXPECT_TRUE(soon([&] { return fleet_.no_commands_left(); }));
  ASSERT_EQ(names("there").size(), 1U) << "what has come is kept";
  put again = put_of("tree").resume();
  run_well(again);
  EXPECT_GE(again.progress().bytes_skipped, 100 * kib);
  EXPECT_EQ(again.progress().bytes_skipped + again.progress().bytes_moved,
            whole.progress().bytes_moved);
  EXPECT_TRUE(is_same("tree", "there/tree"));
  EXPECT_THAT(names("there"), ElementsAre("tree"));
}

TEST_F(copies_again, of_a_put_do_not_believe_what_is_left_of_other_files) {
  make_large_tree();
  fs::create_directories(path("there"));
  (void)cut(put_of("tree").resume());
  EXPECT_TRUE(soon([&] { return fleet_.no_commands_left(); }));
  ASSERT_EQ(names("there").size(), 1U);
  file("there/" + names("there").front() + "/x/data/tree/a", "FIRST\n");  // as long as it was
  action_result mixed = sync_wait(put_of("tree").resume().run());
  EXPECT_EQ(mixed.all()[0].reason(), failure_reason::digest_mismatch) << mixed.describe();
  EXPECT_TRUE(names("there").empty());
  put again = put_of("tree").resume();
  run_well(again);
  EXPECT_TRUE(is_same("tree", "there/tree"));
}

TEST_F(copies_again, of_a_get_leave_out_the_files_of_a_directory_that_are_here) {
  make_large_tree();
  file("one", bytes_of(5, 200 * kib));
  auto copy_of = [this] {
    return get({path("tree"), path("one")}, "127.6.0.1", path("out")).ssh(how()).preserve();
  };
  std::uint64_t seed = 100;
  for (unchanged rule : {unchanged::by_digest, unchanged::by_time}) {
    get first = copy_of();
    run_well(first);
    get again = copy_of().skip_unchanged(rule);
    run_well(again);
    EXPECT_EQ(again.progress().bytes_moved, 0U);
    EXPECT_EQ(again.progress().files, 0U);
    file("tree/sub/3", bytes_of(++seed, 100 * kib));
    set_time("tree/sub/3", static_cast<time_t>(1'000'000'000 + seed));
    file("tree/sub/new", "new");
    get changed = copy_of().skip_unchanged(rule);
    run_well(changed);
    EXPECT_EQ(changed.progress().bytes_moved, 100 * kib + 3);
    EXPECT_EQ(changed.progress().files, 2U);
    EXPECT_TRUE(is_same("tree", "out/127.6.0.1/tree"));
    EXPECT_THAT(names("out/127.6.0.1"), ElementsAre("one", "tree"));
    fs::remove(path("tree/sub/new"));
    fs::remove(path("out/127.6.0.1/tree/sub/new"));
  }
}

TEST_F(copies_again, of_a_get_take_no_byte_of_a_directory_twice) {
  make_large_tree();
  EXPECT_EQ(cut(get_of("tree").resume()).how(), end_reason::cancelled);
  ASSERT_EQ(names("out/127.6.0.1").size(), 1U) << "what has come is kept";
  fs::remove(path("tree/sub/1"));  // what came earlier, and is no more, does not appear
  get again = get_of("tree").resume();
  run_well(again);
  EXPECT_GE(again.progress().bytes_skipped, 100 * kib);
  EXPECT_TRUE(is_same("tree", "out/127.6.0.1/tree"));
  EXPECT_THAT(names("out/127.6.0.1"), ElementsAre("tree"));
}

// -- of hosts that have no tar --------------------------------------------------------------------

/// The programs that hosts have while this is there.
class path_without_tar {
 protected:
  path_without_tar() {
    for (const char* folder : {"/bin", "/usr/bin"})
      for (const auto& one : fs::directory_iterator(folder)) {
        const std::string name = one.path().filename().string();
        std::error_code is_there;
        if (name != "tar") fs::create_symlink(one.path(), folder_.path() + "/" + name, is_there);
      }
    ::setenv("PATH", folder_.path().c_str(), 1);
  }
  ~path_without_tar() { ::setenv("PATH", before_.c_str(), 1); }

 private:
  const std::string before_ = ::getenv("PATH");
  scratch_directory folder_;
};

class copies_without_tar : private path_without_tar, public copies_again {
 protected:
  void SetUp() override {
    action_result all = sync_wait(remote("command -v tar", "127.6.0.1").ssh(how()).run());
    ASSERT_FALSE(all.ok()) << "the hosts have a tar";
  }
};

TEST_F(copies_without_tar, take_directories_all_the_same) {
  make_large_tree();
  fs::permissions(path("tree/none"), fs::perms(0555));
  file("one", bytes_of(5, 200 * kib));
  fs::create_directories(path("there"));
  const std::vector<std::string> both = {path("tree"), path("one")};
  put sent = put(both, "127.6.0.1", path("there")).ssh(how()).preserve();
  run_well(sent);
  EXPECT_TRUE(is_same("tree", "there/tree"));
  EXPECT_EQ(fs::status(path("there/tree/a")).permissions(), fs::perms(0750));
  EXPECT_EQ(fs::status(path("there/tree/none")).permissions(), fs::perms(0555));
  EXPECT_EQ(time_of("there/tree/sub"), time_of("tree/sub"));
  EXPECT_THAT(names("there"), ElementsAre("one", "tree"));

  get back = get({path("tree"), path("one")}, "127.6.0.1", path("out")).ssh(how());
  run_well(back);
  EXPECT_TRUE(is_same("tree", "out/127.6.0.1/tree"));
  EXPECT_EQ(file_bytes(path("out/127.6.0.1/one")), file_bytes(path("one")));
  EXPECT_EQ(fs::status(path("out/127.6.0.1/tree/a")).permissions(), fs::perms(0750));
}

TEST_F(copies_without_tar, send_only_what_is_not_there) {
  make_large_tree();
  fs::create_directories(path("there"));
  put first = put_of("tree");
  run_well(first);
  file("tree/sub/3", bytes_of(99, 100 * kib));
  put again = put_of("tree").skip_unchanged(unchanged::by_digest);
  run_well(again);
  EXPECT_LT(again.progress().bytes_moved, 180 * kib);
  EXPECT_TRUE(is_same("tree", "there/tree"));
}

TEST_F(copies_without_tar, leave_nothing_when_they_are_cut) {
  make_large_tree();
  fs::create_directories(path("there"));
  EXPECT_EQ(cut(put_of("tree")).how(), end_reason::cancelled);
  EXPECT_TRUE(soon([&] { return names("there").empty(); }));
}

TEST_F(copies_again, are_synced_to_the_disk_on_request) {
  make_tree();
  file("one", "text");
  fs::create_directories(path("there/tree"));
  for (const char* name : {"one", "tree"}) {
    action_result sent =
        sync_wait(put(path(name), "127.6.0.1", path("there/")).ssh(how()).sync().run());
    EXPECT_TRUE(sent.ok()) << sent.describe() << sent.all()[0].err;
    get back = get_of(std::string("there/") + name).sync();
    run_well(back);
  }
  EXPECT_TRUE(is_same("tree", "out/127.6.0.1/tree"));
  EXPECT_EQ(file_bytes(path("out/127.6.0.1/one")), "text");
}

}  // namespace
}  // namespace execo::test
