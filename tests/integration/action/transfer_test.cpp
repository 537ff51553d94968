// Files to and from hosts, against the fleet: it runs the scripts as an ssh server does.
#include <execo/transfer.hpp>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fleet_fixture.hpp"
#include "leak_check.hpp"
#include "random_bytes.hpp"
#include "sshd_fixture.hpp"
#include "support/file_bytes.hpp"
#include "transfer_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using put_files = transfer;
using get_files = transfer;

TEST_F(put_files, a_file_arrives_whole_under_its_name_or_a_new_one) {
  const std::string bytes = bytes_of(1, 3000 * kib + 17);
  file("in.bin", bytes);
  fs::create_directories(path("d"));
  host_result r = put_one({path("in.bin")}, path("d"));
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  EXPECT_EQ(file_bytes(path("d/in.bin")), bytes);
  ASSERT_TRUE(put_one({path("in.bin")}, path("d/")).ok());
  ASSERT_TRUE(put_one({path("in.bin")}, path("d/new")).ok());
  EXPECT_EQ(file_bytes(path("d/new")), bytes);
  EXPECT_THAT(names("d"), ElementsAre("in.bin", "new"));
}

TEST_F(put_files, one_without_a_byte_arrives_as_well) {
  file("empty", "");
  host_result r = put_one({path("empty")}, path("new"));
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  EXPECT_TRUE(fs::is_empty(path("new")));
}

TEST_F(put_files, a_directory_arrives_with_all_that_is_in_it) {
  make_tree();
  fs::create_directories(path("d"));
  host_result r = put_one({path("tree")}, path("d/"));
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  EXPECT_TRUE(is_same("tree", "d/tree"));
  EXPECT_EQ(fs::status(path("d/tree/a")).permissions(), fs::perms(0750));
  ASSERT_TRUE(put_one({path("tree")}, path("d/other")).ok());
  EXPECT_TRUE(is_same("tree", "d/other"));
  EXPECT_THAT(names("d"), ElementsAre("other", "tree"));
}

TEST_F(put_files, a_directory_is_added_to_one_that_is_there) {
  make_tree();
  file("d/tree/old", "old");
  file("d/tree/a", "before");
  file("d/tree/sub/old", "old");
  host_result r = put_one({path("tree")}, path("d"));
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  EXPECT_EQ(file_bytes(path("d/tree/a")), "first\n");
  EXPECT_EQ(file_bytes(path("d/tree/old")), "old");
  fs::remove(path("d/tree/old"));
  fs::remove(path("d/tree/sub/old"));
  EXPECT_TRUE(is_same("tree", "d/tree"));
}

TEST_F(put_files, several_sources_and_patterns_go_into_a_directory) {
  file("x/1.txt", "1");
  file("x/2.txt", "2");
  file("x/3.bin", "3");
  make_tree();
  fs::create_directories(path("d"));
  host_result r = put_one({path("x/*.txt"), path("tree")}, path("d"));
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  EXPECT_THAT(names("d"), ElementsAre("1.txt", "2.txt", "tree"));
  EXPECT_TRUE(is_same("tree", "d/tree"));
  host_result missing = put_one({path("x/*")}, path("none/"));
  EXPECT_EQ(missing.how(), end_reason::transfer_failed) << missing.describe();
  EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
}

TEST_F(put_files, times_and_modes_are_kept_on_request) {
  file("a", "text");
  fs::permissions(path("a"), fs::perms(0664));
  timespec times[] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path("a").c_str(), times, 0), 0);
  action_result all = sync_wait(put(path("a"), "127.6.0.1", path("b")).ssh(how()).preserve().run());
  ASSERT_TRUE(all.ok()) << all.describe();
  struct stat about {};
  ASSERT_EQ(::stat(path("b").c_str(), &about), 0);
  EXPECT_EQ(about.st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(about.st_mode & 07777, 0664U);
}

