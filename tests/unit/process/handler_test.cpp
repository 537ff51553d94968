// Handlers of processes: what they are told, in which order, and what becomes of what they throw.
#include "execo/handler.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <optional>
#include <stdexcept>

#include "execo/log.hpp"
#include "execo/timeout.hpp"
#include "support/fleet_fixture.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class recorder : public handler {
 public:
  void on_start(const started_command& c) override {
    EXPECT_GT(c.pid, 0);
    told.push_back("start " + std::string(c.name));
  }
  void on_line(const output_line& l) override {
    told.push_back((l.from == stream::out ? "out " : "err ") + std::string(l.text) +
                   (l.complete ? "" : "..."));
  }
  void on_end(const ended_command& c) override {
    told.push_back("end " + std::string(to_string(c.result.how())));
    out = c.result.out;
  }
  std::vector<std::string> told;
  std::string out;
};

class handlers : public on_each_backend {};
EXECO_ON_EACH_BACKEND(handlers);

TEST_P(handlers, hear_the_start_each_line_and_the_end) {
  auto heard = std::make_shared<recorder>();
  process p("printf 'a\\nb\\n\\nc'");
  p.handle_with(heard);
  EXPECT_TRUE(sync_wait(p.run()).ok());
  EXPECT_THAT(heard->told, ElementsAre("start printf 'a\\nb\\n\\nc'", "out a", "out b", "out ",
                                       "out c...", "end exited"));
  EXPECT_EQ(heard->out, "a\nb\n\nc");
}

TEST_P(handlers, of_a_command_that_cannot_start_hear_the_end_alone) {
  auto heard = std::make_shared<recorder>();
  (void)sync_wait(process("/does/not/exist").handle_with(heard).run());
  EXPECT_THAT(heard->told, ElementsAre("end spawn_failed"));
}

TEST_P(handlers, hear_lines_that_go_to_a_file_as_well) {
  scratch_directory folder;
  std::string log = folder.path() + "/log";
  auto heard = std::make_shared<recorder>();
  auto p = process("sh -c 'echo a; echo b >&2'").out(to_file(log)).err(merged()).handle_with(heard);
  result r = sync_wait(std::move(p).run());
  EXPECT_TRUE(r.ok()) << r.dump();
  EXPECT_EQ(heard->told.size(), 4U);
  EXPECT_EQ(heard->told[1], "out a");
  EXPECT_EQ(heard->told[2], "out b");
  std::string text;
  std::getline(std::ifstream(log), text, '\0');
  EXPECT_EQ(text, "a\nb\n");
}

TEST_P(handlers, may_be_functions_and_come_in_the_order_given) {
  std::string order;
  result r = sync_wait(process("echo x")
                           .on_end([&](const ended_command&) { order += "1"; })
                           .on_start([&](const started_command&) { order += "s"; })
                           .on_line([&](const output_line& l) { order += l.text; })
                           .on_end([&](const ended_command&) { order += "2"; })
                           .run());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(order, "sx12");
}

TEST_P(handlers, one_that_throws_ends_the_command_and_the_exception_comes_out) {
  for (int where = 0; where < 3; ++where) {
    process p("sh -c 'echo line; exec sleep 3600'");
    std::optional<end_reason> how;
    if (where == 0) p.on_start([](const started_command&) { throw std::runtime_error("mine"); });
    if (where == 1) p.on_line([](const output_line&) { throw std::runtime_error("mine"); });
    p.on_end([&](const ended_command& c) { how = c.result.how(); });
    if (where == 2) {
      p.on_end([](const ended_command&) { throw std::runtime_error("mine"); });
      p.timeout(5ms);
    }
    try {
      (void)sync_wait(p.run());
      ADD_FAILURE() << where;
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "mine");
    }
    EXPECT_EQ(how, where == 2 ? end_reason::timed_out : end_reason::cancelled) << where;
    EXPECT_THROW((void)sync_wait(p.wait()), std::runtime_error) << "each who waits is told";
    EXPECT_TRUE(p.try_result());
  }
}

TEST_P(handlers, one_that_throws_is_left_alone_and_the_others_go_on) {
  int first = 0, second = 0;
  process p("printf 'a\\nb\\nc\\n'");
  p.on_line([&](const output_line&) {
    ++first;
    throw std::runtime_error("mine");
  });
  p.on_line([&](const output_line&) { ++second; });
  EXPECT_THROW((void)sync_wait(p.run()), std::runtime_error);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 3);
}

TEST_P(handlers, what_they_throw_is_logged_when_nobody_waits) {
  std::vector<std::string> logged;
  set_log(log_level::error, [&](const log_record& r) { logged.emplace_back(r.message); });
  bool ended = false;
  auto work = [&]() -> task<> {
    auto p = process("true");
    p.on_start([](const started_command&) { throw std::runtime_error("lost?"); });
    p.on_end([&](const ended_command&) { ended = true; });
    p.start();
    std::move(p).detach();
    while (!ended) co_await sleep(1ms);
  };
  sync_wait(work());
  set_log(log_level::off, {});
  EXPECT_THAT(logged, ElementsAre("a handler threw: lost?"));
}

TEST_P(handlers, may_be_shared_and_outlive_their_process) {
  auto heard = std::make_shared<recorder>();
  for (int i = 0; i < 3; ++i) (void)sync_wait(process("true").handle_with(heard).run());
  EXPECT_EQ(heard->told.size(), 6U);
  EXPECT_EQ(heard.use_count(), 1);
}

TEST_P(handlers, of_a_process_that_never_ran_hear_nothing) {
  auto heard = std::make_shared<recorder>();
  { auto p = process("true").handle_with(heard); }
  EXPECT_TRUE(heard->told.empty());
  EXPECT_EQ(heard.use_count(), 1);
  EXPECT_THROW((void)process("true").handle_with(nullptr), std::invalid_argument);
}

TEST(process_logs, tell_of_the_end) {
  std::vector<std::string> logged;
  set_log(log_level::debug, [&](const log_record& r) {
    logged.push_back(std::string(to_string(r.level)) + " " + std::string(r.message));
  });
  (void)sync_wait(process("false").run());
  (void)sync_wait(process("true").run());
  set_log(log_level::off, {});
  ASSERT_EQ(logged.size(), 4U);
  EXPECT_THAT(logged[0], HasSubstr("debug started `false`, pid "));
  EXPECT_THAT(logged[1], HasSubstr("warning `false` exited 1"));
  EXPECT_THAT(logged[3], HasSubstr("debug `true` exited 0"));
}

}  // namespace
}  // namespace execo::test
