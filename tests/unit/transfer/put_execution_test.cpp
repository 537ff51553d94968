// How a put talks to its receiver, whatever the order in which the transport tells of it.
#include "transfer/put_execution.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>

#include "action/fanout_action.hpp"
#include "execo/sync_wait.hpp"
#include "fleet_fixture.hpp"
#include "random_bytes.hpp"
#include "unit/transfer/played_peer.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

/// What a receiver does, and what it was sent.
class receiver_script {
 public:
  bool answers_first = false;  // before it is told that the question is through
  std::uint64_t wants_from = 0;
  std::string lists;  // that it answers names with; empty: it does not ask for them
  std::string last_line = "M done\n";
  int code = 0;
  std::string said;  // on standard error
  // What came.
  std::string question;
  std::string names;
  std::string bytes;
  int writes_under_way = 0;
  int most_writes_under_way = 0;
};

class played_receiver final : public played_peer {
 public:
  played_receiver(detail::loop& on, receiver_script& script) : played_peer(on), script_(script) {}

  void write(std::span<const char> bytes) override {
    ++script_.writes_under_way;
    script_.most_writes_under_way =
        std::max(script_.most_writes_under_way, script_.writes_under_way);
    const std::size_t count = bytes.size();
    const bool is_question = script_.question.empty();
    const bool is_names = !is_question && !script_.lists.empty() && script_.names.empty();
    std::string& into = is_question ? script_.question : is_names ? script_.names : script_.bytes;
    into.append(bytes.data(), count);
    auto through = [this, count] {
      --script_.writes_under_way;
      events().on_written(count);
    };
    if (!is_question && !is_names) return soon(through);
    if (script_.answers_first) answer();
    soon(through);
    if (!script_.answers_first) answer();
  }
  void close_input() override {
    if (std::exchange(input_closed_, true)) return;
    tell(stream::out, script_.last_line);
    tell(stream::err, script_.said);
    soon([this] {
      end_output();
      events().on_exit(exit_status::of_code(script_.code));
    });
  }
  void signal(int) override { close_input(); }

 private:
  void answer() {
    if (!script_.lists.empty() && script_.names.empty()) return tell(stream::out, "M names\n");
    tell(stream::out, script_.lists + "M ready " + std::to_string(script_.wants_from) + "\n");
  }

  receiver_script& script_;
  bool input_closed_ = false;
};

class put_to_script final : public detail::execution_factory {
 public:
  put_to_script(receiver_script& script, std::shared_ptr<const detail::source_tree> tree)
      : script_(script), tree_(std::move(tree)), share_(std::make_shared<detail::put_share>()) {
    share_->counts = std::make_shared<detail::copy_counts>();
    if (!script.lists.empty()) share_->how.skip = detail::skip_rule::same_time;
  }

  detail::intrusive_ptr<detail::execution> make(detail::loop& on, std::size_t,
                                                detail::attempt) override {
    auto what = std::make_shared<command>("receiver");
    what->set_in(pipe());
    auto stdio = detail::taken_stdio::now(*what, detail::surroundings::caller::goes_on);
    detail::intrusive_ptr<detail::lifecycle> receiver(new detail::lifecycle(
        on, what, std::move(stdio), std::make_unique<played_receiver>(on, script_), deadlines()));
    auto form = tree_->is_one_file() ? detail::payload::form::file : detail::payload::form::archive;
    auto content = std::make_shared<detail::put_content>(on, tree_, form, false);
    return detail::intrusive_ptr<detail::execution>(
        new detail::put_execution(on, std::move(receiver), std::move(content), share_, "M"));
  }

 private:
  receiver_script& script_;
  std::shared_ptr<const detail::source_tree> tree_;
  std::shared_ptr<detail::put_share> share_;
};

class put_by_script : public action {
 public:
  explicit put_by_script(std::shared_ptr<detail::execution_factory> factory)
      : action(detail::action_ref(
            new detail::fanout_action(command("put"), std::vector<host>{host("h")}))) {
    static_cast<detail::fanout_action&>(*state_).factory = std::move(factory);
  }
};