TEST_F(put_files, owners_are_kept_on_request_where_root_copies) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  make_tree();
  auto owner = [&](const std::string& name) {
    struct stat about {};
    EXPECT_EQ(::lstat(path(name).c_str(), &about), 0) << name;
    return std::pair(about.st_uid, about.st_gid);
  };
  using owners = std::pair<uid_t, gid_t>;
  for (const char* name : {"tree/a", "tree/sub", "tree/sub/link", "tree/none"})
    ASSERT_EQ(::lchown(path(name).c_str(), 1234, 5678), 0);
  for (bool preserves : {true, false}) {
    const std::string to = preserves ? "kept" : "new";
    fs::create_directories(path(to));
    for (const char* source : {"tree", "tree/a"}) {
      put copy = put(path(source), "127.6.0.1", path(to)).ssh(how());
      if (preserves) copy.preserve();
      const action_result end = sync_wait(copy.run());
      ASSERT_TRUE(end.ok()) << end.describe();
    }
    const owners expected = preserves ? owners(1234, 5678) : owners(0, 0);
    for (const char* name : {"/a", "/tree/a", "/tree/sub", "/tree/sub/link", "/tree/none"})
      EXPECT_EQ(owner(to + name), expected) << to << name;
    EXPECT_EQ(owner(to + "/tree/sub/empty"), owners(0, 0));
  }
}

TEST_F(put_files, references_are_those_of_each_host) {
  for (int i = 1; i <= 3; ++i) file("conf/127.6.0." + std::to_string(i), "of " + std::to_string(i));
  auto copy = put(path("conf/{{{host}}}"), "127.6.0.[1-4]", path("to-{{{host}}}-{{x}}"))
                  .subst("x", {"a", "b"})
                  .ssh(how());
  action_result all = sync_wait(copy.run());
  EXPECT_EQ(all.stats().ok, 3U) << all.describe();
  EXPECT_EQ(file_bytes(path("to-127.6.0.1-a")), "of 1");
  EXPECT_EQ(file_bytes(path("to-127.6.0.2-b")), "of 2");
  const host_result& missing = all["127.6.0.4"];
  EXPECT_EQ(missing.how(), end_reason::transfer_failed);
  EXPECT_EQ(missing.error(), std::errc::no_such_file_or_directory);
  EXPECT_THAT(missing.error_context(), HasSubstr("conf/127.6.0.4"));
}

TEST_F(put_files, a_source_that_is_not_there_is_an_error_of_the_start) {
  auto copy = put(path("nothing"), "127.6.0.1", path("d")).ssh(how());
  try {
    (void)sync_wait(copy.run());
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("nothing: No such file"));
  }
}

TEST_F(put_files, each_failure_has_an_end_of_its_own_with_the_path) {
  file("a", "text");
  const std::string a = path("a");
  expect_failure(put_one({a}, path("no/such/place")), std::errc::no_such_file_or_directory,
                 "no/such");
  fs::create_directories(path("d/a"));
  expect_failure(put_one({a}, path("d")), std::errc::is_a_directory, "d/a");
  file("f", "");
  expect_failure(put_one({a}, path("f/")), std::errc::not_a_directory, "/f");
  expect_failure(put_one({a}, path("f/x")), std::errc::not_a_directory, "/f");
  expect_failure(put_one({a}, path(std::string(300, 'n'))), std::errc::filename_too_long, "nnn");
  make_tree();
  expect_failure(put_one({path("tree")}, path("f")), std::errc::not_a_directory, "/f");
  EXPECT_THAT(names(""), ElementsAre("a", "d", "f", "tree"));
  EXPECT_THAT(names("d"), ElementsAre("a"));
}

