#include "execo/time.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <stdexcept>

namespace execo::test {
namespace {

using namespace std::chrono_literals;

TEST(durations, every_unit_is_read) {
  EXPECT_EQ(parse_duration("4s"), 4s);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("7us"), 7us);
  EXPECT_EQ(parse_duration("9ns"), 9ns);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("2d"), 48h);
  EXPECT_EQ(parse_duration("3"), 3s);
  EXPECT_EQ(parse_duration("0"), 0s);
}

TEST(durations, fractions_are_read) {
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("0.25"), 250ms);
  EXPECT_EQ(parse_duration(".5s"), 500ms);
}

TEST(durations, what_is_no_duration_is_refused_and_named) {
  for (const char* text :
       {"",    "s",   "ms",   "x",    "1x",    "1 s",  " 1s",  "1s ",  "1s2", "-1s", "-0.1",
        "nan", "inf", "infs", "nans", "1e400", "1e30", "1,5s", "0x10", "--",  "1ss"}) {
    try {
      auto d = parse_duration(text);
      ADD_FAILURE() << "'" << text << "' was read as " << d.count() << " ns";
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), ::testing::HasSubstr("'" + std::string(text) + "'"));
    }
  }
}

TEST(durations, random_text_never_does_harm) {
  std::mt19937_64 random(1);
  const std::string alphabet = "0123456789.eE+-smhdun \t\x80xinfa";
  for (int i = 0; i < 50'000; ++i) {
    std::string text(random() % 8, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    try {
      EXPECT_GE(parse_duration(text).count(), 0) << text;
    } catch (const std::invalid_argument&) {
    }
  }
}

TEST(durations, are_shown_with_three_figures) {
  EXPECT_EQ(format_duration(250ms), "250 ms");
  EXPECT_EQ(format_duration(1200ms), "1.2 s");
  EXPECT_EQ(format_duration(12345ms), "12.3 s");
  EXPECT_EQ(format_duration(200s), "3 m 20 s");
  EXPECT_EQ(format_duration(3725s), "1 h 2 m");
  EXPECT_EQ(format_duration(0s), "0 ms");
  EXPECT_EQ(format_duration(1500us), "1.5 ms");
}

TEST(durations, never_show_sixty_seconds_or_a_thousand_milliseconds) {
  for (duration d : {duration(999'499'999ns), duration(999'500'000ns), duration(999'999'999ns),
                     duration(59'949'999'999ns), duration(59'950'000'000ns),
                     duration(3'599'499'999'999ns), duration(3'599'500'000'000ns)}) {
    std::string text = format_duration(d);
    EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("60 "))) << d.count();
    EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("1e+03"))) << d.count();
  }
}

TEST(times, are_shown_in_utc_with_milliseconds) {
  EXPECT_EQ(format_time(time_point(0s)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(time_point(1'795'344'531'123ms)), "2026-11-22T10:48:51.123Z");
  EXPECT_EQ(format_time(time_point(-1ms)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace execo::test
