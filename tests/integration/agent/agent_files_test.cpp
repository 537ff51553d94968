// Files that an agent writes and gives on: what is left of them, whatever comes.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "file_bytes.hpp"
#include "random_bytes.hpp"
#include "temp_folder.hpp"
#include "tree_driver.hpp"
#include "wire/content_digests.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using detail::command_end;
using detail::ended_message;
using detail::file_entry;
using detail::file_flag;
using detail::index_ranges;

class agent_files : public testing::Test {
 protected:
  static constexpr std::uint32_t content = 5;

  detail::file_order_message order(std::uint32_t run, const std::string& to,
                                   const index_ranges& hosts = index_ranges(0)) const {
    detail::file_order_message made;
    made.run = run;
    made.hosts = hosts;
    made.content = content;
    made.size = bytes_.size();
    made.facts.mode = 0640;
    made.name = "app";
    made.destination = to;
    return made;
  }
  detail::file_part_message part(std::uint64_t offset) const {
    detail::file_part_message made;
    made.content = content;
    made.offset = offset;
    made.bytes = std::string_view(bytes_).substr(offset, detail::file_part_limit);
    made.digest = detail::part_digest(made.bytes);
    return made;
  }
  void send_parts() {
    for (std::size_t at = 0; at < bytes_.size(); at += detail::file_part_limit)
      tree_.send(part(at));
  }
  void send_end() {
    detail::content_digests digests;
    for (std::size_t at = 0; at < bytes_.size(); at += detail::file_part_limit)
      digests.add(part(at).digest);
    detail::file_end_message end;
    end.content = content;
    end.digest = digests.whole();
    tree_.send(end);
  }
  bool has_asked() {
    return tree_.until([this] { return tree_.wanted(content) > 0; });
  }
  ended_message end_of(std::uint32_t run, std::uint32_t host = 0) {
    EXPECT_TRUE(tree_.until_ended(run, index_ranges(host))) << tree_.link().fault_words();
    return tree_.of(run, host).end.value_or(ended_message());
  }
  std::size_t entries(const std::string& of) const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(of), fs::directory_iterator()));
  }

  temp_folder folder_;
  std::string bytes_ = random_bytes(7).take(200'000);
  tree_driver tree_;
};

