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
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "fleet_fixture.hpp"
#include "held_clock.hpp"
#include "long_count.hpp"
#include "random_bytes.hpp"
#include "transfer/piece_store.hpp"
#include "unit/transfer/played_peer.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
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

/// Waits for ever for the first part to be through.
class stalled_receiver final : public played_peer {
 public:
  /// `taken`: parts that such receivers hold.
  stalled_receiver(detail::loop& on, std::uint64_t wants_from, std::size_t& taken)
      : played_peer(on), wants_from_(wants_from), taken_(taken) {}

  void write(std::span<const char> bytes) override {
    if (std::exchange(asked_, true)) {
      ++taken_;
      return;
    }
    soon([this, count = bytes.size()] { events().on_written(count); });
    tell(stream::out, "M ready " + std::to_string(wants_from_) + "\n");
  }
  void close_input() override {}
  void signal(int number) override {
    soon([this, number] {
      end_output();
      events().on_exit(exit_status::of_signal(number));
    });
  }

 private:
  std::uint64_t wants_from_;
  std::size_t& taken_;
  bool asked_ = false;
};

/// Ends with its input, and with no signal but KILL.
class deaf_receiver final : public played_peer {
 public:
  /// `asked`: it has answered the question.
  deaf_receiver(detail::loop& on, bool& asked) : played_peer(on), asked_(asked) {}

  void write(std::span<const char> bytes) override {
    soon([this, count = bytes.size()] { events().on_written(count); });
    if (!std::exchange(asked_, true)) tell(stream::out, "M ready 0\n");
  }
  void close_input() override {
    tell(stream::out, "M failed short /x\n");
    end(exit_status::of_code(1));
  }
  void signal(int number) override {
    if (number == SIGKILL) end(exit_status::of_signal(SIGKILL));
  }

 private:
  void end(exit_status how) {
    if (std::exchange(ended_, true)) return;
    soon([this, how] {
      end_output();
      events().on_exit(how);
    });
  }
  bool& asked_;
  bool ended_ = false;
};

/// To peers that a test makes. All are sent the same.
class put_to_peers final : public detail::execution_factory {
 public:
  using maker = std::function<std::unique_ptr<detail::transport>(detail::loop&, std::size_t index)>;
  put_to_peers(maker peers, std::shared_ptr<const detail::source_tree> tree)
      : peers_(std::move(peers)),
        tree_(std::move(tree)),
        share_(std::make_shared<detail::put_share>()) {
    share_->counts = std::make_shared<detail::copy_counts>();
  }
  detail::put_share& share() noexcept { return *share_; }
  command& receiver() noexcept { return receiver_; }

  std::size_t descriptors() const noexcept override { return 0; }
  detail::intrusive_ptr<detail::execution> make(detail::loop& on, std::size_t,
                                                detail::attempt one) override {
    auto what = std::make_shared<command>(receiver_);
    what->set_in(pipe());
    auto stdio = detail::taken_stdio::now(*what, detail::surroundings::caller::goes_on);
    detail::intrusive_ptr<detail::lifecycle> receiver(
        new detail::lifecycle(on, what, std::move(stdio), peers_(on, one.index), deadlines()));
    auto form = tree_->is_one_file() ? detail::payload::form::file : detail::payload::form::archive;
    if (!content_) content_ = std::make_shared<detail::put_content>(on, tree_, form, false);
    return detail::intrusive_ptr<detail::execution>(
        new detail::put_execution(on, std::move(receiver), content_, share_, "M"));
  }
  void end(std::size_t) noexcept override { content_.reset(); }

 private:
  maker peers_;
  command receiver_{"receiver"};
  std::shared_ptr<const detail::source_tree> tree_;
  std::shared_ptr<detail::put_share> share_;
  std::shared_ptr<detail::put_content> content_;
};

class put_to_played : public action {
 public:
  put_to_played(std::shared_ptr<detail::execution_factory> factory, std::size_t hosts)
      : action(detail::action_ref(
            new detail::fanout_action(command("put"), std::vector<host>(hosts, host("h"))))) {
    auto& state = static_cast<detail::fanout_action&>(*state_);
    state.factory = std::move(factory);
    state.set_fanout(hosts);
  }
};

