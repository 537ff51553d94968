// Commands that talk: agents on this machine, a shell in place of ssh, execo-msg as the agent is
// it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class commands_that_talk : public testing::Test {
 public:
  commands_that_talk() { way_.connector = "local"; }

  static std::string program() {
    const std::string tool = EXECO_TOOL;
    return tool.substr(0, tool.rfind('/')) + "/execo-msg";
  }
  remote work_of(const std::string& text, const std::string& hosts, const tree& shape = tree()) {
    remote made(text, hosts);
    made.ssh(way_).via(shape).timeout(100s).env("EXECO_MSG", program());
    return made;
  }
  /// Their outputs, in order.
  std::vector<std::string> outputs(remote work) {
    tree_messages talk(work);
    action_result all = sync_wait(work.run());
    std::vector<std::string> found;
    for (const host_result& one : all.all()) found.push_back(one.out + one.err);
    return found;
  }

  ssh_options way_;
};

TEST_F(commands_that_talk, know_their_place) {
  EXPECT_THAT(outputs(work_of("$EXECO_MSG rank; $EXECO_MSG count", "n[1-2]")),
              ElementsAre("1\n2\n", "2\n2\n"));
}

TEST_F(commands_that_talk, send_to_each_other_through_levels) {
  remote work = work_of(
      "if [ $EXECO_RANK = 1 ]; then $EXECO_MSG send 2-5,7 'to some' && $EXECO_MSG send all end; "
      "else $EXECO_MSG recv -f; case $EXECO_RANK in 6) ;; *) $EXECO_MSG recv;; esac; fi",
      "n[1-7]", tree().arity(2));
  std::vector<std::string> found = outputs(std::move(work));
  ASSERT_THAT(found, SizeIs(7));
  EXPECT_EQ(found[0], "");
  EXPECT_EQ(found[5], "1 end\n");
  for (std::size_t i : {1U, 2U, 3U, 4U, 6U}) EXPECT_EQ(found[i], "1 to some\nend\n");
}

TEST_F(commands_that_talk, meet_at_barriers_and_reduce) {
  remote work = work_of(
      "$EXECO_MSG barrier; $EXECO_MSG reduce sum $EXECO_RANK; $EXECO_MSG reduce max -$EXECO_RANK; "
      "$EXECO_MSG reduce min $EXECO_RANK.25; $EXECO_MSG reduce histogram odd$((EXECO_RANK % 2))",
      "n[1-9]", tree().arity(3));
  EXPECT_THAT(outputs(std::move(work)), Each("9\n45\n-1\n1.25\n4 odd0\n5 odd1\n"));
}

TEST_F(commands_that_talk, need_no_program_on_their_hosts) {
  remote work(
      "command -v execo-msg || echo none; $EXECO_MSG reduce sum $EXECO_RANK; $EXECO_MSG father; "
      "sh -c '$EXECO_MSG send 9 x'; echo $?; $EXECO_MSG | grep -c 'recv .-f'",
      "n[1-3]");
  work.ssh(way_).via(tree().depth(1)).timeout(100s).env("PATH", "/usr/bin:/bin");
  for (const std::string& one : outputs(std::move(work))) {
    EXPECT_THAT(one, testing::StartsWith("none\n6\n"));
    EXPECT_THAT(one,
                testing::EndsWith("\n2\n1\nexeco-msg: there is no such rank: the last one is 3\n"));
  }
}

TEST_F(commands_that_talk, do_not_wait_for_one_that_has_ended_or_was_killed) {
  remote work =
      work_of("case $EXECO_RANK in 2) exit 0;; 3) kill -9 $$;; esac; $EXECO_MSG barrier", "n[1-5]");
  std::vector<std::string> found = outputs(std::move(work));
  for (std::size_t i : {0U, 3U, 4U}) EXPECT_EQ(found[i], "3\n");
}

