// Files that an agent writes and gives on: what is left of them, whatever comes.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/hex.hpp"
#include "file_bytes.hpp"
#include "random_bytes.hpp"
#include "temp_folder.hpp"
#include "tree_driver.hpp"
#include "wire/blake2b.hpp"
#include "wire/content_digests.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
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
  // -- what was there before
  detail::file_order_message resumed(std::uint32_t run, std::uint32_t number,
                                     const std::string& to) const {
    detail::file_order_message made = order(run, to);
    made.content = number;
    made.flags = static_cast<std::uint8_t>(file_flag::resume);
    return made;
  }
  detail::file_order_message resumed(std::uint32_t run, std::uint32_t number) const {
    return resumed(run, number, folder_ / "app");
  }
  static std::string kept_name(const std::string& target) {
    return ".execo-" + detail::hex_of(detail::blake2b128(target));
  }
  void cut_off_after_two_parts() {
    tree_.send(resumed(1, content));
    ASSERT_TRUE(has_asked());
    tree_.send(part(0));
    tree_.send(part(detail::file_part_limit));
    // A cancel overtakes what is sent before it.
    const std::string kept = folder_ / kept_name(folder_ / "app");
    ASSERT_TRUE(tree_.until([&] { return fs::file_size(kept) == 2 * detail::file_part_limit; }));
    tree_.cancel(1, index_ranges(0));
    EXPECT_EQ(end_of(1).how, command_end::cancelled);
    EXPECT_EQ(fs::file_size(kept), 2 * detail::file_part_limit);
  }
  void send_rest(std::uint32_t number, std::uint64_t from) {
    detail::content_digests digests;
    for (std::size_t at = 0; at < bytes_.size(); at += detail::file_part_limit) {
      detail::file_part_message one = part(at);
      one.content = number;
      digests.add(one.digest);
      if (at >= from) tree_.send(one);
    }
    detail::file_end_message end;
    end.content = number;
    end.digest = digests.whole();
    tree_.send(end);
  }
  /// Of a file of this test that has no name, in whatever process.
  std::uintmax_t nameless_bytes() const {
    std::error_code gone;
    for (const auto& process : fs::directory_iterator("/proc", gone)) {
      if (file_bytes(process.path() / "comm") != "execo-agent\n") continue;
      for (fs::directory_iterator one(process.path() / "fd", gone); !gone && one != end(one);
           one.increment(gone)) {
        const std::string to = fs::read_symlink(one->path(), gone).string();
        if (!gone && to.starts_with(folder_ / "") && to.ends_with(" (deleted)"))
          return fs::file_size(one->path(), gone);
      }
    }
    return 0;
  }
  /// By the agent of the first host of a tree_driver.
  static bool is_offered(std::uint32_t number) {
    std::string place(sizeof(detail::bytes16), '\0');
    detail::wire_writer numbers(place);
    numbers.u32(0);
    numbers.u32(number);
    const std::string name = "@execo-" + detail::hex_of(detail::blake2b128(place));
    return file_bytes("/proc/net/unix").find(name) != std::string::npos;
  }
  static ino_t number_of(const std::string& file) {
    struct stat about {};
    EXPECT_EQ(::stat(file.c_str(), &about), 0) << file;
    return about.st_ino;
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

TEST_F(agent_files, are_gone_on_with_where_they_were_cut_off) {
  cut_off_after_two_parts();
  const detail::file_order_message again = resumed(2, content + 1);
  tree_.send(again);
  ASSERT_TRUE(tree_.until([&] { return tree_.wanted(again.content) > 0; }));
  EXPECT_EQ(tree_.first_want(again.content).offset, 2 * detail::file_part_limit);
  detail::content_digests two;
  two.add(part(0).digest);
  two.add(part(detail::file_part_limit).digest);
  EXPECT_EQ(tree_.first_want(again.content).digest, two.whole());
  send_rest(again.content, 2 * detail::file_part_limit);
  const ended_message end = end_of(2);
  EXPECT_EQ(end.how, command_end::exited) << end.text;
  EXPECT_EQ(end.measures.front().output, 2 * detail::file_part_limit);
  EXPECT_TRUE(file_bytes(folder_ / "app") == bytes_);
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

// It has lost its way to the root, and waits for who comes after it.
TEST_F(agent_files, go_on_with_what_an_agent_before_this_one_has_and_has_no_name_yet) {
  // Of this test alone: what is offered is found by the numbers.
  const auto number = static_cast<std::uint32_t>(::getpid());
  detail::file_order_message what = order(1, folder_ / "app");
  what.content = number;
  {
    tree_driver before({}, 60s);
    before.send(what);
    ASSERT_TRUE(before.until([&] { return before.wanted(number) > 0; }));
    for (std::size_t at : {std::size_t{0}, detail::file_part_limit}) {
      detail::file_part_message one = part(at);
      one.content = number;
      before.send(one);
    }
    ASSERT_TRUE(before.until([&] { return nameless_bytes() == 2 * detail::file_part_limit; }));
    before.close();
    ASSERT_TRUE(tree_.until([&] { return is_offered(number); }));
    EXPECT_EQ(entries(folder_ / ""), 0U);
    tree_.send(what);
    ASSERT_TRUE(tree_.until([&] { return tree_.wanted(number) > 0; }));
    EXPECT_EQ(tree_.first_want(number).offset, 2 * detail::file_part_limit);
    // It ends as soon as it has given it away.
    EXPECT_TRUE(before.until_gone());
  }
  send_rest(number, 2 * detail::file_part_limit);
  const ended_message end = end_of(1);
  EXPECT_EQ(end.how, command_end::exited) << end.text;
  EXPECT_EQ(end.measures.front().output, 2 * detail::file_part_limit);
  EXPECT_TRUE(file_bytes(folder_ / "app") == bytes_);
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

TEST_F(agent_files, begin_anew_if_the_parent_does_not_have_what_is_there) {
  cut_off_after_two_parts();
  bytes_ = random_bytes(8).take(150'000);
  const detail::file_order_message again = resumed(2, content + 1);
  tree_.send(again);
  ASSERT_TRUE(tree_.until([&] { return tree_.wanted(again.content) > 0; }));
  send_rest(again.content, 0);
  const ended_message end = end_of(2);
  EXPECT_EQ(end.how, command_end::exited) << end.text;
  EXPECT_EQ(end.measures.front().output, 0U);
  EXPECT_TRUE(file_bytes(folder_ / "app") == bytes_);
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

TEST_F(agent_files, that_have_the_digest_already_stay_as_they_are) {
  folder_.write("app", bytes_);
  const ino_t before = number_of(folder_ / "app");
  detail::file_order_message what = order(1, folder_ / "app");
  what.flags = static_cast<std::uint8_t>(file_flag::skip_same);
  tree_.send(what);
  ASSERT_TRUE(has_asked());
  EXPECT_EQ(tree_.first_want(content).offset, bytes_.size());
  send_end();
  const ended_message end = end_of(1);
  EXPECT_EQ(end.how, command_end::exited) << end.text;
  EXPECT_EQ(end.measures.front().output, bytes_.size());
  EXPECT_EQ(number_of(folder_ / "app"), before);
}

TEST_F(agent_files, of_the_same_size_are_replaced_if_they_have_another_digest) {
  std::string other = bytes_;
  other.back() = static_cast<char>(other.back() ^ 1);
  folder_.write("app", other);
  detail::file_order_message what = order(1, folder_ / "app");
  what.flags = static_cast<std::uint8_t>(file_flag::skip_same);
  tree_.send(what);
  ASSERT_TRUE(has_asked());
  send_parts();
  send_end();
  EXPECT_EQ(end_of(1).how, command_end::exited) << end_of(1).text;
  EXPECT_TRUE(file_bytes(folder_ / "app") == bytes_);
  EXPECT_EQ(entries(folder_ / ""), 1U);
}

// Each host has another part of it.
TEST_F(agent_files, are_gone_on_with_behind_a_host_that_has_less_or_more_of_them) {
  tree_.use_local_connector();
  tree_.deploy(1, 1);
  ASSERT_TRUE(tree_.until_up(1, 1));
  for (const std::size_t parts : {1U, 3U}) {
    folder_.write(kept_name(folder_ / "first"), bytes_.substr(0, 2 * detail::file_part_limit));
    folder_.write(kept_name(folder_ / "second"), bytes_.substr(0, parts * detail::file_part_limit));
    const auto run = static_cast<std::uint32_t>(10 * parts);
    detail::file_order_message first = resumed(run, run, folder_ / "first");
    detail::file_order_message second = resumed(run + 1, run, folder_ / "second");
    second.hosts = index_ranges(1);
    tree_.send(first);
    tree_.send(second);
    ASSERT_TRUE(tree_.until([&] { return tree_.wanted(run) > 0; }));
    EXPECT_EQ(tree_.first_want(run).offset, 2 * detail::file_part_limit);
    send_rest(run, 2 * detail::file_part_limit);
    EXPECT_EQ(end_of(run).how, command_end::exited) << end_of(run).text;
    EXPECT_EQ(end_of(run + 1, 1).how, command_end::exited) << end_of(run + 1, 1).text;
    EXPECT_EQ(end_of(run + 1, 1).measures.front().output, parts * detail::file_part_limit);
    EXPECT_TRUE(file_bytes(folder_ / "second") == bytes_);
    EXPECT_EQ(entries(folder_ / ""), 2U);
  }
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