TEST_F(put_files, what_is_there_already_is_not_sent_on_request) {
  std::uint64_t seed = 1;
  file("a", bytes_of(seed, 500 * kib));
  for (unchanged rule : {unchanged::by_digest, unchanged::by_time}) {
    auto first = put(path("a"), "127.6.0.[1-2]", path("b-{{{host}}}")).ssh(how()).preserve();
    ASSERT_TRUE(sync_wait(first.run()).ok());
    auto again = put(path("a"), "127.6.0.[1-2]", path("b-{{{host}}}"))
                     .ssh(how())
                     .preserve()
                     .skip_unchanged(rule);
    ASSERT_TRUE(sync_wait(again.run()).ok());
    EXPECT_EQ(again.progress().bytes_moved, 0U);
    EXPECT_EQ(again.progress().bytes_skipped, 1000 * kib);
    file("a", bytes_of(++seed, 500 * kib));
    auto changed = put(path("a"), "127.6.0.[1-2]", path("b-{{{host}}}"))
                       .ssh(how())
                       .preserve()
                       .skip_unchanged(rule);
    const timespec then{static_cast<time_t>(1'000'000'000 + seed), 0};
    timespec times[] = {then, then};
    ASSERT_EQ(::utimensat(AT_FDCWD, path("a").c_str(), times, 0), 0);
    ASSERT_TRUE(sync_wait(changed.run()).ok());
    EXPECT_EQ(changed.progress().bytes_moved, 1000 * kib);
    EXPECT_EQ(file_bytes(path("b-127.6.0.2")), file_bytes(path("a")));
  }
}

TEST_F(put_files, a_broken_copy_goes_on_where_it_was) {
  const std::string bytes = bytes_of(1, 2000 * kib);
  file("a", bytes);
  // As a receiver leaves it whose connection was lost.
  file(kept_folder("a", "d/a") + "/part", bytes.substr(0, 1234 * kib));
  auto copy = put(path("a"), "127.6.0.1", path("d/a")).ssh(how()).resume();
  action_result all = sync_wait(copy.run());
  ASSERT_TRUE(all.ok()) << all.describe();
  EXPECT_EQ(copy.progress().bytes_moved, (2000 - 1234) * kib);
  EXPECT_EQ(file_bytes(path("d/a")), bytes);
  EXPECT_THAT(names("d"), ElementsAre("a"));
}

TEST_F(put_files, what_was_left_by_another_file_is_not_believed) {
  const std::string bytes = bytes_of(1, 500 * kib);
  file("a", bytes);
  file(kept_folder("a", "d/a") + "/part", "something else");
  auto copy = put(path("a"), "127.6.0.1", path("d/a")).ssh(how()).resume();
  action_result all = sync_wait(copy.run());
  EXPECT_EQ(all.all()[0].reason(), failure_reason::digest_mismatch) << all.describe();
  EXPECT_THAT(names("d"), IsEmpty());
  EXPECT_TRUE(sync_wait(put(path("a"), "127.6.0.1", path("d/a")).ssh(how()).resume().run()).ok());
}

TEST_F(put_files, many_hosts_share_what_is_read) {
  const std::string bytes = bytes_of(1, 1500 * kib);
  file("a", bytes);
  auto copy = put(path("a"), "127.6.0.[1-20]", path("to-{{{index}}}")).ssh(how()).fanout(20);
  action_result all = sync_wait(copy.run());
  ASSERT_TRUE(all.ok()) << all.describe();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(file_bytes(path("to-" + std::to_string(i))), bytes);
  copy_progress end = copy.progress();
  EXPECT_EQ(end.bytes_moved, 20 * bytes.size());
  EXPECT_EQ(end.files, 20U);
  EXPECT_EQ(end.hosts_done, 20U);
}

TEST_F(put_files, a_stop_leaves_nothing_behind) {
  file("a", bytes_of(1, 8000 * kib));
  fs::create_directories(path("d"));
  auto copy =
      put(path("a"), "127.6.0.[1-5]", path("d/{{{host}}}")).ssh(how()).max_rate(0, 100 * kib);
  context mine;
  copy.on(mine);
  copy.start();
  auto wait = [&]() -> task<action_result> {
    while (copy.progress().bytes_moved < 5 * 64 * kib) co_await sleep(5ms);
    copy.request_stop();
    co_return co_await copy.wait();
  };
  action_result all = sync_wait(mine, wait());
  for (const host_result& r : all.all()) EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
  EXPECT_TRUE(soon([&] { return names("d").empty(); }));
}

TEST_F(put_files, a_copy_that_stands_still_is_ended) {
  file("a", bytes_of(1, 8000 * kib));
  fs::create_directories(path("d"));
  auto copy =
      put(path("a"), "127.6.0.1", path("d/x")).ssh(how()).max_rate(1024).idle_timeout(300ms);
  action_result all = sync_wait(copy.run());
  const host_result& r = all.all()[0];
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.phase(), phase::idle);
  EXPECT_TRUE(soon([&] { return names("d").empty(); }));
}

TEST_F(put_files, each_copy_is_in_the_journal_of_its_action) {
  file("a", "text");
  auto copy =
      put(path("a"), "127.6.0.[1-2]", path("b-{{{host}}}")).ssh(how()).journal(path("run.ndjson"));
  ASSERT_TRUE(sync_wait(copy.run()).ok());
  std::size_t attempts = 0;
  std::size_t ends = 0;
  std::istringstream lines(file_bytes(path("run.ndjson")));
  for (std::string line; std::getline(lines, line);) {
    attempts += line.find(R"("record":"attempt")") != line.npos ? 1 : 0;
    ends += line.find(R"("record":"end")") != line.npos ? 1 : 0;
  }
  EXPECT_EQ(attempts, 2U);
  EXPECT_EQ(ends, 2U);
}

TEST_F(get_files, a_file_of_each_host_gets_a_place_of_its_own) {
  const std::string bytes = bytes_of(1, 700 * kib + 5);
  file("log", bytes);
  auto copy = get(path("log"), "127.6.0.[1-3]", path("logs")).ssh(how());
  action_result all = sync_wait(copy.run());
  ASSERT_TRUE(all.ok()) << all.describe() << all.all()[0].err;
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(file_bytes(path("logs/127.6.0." + std::to_string(i) + "/log")), bytes);
  EXPECT_EQ(copy.progress().files, 3U);
  action_result named =
      sync_wait(get(path("log"), "127.6.0.[1-3]", path("out/{{{host}}}.log")).ssh(how()).run());
  ASSERT_TRUE(named.ok()) << named.describe();
  EXPECT_THAT(names("out"), ElementsAre("127.6.0.1.log", "127.6.0.2.log", "127.6.0.3.log"));
}

TEST_F(get_files, directories_and_patterns_come_whole) {
  make_tree();
  file("x/1.txt", "1");
  file("x/2.txt", "2");
  host_result r = get_one({path("tree"), path("x/*.txt")}, path("out"));
  ASSERT_TRUE(r.ok()) << r.describe() << r.err;
  EXPECT_THAT(names("out/127.6.0.1"), ElementsAre("1.txt", "2.txt", "tree"));
  EXPECT_TRUE(is_same("tree", "out/127.6.0.1/tree"));
}

TEST_F(get_files, two_hosts_never_have_one_place) {
  for (const char* to : {"out/{{x}}/", "out"}) {
    auto copy = get(path("log"), std::vector<std::string>{"127.6.0.1", "127.6.0.1"}, path(to))
                    .subst("x", {"same"})
                    .ssh(how());
    EXPECT_THROW((void)sync_wait(copy.run()), std::invalid_argument) << to;
  }
}

TEST_F(get_files, of_more_bytes_than_may_come_leave_nothing) {
  file("x/1", bytes_of(1, 60 * kib));
  file("x/2", bytes_of(2, 60 * kib));
  auto from = [&](const char* source) {
    auto copy = get(path(source), "127.6.0.1", path("out")).ssh(how()).max_size(0, 100 * kib);
    return sync_wait(copy.run()).all().front();
  };
  expect_failure(from("x"), std::errc::file_too_large, "of each host");
  EXPECT_THAT(names("out/127.6.0.1"), ElementsAre());
  const host_result good = from("x/1");
  EXPECT_TRUE(good.ok()) << good.describe();
}

TEST_F(get_files, each_failure_has_an_end_of_its_own_with_the_path) {
  expect_failure(get_one({path("nothing")}, path("out")), std::errc::no_such_file_or_directory,
                 "nothing");
  expect_failure(get_one({path("n*")}, path("out")), std::errc::no_such_file_or_directory, "n*");
  file("log", "x");
  fs::create_directories(path("out/127.6.0.1/log"));
  expect_failure(get_one({path("log")}, path("out")), std::errc::is_a_directory, "log");
  file("plain", "x");
  expect_failure(get_one({path("log")}, path("plain")), std::errc::not_a_directory, "plain");
  EXPECT_THAT(names("out/127.6.0.1"), ElementsAre("log"));
}

// -- against OpenSSH's own server -----------------------------------------------------------------

class transfer_over_sshd : public transfer {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd here";
  }
  static ssh_options way_to(const sshd_fixture& server, ssh_client via) {
    ssh_options options;
    options.port = server.port();
    options.identities.push_back(server.identity());
    options.host_key_policy = host_keys::ignore;
    options.via = via;
    return options;
  }
};