TEST_F(commands_that_talk, are_told_what_is_wrong_in_a_line) {
  std::vector<std::string> found = outputs(work_of(
      "$EXECO_MSG send 9 x; echo $?; $EXECO_MSG send one x; echo $?; $EXECO_MSG reduce sum one; "
      "echo $?; $EXECO_MSG recv --timeout 1ms; echo $?; $EXECO_MSG reduce fold x; echo $?; "
      "EXECO_MESSAGES=@execo-messages-none $EXECO_MSG barrier; echo $?; "
      "unset EXECO_MESSAGES; $EXECO_MSG barrier; echo $?",
      "n1"));
  EXPECT_EQ(found[0],
            "2\n2\n2\n1\n2\n2\n2\n"
            "execo-msg: there is no such rank: the last one is 1\n"
            "execo-msg: `one` is neither ranks, nor `all` or `root`; see --help\n"
            "execo-msg: `one` is no number; see --help\n"
            "execo-msg: no message has come in time\n"
            "execo-msg: who runs the action has no function to fold with\n"
            "execo-msg: the agent of this host has gone, or this command has ended\n"
            "execo-msg: this command has no messages: EXECO_MESSAGES is not set\n");
}

// It knows the name of the socket, and is another user than the agent's.
TEST_F(commands_that_talk, are_not_heard_as_another_user) {
  if (::geteuid() != 0 || ::access("/usr/bin/setpriv", X_OK) != 0)
    GTEST_SKIP() << "nobody here can be another user";
  const test::temp_folder folder;
  const std::string copy = folder / "execo-msg";
  std::filesystem::copy_file(program(), copy);
  for (const std::string& path : {folder / ".", copy})
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  remote work = work_of(
      "setpriv --reuid=65534 --regid=65534 --clear-groups $EXECO_MSG barrier; echo $?; "
      "setpriv --reuid=0 --regid=65534 --clear-groups $EXECO_MSG barrier; echo $?",
      "n1");
  work.env("EXECO_MSG", copy);
  EXPECT_THAT(
      outputs(std::move(work)),
      ElementsAre("1\n1\n0\n"
                  "execo-msg: the agent of this host has gone, or this command has ended\n"));
}

TEST_F(commands_that_talk, have_no_socket_unless_it_was_asked_for) {
  action_result all = sync_wait(work_of("echo \"<$EXECO_MESSAGES>\"", "n1").run());
  EXPECT_EQ(all.all()[0].out, "<>\n");
}

TEST_F(commands_that_talk, hear_the_process_that_runs_them_and_answer) {
  sync_wait([](commands_that_talk& self) -> task<> {
    remote work = self.work_of(
        "while m=$($EXECO_MSG recv) && [ \"$m\" != stop ]; do $EXECO_MSG send root \"$m!\"; done",
        "n[1-4]", tree().arity(2));
    tree_messages talk(work);
    work.start();
    std::size_t sent = co_await talk.send(3, "three");
    EXPECT_EQ(sent, 1U);
    std::optional<tree_message> answer = co_await talk.next_message();
    EXPECT_EQ(answer->rank, 3U);
    EXPECT_EQ(answer->bytes, "three!");
    sent = co_await talk.broadcast("all");
    EXPECT_EQ(sent, 4U);
    std::multiset<std::size_t> ranks;
    for (int i = 0; i < 4; ++i) {
      answer = co_await talk.next_message();
      ranks.insert(answer->rank);
      EXPECT_EQ(answer->bytes, "all!");
    }
    EXPECT_THAT(ranks, ElementsAre(1, 2, 3, 4));
    sent = co_await talk.broadcast("stop");
    EXPECT_EQ(sent, 4U);
    action_result all = co_await work.wait();
    EXPECT_TRUE(all.ok());
    answer = co_await talk.next_message();
    EXPECT_FALSE(answer);
    sent = co_await talk.send(1, "late");
    EXPECT_EQ(sent, 0U);
  }(*this));
}

