#include "execo/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace execo::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

// The sink of the process is empty again when a test is over.
class logs : public testing::Test {
 protected:
  ~logs() override { set_log(log_level::off, {}); }
  void listen(log_level least) {
    set_log(least, [this](const log_record& r) { heard_.emplace_back(r.message); });
  }
  std::vector<std::string> heard_;
};

TEST_F(logs, are_silent_until_somebody_listens) {
  EXPECT_EQ(log_threshold(), log_level::off);
  EXPECT_FALSE(log_enabled(log_level::critical));
  log(log_level::critical, "nobody");
  listen(log_level::info);
  log(log_level::info, "somebody");
  EXPECT_THAT(heard_, ElementsAre("somebody"));
}

TEST_F(logs, take_their_level_and_those_above) {
  listen(log_level::warning);
  for (log_level level :
       {log_level::io_debug, log_level::info, log_level::warning, log_level::error, log_level::off})
    log(level, to_string(level));
  EXPECT_THAT(heard_, ElementsAre("warning", "error"));
}

TEST_F(logs, make_no_message_that_nobody_hears) {
  int made = 0;
  auto make = [&] {
    ++made;
    return std::string("message");
  };
  log(log_level::critical, make);
  listen(log_level::info);
  log(log_level::debug, make);
  EXPECT_EQ(made, 0);
  log(log_level::info, make);
  EXPECT_EQ(made, 1);
  EXPECT_THAT(heard_, ElementsAre("message"));
}

TEST_F(logs, know_where_they_come_from) {
  std::optional<std::string> function;
  set_log(log_level::debug, [&](const log_record& r) { function = r.where.function_name(); });
  log(log_level::info, "here");
  EXPECT_THAT(function.value_or(""), HasSubstr("TestBody"));
  function.reset();
  log(log_level::info, [] { return std::string("here"); });
  EXPECT_THAT(function.value_or(""), HasSubstr("TestBody"));
}

TEST_F(logs, a_sink_that_throws_or_logs_does_no_harm) {
  int calls = 0;
  set_log(log_level::debug, [&](const log_record&) {
    ++calls;
    log(log_level::error, "inside");
    EXPECT_THROW(set_log(log_level::off, {}), std::logic_error);
    throw std::runtime_error("sink");
  });
  EXPECT_NO_THROW(log(log_level::info, "one"));
  EXPECT_NO_THROW(log(log_level::info, "two"));
  EXPECT_EQ(calls, 2);
}

TEST_F(logs, hear_many_threads_one_at_a_time_while_sinks_change) {
  std::atomic<int> inside{0}, calls{0};
  std::atomic<bool> alone{true};
  auto sink = [&](const log_record&) {
    if (inside.fetch_add(1) != 0) alone = false;
    ++calls;
    inside.fetch_sub(1);
  };
  set_log(log_level::info, sink);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 2'000; ++i) log(log_level::info, "line");
    });
  for (int i = 0; i < 200; ++i) set_log(log_level::info, sink);
  for (std::thread& t : threads) t.join();
  EXPECT_TRUE(alone);
  EXPECT_EQ(calls, 8'000);
}

TEST(log_levels, are_read_by_name_and_by_number) {
  for (log_level level : {log_level::io_debug, log_level::loop_debug, log_level::debug,
                          log_level::trace, log_level::detail, log_level::info, log_level::warning,
                          log_level::error, log_level::critical, log_level::off}) {
    EXPECT_EQ(parse_log_level(to_string(level)), level);
    EXPECT_EQ(parse_log_level(std::to_string(static_cast<int>(level))), level);
  }
  for (const char* text : {"", "loud", "INFO", "21", "20x", "-1", "99999999999"})
    EXPECT_FALSE(parse_log_level(text)) << text;
}

TEST(log_lines, are_made_for_people) {
  auto where = std::source_location::current();
  auto line = [&](log_level level, std::string_view text, bool colors = false) {
    return format_log(log_record(level, std::chrono::system_clock::now(), text, where), colors);
  };
  EXPECT_THAT(line(log_level::warning, "mind"),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8},[0-9]{3} WARNING: mind"));
  EXPECT_THAT(line(log_level::debug, "step"), HasSubstr(" DEBUG virtual void "));
  EXPECT_THAT(line(log_level::io_debug, "step"), MatchesRegex(".* IODEBUG [0-9]+ - .*: step"));
  EXPECT_THAT(line(log_level::error, "red", true), HasSubstr(" \x1b[31mERROR\x1b[m: red"));
  EXPECT_THAT(line(log_level::info, "a\x1b[2Jb\x7f\tc\nd"), HasSubstr("a^[[2Jb^?\tc\nd"));
}

TEST_F(logs, are_written_to_a_descriptor) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  detail::unique_fd reader(ends[0]), writer(ends[1]);
  set_log(log_level::info, log_to(writer.get()));
  log(log_level::info, "written");
  char bytes[200];
  ssize_t n = ::read(reader.get(), bytes, sizeof bytes);
  ASSERT_GT(n, 0);
  EXPECT_THAT(std::string(bytes, static_cast<std::size_t>(n)),
              testing::EndsWith(" INFO: written\n"));
}

TEST(colors, are_for_terminals_or_on_demand) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  detail::unique_fd reader(ends[0]), writer(ends[1]);
  EXPECT_FALSE(use_colors(color_mode::automatic, writer.get()));
  EXPECT_TRUE(use_colors(color_mode::always, writer.get()));
  detail::unique_fd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal.get() >= 0);
  const char* no_color = ::getenv("NO_COLOR");
  const char* type = ::getenv("TERM");
  std::string before_color = no_color != nullptr ? no_color : "", before_type = type ? type : "";
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  EXPECT_TRUE(use_colors(color_mode::automatic, terminal.get()));
  EXPECT_FALSE(use_colors(color_mode::never, terminal.get()));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(use_colors(color_mode::automatic, terminal.get()));
  ::setenv("NO_COLOR", "", 1);
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(use_colors(color_mode::automatic, terminal.get()));
  no_color != nullptr ? ::setenv("NO_COLOR", before_color.c_str(), 1) : ::unsetenv("NO_COLOR");
  type != nullptr ? ::setenv("TERM", before_type.c_str(), 1) : ::unsetenv("TERM");
}

}  // namespace
}  // namespace execo::test