TEST_F(agent_files, have_their_names_when_all_is_there) {
  tree_.send(order(1, folder_ / "app"));
  ASSERT_TRUE(has_asked());
  send_parts();
  // An answer to what was sent behind the parts.
  detail::file_order_message other = order(2, folder_ / "none/app");
  other.content = content + 1;
  tree_.send(other);
  EXPECT_EQ(end_of(2).how, command_end::not_started);
  EXPECT_FALSE(fs::exists(folder_ / "app"));
  send_end();
  const ended_message end = end_of(1);
  EXPECT_EQ(end.how, command_end::exited) << end.text;
  EXPECT_EQ(end.code, 0U);
  EXPECT_TRUE(file_bytes(folder_ / "app") == bytes_);
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

TEST_F(agent_files, replace_a_link_and_not_what_it_leads_to) {
  folder_.write("kept", "kept");
  fs::create_symlink("kept", folder_ / "app");
  tree_.send(order(1, folder_ / ""));
  ASSERT_TRUE(has_asked());
  send_parts();
  send_end();
  EXPECT_EQ(end_of(1).how, command_end::exited);
  EXPECT_FALSE(fs::is_symlink(folder_ / "app"));
  EXPECT_EQ(folder_.read("kept"), "kept");
  EXPECT_TRUE(file_bytes(folder_ / "app") == bytes_);
}

TEST_F(agent_files, have_modes_and_times_that_are_preserved) {
  detail::file_order_message what = order(1, folder_ / "new/folder/");
  what.flags = static_cast<std::uint8_t>(file_flag::preserve) |
               static_cast<std::uint8_t>(file_flag::sync) |
               static_cast<std::uint8_t>(file_flag::make_directories);
  what.facts.mode = 0604;
  what.facts.modified = 1'000'000'000;
  what.facts.user = ::geteuid();
  what.facts.group = ::getegid();
  tree_.send(what);
  ASSERT_TRUE(has_asked());
  send_parts();
  send_end();
  EXPECT_EQ(end_of(1).text, "");
  struct stat about {};
  ASSERT_EQ(::stat((folder_ / "new/folder/app").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777U, 0604U);
  EXPECT_EQ(about.st_mtime, 1'000'000'000);
}

TEST_F(agent_files, are_gone_when_a_part_is_not_what_its_digest_says) {
  tree_.use_local_connector();
  tree_.deploy(1, 1);
  ASSERT_TRUE(tree_.until_up(1, 1));
  // The second host asks the first one, which has been lied to, and gets nothing of the lie.
  tree_.send(order(1, folder_ / "first"));
  tree_.send(order(2, folder_ / "second", index_ranges(1)));
  ASSERT_TRUE(has_asked());
  tree_.send(part(0));
  std::string changed(part(detail::file_part_limit).bytes);
  changed[100] = static_cast<char>(changed[100] ^ 1);
  detail::file_part_message lie = part(detail::file_part_limit);
  lie.bytes = changed;
  tree_.send(lie);
  EXPECT_EQ(end_of(1).how, command_end::lost);
  EXPECT_EQ(end_of(2, 1).how, command_end::lost);
  EXPECT_EQ(entries(folder_ / ""), 0U);
}

TEST_F(agent_files, are_gone_when_their_end_has_another_digest) {
  tree_.send(order(1, folder_ / "app"));
  ASSERT_TRUE(has_asked());
  send_parts();
  detail::file_end_message end;
  end.content = content;
  tree_.send(end);
  EXPECT_EQ(end_of(1).how, command_end::lost);
  EXPECT_EQ(entries(folder_ / ""), 0U);
}

TEST_F(agent_files, come_from_the_file_of_the_parent_however_late_a_child_asks) {
  tree_.use_local_connector();
  tree_.send(order(1, folder_ / "first"));
  ASSERT_TRUE(has_asked());
  send_parts();
  send_end();
  EXPECT_EQ(end_of(1).how, command_end::exited);
  tree_.deploy(1, 1);
  ASSERT_TRUE(tree_.until_up(1, 1));
  tree_.send(order(2, folder_ / "second", index_ranges(1)));
  EXPECT_EQ(end_of(2, 1).how, command_end::exited) << end_of(2, 1).text;
  EXPECT_TRUE(file_bytes(folder_ / "second") == bytes_);
}

TEST_F(agent_files, that_were_changed_on_a_host_are_found_out_by_the_next_one) {
  tree_.use_local_connector();
  tree_.send(order(1, folder_ / "first"));
  ASSERT_TRUE(has_asked());
  send_parts();
  send_end();
  EXPECT_EQ(end_of(1).how, command_end::exited);
  std::fstream changed(folder_ / "first", std::ios::in | std::ios::out | std::ios::binary);
  changed.seekp(100'000);
  changed.put(static_cast<char>(bytes_[100'000] ^ 1));
  ASSERT_TRUE(changed.flush());
  tree_.deploy(1, 1);
  ASSERT_TRUE(tree_.until_up(1, 1));
  tree_.send(order(2, folder_ / "second", index_ranges(1)));
  EXPECT_EQ(end_of(2, 1).how, command_end::lost);
  EXPECT_EQ(end_of(2, 1).text, "a part of the file came with the digest of other bytes");
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

TEST_F(agent_files, are_not_given_to_a_child_whose_hosts_they_are_not_for) {
  tree_.use_local_connector();
  tree_.deploy(1, 1);
  ASSERT_TRUE(tree_.until_up(1, 1));
  // The agent above has none of it: nothing was ordered there.
  tree_.send(order(2, folder_ / "second", index_ranges(1)));
  EXPECT_EQ(end_of(2, 1).how, command_end::lost);
  EXPECT_EQ(entries(folder_ / ""), 0U);
}

TEST_F(agent_files, say_what_cannot_be_written_where) {
  fs::create_directories(folder_ / "folder/app");
  tree_.send(order(1, folder_ / "folder/"));
  EXPECT_EQ(end_of(1).code, static_cast<std::uint32_t>(EISDIR));
  EXPECT_EQ(end_of(1).text, folder_ / "folder/app");
  tree_.send(order(2, folder_ / "none/app"));
  EXPECT_EQ(end_of(2).code, static_cast<std::uint32_t>(ENOENT));
  EXPECT_EQ(end_of(2).text, folder_ / "none");
  folder_.write("file", "");
  tree_.send(order(3, folder_ / "file/"));
  EXPECT_EQ(end_of(3).code, static_cast<std::uint32_t>(ENOTDIR));
}

TEST_F(agent_files, leave_nothing_on_a_disk_that_is_full) {
  const std::string disk = folder_ / "disk";
  fs::create_directories(disk);
  if (::geteuid() != 0 || ::mount("none", disk.c_str(), "tmpfs", 0, "size=100k") != 0)
    GTEST_SKIP() << "no file system can be mounted here";
  tree_.send(order(1, disk + "/app"));
  EXPECT_TRUE(has_asked());
  send_parts();
  send_end();
  EXPECT_EQ(end_of(1).how, command_end::not_started);
  EXPECT_EQ(end_of(1).code, static_cast<std::uint32_t>(ENOSPC));
  EXPECT_EQ(end_of(1).text, "write " + disk + "/app");
  EXPECT_EQ(entries(disk), 0U);
  (void)::umount2(disk.c_str(), MNT_DETACH);
}

TEST_F(agent_files, are_gone_after_a_cancel) {
  tree_.send(order(1, folder_ / "app"));
  ASSERT_TRUE(has_asked());
  tree_.send(part(0));
  tree_.cancel(1, index_ranges(0));
  EXPECT_EQ(end_of(1).how, command_end::cancelled);
  EXPECT_EQ(entries(folder_ / ""), 0U);
}

class agent_folders : public agent_files {
 protected:
  agent_folders() { bytes_.clear(); }
  void add(file_entry::kind what, const std::string& name, const std::string& text) {
    file_entry entry;
    entry.what = what;
    entry.facts.mode = what == file_entry::kind::directory ? 0755 : 0644;
    entry.name = name;
    if (what == file_entry::kind::link) entry.target = text;
    if (what == file_entry::kind::file) entry.size = text.size();
    entry.encode(bytes_);
    if (what == file_entry::kind::file) bytes_ += text;
  }
  ended_message put(const std::string& to) {
    detail::file_order_message what = order(1, to);
    what.form = detail::file_form::entries;
    tree_.send(what);
    send_parts();
    send_end();
    return end_of(1);
  }
};

TEST_F(agent_folders, come_whole_and_leave_what_is_there) {
  fs::create_directories(folder_ / "app/sub");
  folder_.write("app/sub/old", "old");
  folder_.write("app/a", "before");
  const std::string large = random_bytes(9).take(700'000);
  add(file_entry::kind::directory, "app", "");
  add(file_entry::kind::file, "app/a", "after");
  add(file_entry::kind::directory, "app/sub", "");
  add(file_entry::kind::file, "app/sub/large", large);
  add(file_entry::kind::file, "app/sub/none", "");
  add(file_entry::kind::link, "app/link", "sub/large");
  const ended_message end = put(folder_ / "");
  EXPECT_EQ(end.how, command_end::exited) << end.text;
  EXPECT_EQ(folder_.read("app/a"), "after");
  EXPECT_EQ(folder_.read("app/sub/old"), "old");
  EXPECT_EQ(fs::read_symlink(folder_ / "app/link"), "sub/large");
  EXPECT_TRUE(file_bytes(folder_ / "app/link") == large);
  EXPECT_EQ(fs::file_size(folder_ / "app/sub/none"), 0U);
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

TEST_F(agent_folders, are_written_through_no_link_that_came_with_them) {
  fs::create_directories(folder_ / "to");
  fs::create_directories(folder_ / "elsewhere");
  add(file_entry::kind::directory, "app", "");
  add(file_entry::kind::link, "app/out", folder_ / "elsewhere");
  add(file_entry::kind::file, "app/out/a", "a");
  EXPECT_EQ(put(folder_ / "to/").how, command_end::not_started);
  EXPECT_EQ(entries(folder_ / "elsewhere"), 0U);
  EXPECT_EQ(entries(folder_ / "to"), 0U);
}

TEST_F(agent_folders, replace_no_folder_by_a_file) {
  fs::create_directories(folder_ / "app/a");
  add(file_entry::kind::directory, "app", "");
  add(file_entry::kind::file, "app/a", "a");
  const ended_message end = put(folder_ / "");
  EXPECT_EQ(end.code, static_cast<std::uint32_t>(EISDIR));
  EXPECT_EQ(end.text, folder_ / "app/a");
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

TEST_F(agent_folders, of_bytes_that_are_no_entries_are_none) {
  bytes_ = random_bytes(11).take(1000);
  EXPECT_EQ(put(folder_ / "app").how, command_end::not_started);
  EXPECT_EQ(entries(folder_ / ""), 0U);
}

TEST_F(agent_files, come_in_order_or_the_link_ends) {
  tree_.send(order(1, folder_ / "app"));
  ASSERT_TRUE(has_asked());
  tree_.send(part(detail::file_part_limit));
  EXPECT_TRUE(tree_.until_gone());
  EXPECT_EQ(entries(folder_ / ""), 0U);
}

}  // namespace
}  // namespace execo::test