class put_executions : public ::testing::Test {
 protected:
  put_executions() : bytes_(random_bytes(1).take(300'000)) {
    std::ofstream(folder_.path() + "/a", std::ios::binary) << bytes_;
  }
  host_result run(receiver_script& script, const std::string& source = "a") const {
    auto tree = std::make_shared<detail::source_tree>();
    std::vector<std::string> names{source};
    EXPECT_FALSE(detail::read_source_tree(names, folder_.path(), *tree));
    put_by_script copy(std::make_shared<put_to_script>(script, std::move(tree)));
    return sync_wait(copy.run()).all().front();
  }

  scratch_directory folder_;
  const std::string bytes_;
};

TEST_F(put_executions, send_the_file_after_the_question) {
  receiver_script script;
  host_result r = run(script);
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_THAT(script.question, HasSubstr("1 file 300000 "));
  EXPECT_EQ(script.bytes, bytes_);
  EXPECT_EQ(script.most_writes_under_way, 1);
}

TEST_F(put_executions, wait_for_the_question_to_be_through_when_the_answer_is_faster) {
  receiver_script script;
  script.answers_first = true;
  host_result r = run(script);
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(script.bytes, bytes_);
  EXPECT_EQ(script.most_writes_under_way, 1);
}

TEST_F(put_executions, begin_where_the_receiver_wants) {
  receiver_script script;
  script.wants_from = 100'001;
  EXPECT_TRUE(run(script).ok());
  EXPECT_EQ(script.bytes, bytes_.substr(100'001));
  receiver_script all_there;
  all_there.wants_from = bytes_.size();
  EXPECT_TRUE(run(all_there).ok());
  EXPECT_EQ(all_there.bytes, "");
}

TEST_F(put_executions, leave_out_what_the_receiver_has) {
  fs::create_directories(folder_.path() + "/d");
  std::ofstream(folder_.path() + "/d/new") << "new";
  std::ofstream(folder_.path() + "/d/old") << bytes_;
  const timespec times[] = {{100, 0}, {100, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (folder_.path() + "/d/old").c_str(), times, 0), 0);
  for (bool answers_first : {false, true}) {
    receiver_script script;
    script.answers_first = answers_first;
    script.lists = "M old 2 11\nny300000 100\n";
    host_result r = run(script, "d");
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_EQ(script.names, std::string("./new\0./old\0", 12));
    EXPECT_THAT(script.bytes, HasSubstr("data/d/new"));
    EXPECT_THAT(script.bytes, Not(HasSubstr("data/d/old")));
    EXPECT_EQ(script.most_writes_under_way, 1);
  }
}

TEST_F(put_executions, end_where_a_receiver_lists_more_than_it_was_asked_about) {
  fs::create_directories(folder_.path() + "/d");
  std::ofstream(folder_.path() + "/d/new") << "new";
  receiver_script script;
  script.lists = "M old 2 11\nyy300000 100\n";
  host_result r = run(script, "d");
  EXPECT_EQ(r.how(), end_reason::transfer_failed);
  EXPECT_EQ(r.error(), std::errc::bad_message);
  EXPECT_EQ(script.bytes, "");
}

TEST_F(put_executions, end_as_the_receiver_says_whatever_its_exit_code) {
  receiver_script script;
  script.last_line = "M failed write /srv/a\n";
  script.said = "cat: write error: No space left on device\n";
  host_result r = run(script);
  EXPECT_EQ(r.how(), end_reason::transfer_failed);
  EXPECT_EQ(r.error().value(), ENOSPC);
  receiver_script silent;
  silent.last_line = "";
  EXPECT_EQ(run(silent).how(), end_reason::transfer_failed);
  receiver_script bad_end;
  bad_end.code = 1;
  EXPECT_FALSE(run(bad_end).ok());
}

}  // namespace
}  // namespace execo::test