TEST_F(commands_that_talk, carry_any_bytes_whole_and_one_at_a_time) {
  sync_wait([](commands_that_talk& self) -> task<> {
    remote work = self.work_of(
        "$EXECO_MSG recv | head -c 32768 | $EXECO_MSG send root; $EXECO_MSG send root ''", "n1");
    tree_messages talk(work);
    work.start();
    std::string bytes(32'768, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
    co_await talk.send(1, bytes);
    std::optional<tree_message> back = co_await talk.next_message();
    EXPECT_TRUE(back && back->bytes == bytes);
    back = co_await talk.next_message();
    EXPECT_TRUE(back && back->bytes.empty());
    (void)co_await work.wait();
    EXPECT_THROW((void)talk.send(1, bytes + "x"), std::invalid_argument);
    EXPECT_THROW((void)talk.send(2, "no such rank"), std::invalid_argument);
  }(*this));
}

TEST_F(commands_that_talk, wait_for_one_that_does_not_receive_and_go_on) {
  remote work = work_of(
      "if [ $EXECO_RANK = 1 ]; then for i in 1 2 3 4 5 6 7 8; do "
      "head -c 30000 /dev/zero | tr '\\0' $i | $EXECO_MSG send 2; done; "
      "else $EXECO_MSG recv --timeout 1m >/dev/null; "
      "for i in 2 3 4 5 6 7 8; do $EXECO_MSG recv | head -c 1; done; fi",
      "n[1-2]");
  EXPECT_THAT(outputs(std::move(work)), ElementsAre("", "2345678"));
}

TEST_F(commands_that_talk, fold_their_texts_at_the_root) {
  remote work = work_of("$EXECO_MSG reduce fold \"<$EXECO_RANK>\"", "n[1-4]");
  tree_messages talk(work);
  std::vector<std::string> seen;
  talk.fold_with([](const std::vector<tree_message>& texts) {
    std::string all;
    for (const tree_message& one : texts) all += one.bytes;
    return all;
  });
  talk.on_reduced([&seen](const tree_reduction& r) { seen.push_back(r.text); });
  action_result all = sync_wait(work.run());
  for (const host_result& one : all.all()) EXPECT_EQ(one.out, "<1><2><3><4>\n") << one.err;
  EXPECT_THAT(seen, ElementsAre("<1><2><3><4>"));
}

TEST_F(commands_that_talk, may_be_programs_in_c) {
  const std::string tool = EXECO_TOOL;
  const std::string ring = tool.substr(0, tool.rfind('/')) + "/examples/ring";
  if (::access(ring.c_str(), X_OK) != 0) GTEST_SKIP() << "there is no C compiler";
  sync_wait([](commands_that_talk& self, const std::string& program) -> task<> {
    remote work = self.work_of(program, "n[1-5]", tree().arity(2));
    tree_messages talk(work);
    work.start();
    std::optional<tree_message> around = co_await talk.next_message();
    EXPECT_EQ(around->bytes, " 1 2 3 4 5");
    EXPECT_EQ(around->rank, 5U);
    action_result all = co_await work.wait();
    for (const host_result& one : all.all()) EXPECT_EQ(one.out, "5 of 5\n") << one.describe();
  }(*this, ring));
}

TEST_F(commands_that_talk, do_so_over_a_tree_that_stands_in_one_action_after_the_other) {
  sync_wait([](commands_that_talk& self) -> task<> {
    tree_network net("n[1-4]", tree().arity(2), self.way_);
    for (int round = 0; round < 2; ++round) {
      remote work = std::move(remote(program() + " reduce sum 1", "n[1-4]").via(net));
      tree_messages talk(work);
      action_result all = co_await work.run();
      for (const host_result& one : all.all()) EXPECT_EQ(one.out, "4\n") << one.describe();
    }
    co_await net.close();
  }(*this));
}

TEST_F(commands_that_talk, need_a_tree_and_each_host_once) {
  remote flat("true", "n[1-2]");
  flat.ssh(way_);
  EXPECT_THROW(tree_messages talk(flat), std::invalid_argument);
  remote twice("true", {"n1", "n1"});
  twice.ssh(way_).via(tree());
  EXPECT_THROW(tree_messages talk(twice), std::invalid_argument);
}

TEST_F(commands_that_talk, release_who_waits_when_the_action_is_stopped) {
  sync_wait([](commands_that_talk& self) -> task<> {
    remote work = self.work_of("$EXECO_MSG send root up; sleep 600", "n[1-2]");
    tree_messages talk(work);
    work.start();
    (void)co_await talk.next_message();
    (void)co_await talk.next_message();
    work.request_stop();
    std::optional<tree_message> none = co_await talk.next_message();
    EXPECT_FALSE(none);
    action_result all = co_await work.wait();
    EXPECT_EQ(all.all().size(), 2U);
  }(*this));
}

}  // namespace
}  // namespace execo
