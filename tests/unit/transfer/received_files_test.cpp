// What a host sends stays where it belongs, whatever names and links it sends.
#include "transfer/received_files.hpp"
#include "support/file_bytes.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fleet_fixture.hpp"

namespace execo::detail {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class received : public ::testing::Test {
 protected:
  /// The first bytes of that file have come when its copy is cut.
  void keep_abc_of(const tar_entry& sent) {
    received_files to(into("d"), false);
    std::uint64_t have = 1;
    ASSERT_FALSE(to.open_kept());
    ASSERT_FALSE(to.on_kept_entry(sent, have));
    EXPECT_EQ(have, 0U);
    ASSERT_FALSE(to.on_contents(std::span<const char>("abc", 3)));
    to.keep();
  }
  static tar_entry entry(tar_entry::kind what, const std::string& name,
                         const std::string& target = {}) {
    tar_entry made;
    made.what = what;
    made.name = name;
    made.target = target;
    made.mode = 0644;
    return made;
  }
  static tar_entry directory(const std::string& name) {
    tar_entry made = entry(tar_entry::kind::directory, name);
    made.mode = 0755;
    return made;
  }
  static copy_failure add(received_files& to, const std::string& name, const std::string& text) {
    copy_failure failed = to.on_entry(entry(tar_entry::kind::file, name));
    if (!failed) failed = to.on_contents(std::span<const char>(text));
    return failed ? failed : to.on_contents_end();
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  received_place into(const std::string& name) const {
    received_place where;
    where.path = path(name);
    return where;
  }
  std::string contents(const std::string& name) const { return test::file_bytes(path(name)); }
  std::vector<std::string> names(const std::string& of) const {
    std::vector<std::string> found;
    for (const auto& one : fs::directory_iterator(path(of)))
      found.push_back(one.path().filename().string());
    std::ranges::sort(found);
    return found;
  }

  test::scratch_directory folder_;
};

TEST_F(received, get_their_names_only_when_all_has_come) {
  received_files to(into("d"), false);
  ASSERT_FALSE(to.open());
  ASSERT_FALSE(to.on_entry(directory("top/")));
  ASSERT_FALSE(add(to, "top/a", "one"));
  EXPECT_FALSE(fs::exists(path("d/top")));
  copy_failure failed = to.publish();
  ASSERT_FALSE(failed) << failed.context;
  EXPECT_EQ(contents("d/top/a"), "one");
  EXPECT_THAT(names("d"), ElementsAre("top"));
  EXPECT_EQ(to.files(), 1U);
}

TEST_F(received, are_no_more_than_may_come_of_a_host_and_of_all) {
  constexpr std::uint64_t of_a_name = received_room::of_a_name;
  auto limits = std::make_shared<received_limits>(2 * of_a_name + 8, of_a_name + 5);
  auto sent = [](std::uint64_t size) {
    tar_entry made = entry(tar_entry::kind::file, "a");
    made.size = size;
    return made;
  };
  {
    received_files too_large(into("d"), false, false, limits);
    ASSERT_FALSE(too_large.open());
    const copy_failure failed = too_large.on_entry(sent(6));
    EXPECT_EQ(failed.why, std::errc::file_too_large);
    EXPECT_THAT(failed.context, HasSubstr("/a: more than the 517 bytes that may come of each"));
  }
  // What that one has taken is there again; what this one has taken stays so.
  received_files first(into("e"), false, false, limits);
  ASSERT_FALSE(first.open());
  ASSERT_FALSE(first.on_entry(sent(5)));
  ASSERT_FALSE(first.on_contents_end());
  ASSERT_FALSE(first.publish());
  received_files second(into("f"), false, false, limits);
  ASSERT_FALSE(second.open());
  EXPECT_THAT(second.on_entry(sent(4)).context, HasSubstr("of all hosts together"));
  second.abandon();
  received_files third(into("g"), false, false, limits);
  ASSERT_FALSE(third.open());
  EXPECT_FALSE(third.on_entry(sent(3)));
  EXPECT_EQ(limits->taken.load(), 2 * of_a_name + 8);
}

TEST_F(received, are_no_endless_row_of_names) {
  auto limits = std::make_shared<received_limits>(0, 10 * received_room::of_a_name);
  received_files to(into("d"), false, false, limits);
  ASSERT_FALSE(to.open());
  int names = 0;
  while (!to.on_entry(directory("d" + std::to_string(names)))) ASSERT_LT(++names, 11);
  EXPECT_EQ(names, 10);
}

TEST_F(received, leave_nothing_when_they_are_given_up) {
  {
    received_files to(into("d"), false);
    ASSERT_FALSE(to.open());
    ASSERT_FALSE(add(to, "a", "one"));
  }
  EXPECT_THAT(names("d"), ElementsAre());
}

TEST_F(received, are_refused_under_names_that_lead_elsewhere) {
  received_files to(into("d"), false);
  ASSERT_FALSE(to.open());
  for (const char* name : {"../a", "/etc/a", "b/../../a", "..", "b/.."})
    EXPECT_EQ(add(to, name, "x").why, std::errc::bad_message) << name;
  EXPECT_EQ(add(to, std::string("a\0b", 3), "x").why, std::errc::bad_message);
  EXPECT_EQ(to.on_entry(entry(tar_entry::kind::hard_link, "h", "../../etc/passwd")).why,
            std::errc::bad_message);
}

TEST_F(received, follow_no_link_that_came_with_them) {
  fs::create_directories(path("outside"));
  received_files to(into("d"), false);
  ASSERT_FALSE(to.open());
  ASSERT_FALSE(to.on_entry(entry(tar_entry::kind::link, "way", path("outside"))));
  EXPECT_TRUE(add(to, "way/a", "x"));
  ASSERT_FALSE(to.on_entry(entry(tar_entry::kind::link, "file", path("outside/b"))));
  EXPECT_TRUE(add(to, "file", "x"));
  ASSERT_FALSE(to.publish());
  EXPECT_THAT(names("outside"), ElementsAre());
  EXPECT_THAT(names("d"), ElementsAre("file", "way"));
}

TEST_F(received, follow_no_link_that_came_with_an_earlier_copy) {
  fs::create_directories(path("outside"));
  fs::create_directories(path("d"));
  fs::create_symlink(path("outside"), path("d/way"));
  received_files to(into("d"), false);
  ASSERT_FALSE(to.open());
  ASSERT_FALSE(to.on_entry(directory("way")));
  ASSERT_FALSE(add(to, "way/a", "x"));
  EXPECT_EQ(to.publish().why, std::errc::not_a_directory);
  EXPECT_THAT(names("outside"), ElementsAre());
  EXPECT_THAT(names("d"), ElementsAre("way"));
}

TEST_F(received, are_added_to_a_directory_that_is_there) {
  fs::create_directories(path("d/top"));
  std::ofstream(path("d/top/old")) << "old";
  std::ofstream(path("d/top/a")) << "before";
  received_files to(into("d"), false);
  ASSERT_FALSE(to.open());
  ASSERT_FALSE(to.on_entry(directory("top")));
  ASSERT_FALSE(add(to, "top/a", "new"));
  ASSERT_FALSE(to.publish());
  EXPECT_EQ(contents("d/top/a"), "new");
  EXPECT_EQ(contents("d/top/old"), "old");
}

TEST_F(received, do_not_take_the_place_of_a_directory) {
  fs::create_directories(path("d/a"));
  received_files to(into("d"), false);
  ASSERT_FALSE(to.open());
  ASSERT_FALSE(add(to, "a", "x"));
  copy_failure failed = to.publish();
  EXPECT_EQ(failed.why, std::errc::is_a_directory);
  EXPECT_THAT(failed.context, HasSubstr("/d/a"));
  EXPECT_THAT(names("d"), ElementsAre("a"));
}

TEST_F(received, take_a_new_name_when_that_is_no_directory) {
  received_place where = into("sub/new");
  where.is_directory = false;
  received_files to(where, false);
  ASSERT_FALSE(to.open());
  ASSERT_FALSE(add(to, "a", "x"));
  ASSERT_FALSE(to.publish());
  EXPECT_EQ(contents("sub/new"), "x");

  received_files several(where, false);
  ASSERT_FALSE(several.open());
  ASSERT_FALSE(add(several, "a", "x"));
  ASSERT_FALSE(add(several, "b", "x"));
  EXPECT_EQ(several.publish().why, std::errc::not_a_directory);
  EXPECT_THAT(names("sub"), ElementsAre("new"));
}

TEST_F(received, go_on_with_the_part_of_a_file_that_is_kept) {
  tar_entry sent = entry(tar_entry::kind::file, "top/a");
  sent.size = 6;
  keep_abc_of(sent);
  std::uint64_t have = 0;
  ASSERT_EQ(names("d").size(), 1U);
  received_files again(into("d"), false);
  ASSERT_FALSE(again.open_kept());
  ASSERT_FALSE(again.on_kept_entry(sent, have));
  EXPECT_EQ(have, 3U);
  ASSERT_FALSE(again.on_contents(std::span<const char>("def", 3)));
  ASSERT_FALSE(again.on_contents_end());
  copy_failure failed = again.publish();
  ASSERT_FALSE(failed) << failed.context;
  EXPECT_EQ(contents("d/top/a"), "abcdef");
  EXPECT_THAT(names("d"), ElementsAre("top"));
}

TEST_F(received, keep_nothing_for_a_file_of_another_size_or_time) {
  tar_entry sent = entry(tar_entry::kind::file, "a");
  sent.size = 6;
  keep_abc_of(sent);
  std::uint64_t have = 0;
  received_files again(into("d"), false);
  ASSERT_FALSE(again.open_kept());
  sent.modified = 1;
  ASSERT_FALSE(again.on_kept_entry(sent, have));
  EXPECT_EQ(have, 0U);
}

TEST_F(received, of_two_copies_to_one_place_share_no_part) {
  tar_entry sent = entry(tar_entry::kind::file, "a");
  sent.size = 3;
  std::uint64_t have = 0;
  received_files one(into("d"), false);
  received_files other(into("d"), false);
  for (received_files* to : {&one, &other}) {
    ASSERT_FALSE(to->open_kept());
    ASSERT_FALSE(to->on_kept_entry(sent, have));
    EXPECT_EQ(have, 0U);
    ASSERT_FALSE(to->on_contents(std::span<const char>("abc", 3)));
  }
  other.keep();
  ASSERT_FALSE(one.on_contents_end());
  ASSERT_FALSE(one.publish());
  EXPECT_EQ(contents("d/a"), "abc");
  EXPECT_THAT(names("d"), ElementsAre("a"));
}

TEST_F(received, are_compared_with_files_alone_never_through_a_link) {
  fs::create_directories(path("d/sub"));
  std::ofstream(path("d/sub/a")) << "abc";
  fs::create_symlink(path("d/sub"), path("d/way"));
  fs::create_symlink("a", path("d/sub/link"));
  received_files to(into("d"), false);
  ASSERT_FALSE(to.find_base());
  struct stat about {};
  tar_entry sent = entry(tar_entry::kind::file, "sub/a");
  sent.size = 3;
  EXPECT_TRUE(to.same_size(sent, about));
  for (const char* name : {"way/a", "sub/link", "sub", "none", "../d/sub/a", "/etc/passwd"}) {
    sent.name = name;
    EXPECT_FALSE(to.same_size(sent, about)) << name;
  }
}

TEST_F(received, have_no_set_user_id_bits) {
  received_files to(into("d"), true);
  ASSERT_FALSE(to.open());
  tar_entry sent = entry(tar_entry::kind::file, "a");
  sent.mode = 06755;
  sent.modified = 1'000'000'000;
  ASSERT_FALSE(to.on_entry(sent));
  ASSERT_FALSE(to.on_contents_end());
  ASSERT_FALSE(to.publish());
  struct stat about {};
  ASSERT_EQ(::stat(path("d/a").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0755U);
  EXPECT_EQ(about.st_mtim.tv_sec, 1'000'000'000);
}

}  // namespace
}  // namespace execo::detail