TEST_F(transfer_over_sshd, comes_and_goes_whole_with_either_client) {
  sshd_fixture server;
  make_tree();
  const std::string bytes = bytes_of(1, 5000 * kib);
  file("big", bytes);
  for (ssh_client via : {ssh_client::built_in, ssh_client::openssh}) {
    const std::string name = via == ssh_client::openssh ? "openssh" : "libssh";
    fs::create_directories(path(name));
    ssh_options options = way_to(server, via);
    action_result sent =
        sync_wait(put({path("tree"), path("big")}, "127.0.0.1", path(name)).ssh(options).run());
    ASSERT_TRUE(sent.ok()) << sent.describe() << sent.all()[0].err;
    EXPECT_TRUE(is_same("tree", name + "/tree"));
    EXPECT_EQ(file_bytes(path(name + "/big")), bytes);
    action_result one =
        sync_wait(put(path("big"), "127.0.0.1", path(name + "/again")).ssh(options).run());
    ASSERT_TRUE(one.ok()) << one.describe();
    EXPECT_EQ(file_bytes(path(name + "/again")), bytes);
    action_result come = sync_wait(
        get({path(name + "/big"), path(name + "/tree")}, "127.0.0.1", path(name + "/back"))
            .ssh(options)
            .run());
    ASSERT_TRUE(come.ok()) << come.describe() << come.all()[0].err;
    EXPECT_TRUE(is_same("tree", name + "/back/127.0.0.1/tree"));
    EXPECT_EQ(file_bytes(path(name + "/back/127.0.0.1/big")), bytes);
  }
}