class put_executions : public ::testing::Test {
 protected:
  put_executions() : bytes_(random_bytes(1).take(300'000)) {
    std::ofstream(folder_.path() + "/a", std::ios::binary) << bytes_;
  }
  std::shared_ptr<const detail::source_tree> tree_of(const std::string& source) const {
    auto tree = std::make_shared<detail::source_tree>();
    std::vector<std::string> names{source};
    EXPECT_FALSE(detail::read_source_tree(names, folder_.path(), *tree));
    return tree;
  }
  host_result run(receiver_script& script, const std::string& source = "a") const {
    auto peers = std::make_shared<put_to_peers>(
        [&](detail::loop& on, std::size_t) {
          return std::make_unique<played_receiver>(on, script);
        },
        tree_of(source));
    if (!script.lists.empty()) peers->share().how.skip = detail::skip_rule::same_time;
    put_to_played copy(std::move(peers), 1);
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

// Of 64 KiB each: 64 MiB, the others wait.
TEST_F(put_executions, share_1024_parts_however_many_hosts_are_at_different_places) {
  constexpr std::size_t hosts = 1500;
  constexpr std::size_t part = detail::piece_store::piece_size;
  const auto parts = static_cast<std::size_t>(long_count(15'000));  // 1 GB in long runs
  std::ofstream(folder_.path() + "/large");
  fs::resize_file(folder_.path() + "/large", parts * part);
  std::size_t asked = 0;
  std::size_t taken = 0;
  auto peers = std::make_shared<put_to_peers>(
      [&](detail::loop& on, std::size_t index) {
        ++asked;
        return std::make_unique<stalled_receiver>(on, index * (parts / hosts) * part, taken);
      },
      tree_of("large"));
  put_to_played copy(std::move(peers), hosts);
  auto work = [&]() -> task<action_result> {
    copy.start();
    while (asked < hosts || taken < 1024) co_await sleep(1ms);
    for (int turns = 0; turns < 100; ++turns) co_await sleep(duration(0));
    copy.request_stop();
    co_return co_await copy.wait();
  };
  const action_result end = sync_wait(work());
  EXPECT_EQ(taken, 1024U);
  EXPECT_EQ(end.stats().count(end_reason::cancelled), hosts);
}

TEST_F(put_executions, end_the_input_of_a_receiver_that_has_lost_its_signal) {
  enum class by : std::uint8_t { stop, kill, timeout, total_timeout };
  constexpr auto limit = 3s;
  for (by what : {by::stop, by::kill, by::timeout, by::total_timeout}) {
    SCOPED_TRACE(static_cast<int>(what));
    context c;
    led_clock time(c);
    bool asked = false;
    detail::clock::duration stopped{};
    auto peers = std::make_shared<put_to_peers>(
        [&](detail::loop& on, std::size_t) { return std::make_unique<deaf_receiver>(on, asked); },
        tree_of("a"));
    peers->share().bytes_a_second = 10'000;
    if (what == by::timeout) peers->receiver().run_timeout = limit;
    if (what == by::total_timeout) peers->receiver().total_timeout = limit;
    put_to_played copy(std::move(peers), 1);
    auto work = [&]() -> task<action_result> {
      copy.start();
      // No deadline comes before the receiver has the question.
      time.hurry(limit / 2);
      while (!asked) co_await sleep(1ms);
      time.hurry();
      stopped = what == by::stop || what == by::kill ? time.elapsed() : limit;
      if (what == by::stop) copy.request_stop();
      if (what == by::kill) copy.kill();
      co_return co_await copy.wait();
    };
    const host_result r = sync_wait(c, work()).all().front();
    EXPECT_FALSE(r.ok()) << r.describe();
    EXPECT_FALSE(r.forced_kill()) << r.describe();
    EXPECT_LT(time.elapsed() - stopped, 1s) << "its grace period is not waited for";
    if (what == by::stop) {
      EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
    }
    if (what == by::timeout || what == by::total_timeout) {
      EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
    }
  }
}

TEST_F(put_executions, keep_to_the_rate_of_all_and_of_each) {
  constexpr std::size_t hosts = 3;
  for (bool of_all : {true, false}) {
    std::vector<receiver_script> scripts(hosts);
    context c;
    running_clock time(c);
    auto peers = std::make_shared<put_to_peers>(
        [&](detail::loop& on, std::size_t index) {
          return std::make_unique<played_receiver>(on, scripts[index]);
        },
        tree_of("a"));
    if (of_all) {
      peers->share().rate = detail::rate_limit(90'000);
    } else {
      peers->share().bytes_a_second = 30'000;
    }
    put_to_played copy(std::move(peers), hosts);
    EXPECT_TRUE(sync_wait(c, copy.run()).ok());
    for (const receiver_script& one : scripts) EXPECT_EQ(one.bytes, bytes_);
    // 300,000 bytes for each. The last part goes when those before it have had their time.
    EXPECT_GT(time.elapsed(), 7s) << of_all;
    EXPECT_LE(time.elapsed(), 10s) << of_all;
  }
}

}  // namespace
}  // namespace execo::test