TEST_F(transfer_over_sshd, needs_no_particular_login_shell) {
  sshd_fixture server;
  make_tree();
  fs::permissions(folder_.path(), fs::perms(0777));
  int shells = 0;
  for (const char* shell : {"bash", "dash", "ksh93", "zsh", "csh", "tcsh", "fish"}) {
    const std::string user = server.user_with_shell(shell);
    if (user.empty()) continue;
    ++shells;
    const std::string to = path(std::string("of-") + shell);
    fs::create_directories(to);
    fs::permissions(to, fs::perms(0777));
    ssh_options options = way_to(server, ssh_client::built_in);
    options.user = user;
    action_result sent = sync_wait(put(path("tree"), "127.0.0.1", to + "/").ssh(options).run());
    EXPECT_TRUE(sent.ok()) << shell << ": " << sent.describe() << sent.all()[0].err;
    action_result back = sync_wait(get(to + "/tr*", "127.0.0.1", to + "/back").ssh(options).run());
    EXPECT_TRUE(back.ok()) << shell << ": " << back.describe() << back.all()[0].err;
    EXPECT_TRUE(is_same("tree", std::string("of-") + shell + "/back/127.0.0.1/tree")) << shell;
  }
  if (shells == 0) GTEST_SKIP() << "no user with another shell here";
}

TEST_F(transfer_over_sshd, has_the_ends_of_an_ordinary_user) {
  sshd_fixture server;
  if (server.ordinary_user().empty()) GTEST_SKIP() << "no other user here";
  file("a", "text");
  fs::permissions(folder_.path(), fs::perms(0755));
  fs::create_directories(path("closed"));
  ssh_options options = way_to(server, ssh_client::built_in);
  options.user = server.ordinary_user();
  action_result all = sync_wait(put(path("a"), "127.0.0.1", path("closed/a")).ssh(options).run());
  expect_failure(all.all()[0], std::errc::permission_denied, "closed");
  fs::permissions(path("a"), fs::perms(0600));
  action_result back = sync_wait(get(path("a"), "127.0.0.1", path("out")).ssh(options).run());
  expect_failure(back.all()[0], std::errc::permission_denied, "a");
}

}  // namespace
}  // namespace execo::test
