#include "execo/time.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

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

TEST(durations, units_are_added_up) {
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("5d"), 120h);
  EXPECT_EQ(parse_duration("1w2d3h4m5s6ms7us8ns"), 216h + 3h + 4min + 5s + 6ms + 7us + 8ns);
  EXPECT_EQ(parse_duration("1m2.5s"), 62'500ms);
  EXPECT_EQ(parse_duration("2h0s"), 2h);
}

TEST(durations, clocks_are_read) {
  EXPECT_EQ(parse_duration("1:30:00"), 90min);
  EXPECT_EQ(parse_duration("100:00:01.5"), 100h + 1500ms);
  EXPECT_EQ(parse_duration("0:2:3"), 123s);
  EXPECT_EQ(parse_duration("0:90:00"), 90min) << "as batch schedulers write it";
}

TEST(durations, are_exact_to_the_nanosecond) {
  EXPECT_EQ(parse_duration("0.123456789"), 123'456'789ns);
  EXPECT_EQ(parse_duration("9007199.254740993s"), 9'007'199'254'740'993ns);
  EXPECT_EQ(parse_duration("0.0000000005"), 1ns);
  EXPECT_EQ(parse_duration("0.00000000049999999999999999999999"), 0ns);
  EXPECT_EQ(parse_duration("36500d"), 36'500 * 24h);
}

TEST(durations, what_is_no_duration_is_refused_and_named) {
  for (const char* text :
       {"",        "s",        "ms",     "x",
        "1x",      "1 s",      " 1s",    "1s ",
        "1s2",     "-1s",      "-0.1",   "nan",
        "inf",     "infs",     "nans",   "1e400",
        "1e30",    "1,5s",     "0x10",   "--",
        "1ss",     "3.",       "3.s",    "1m1h",
        "1s1s",    "1.5h30m",  "1h30",   "5:00",
        "1:2:3:4", "1:234:00", ":1:2",   "1::2",
        "1:2:",    "1:2.5:3",  "36501d", "99999999999999999999999999999999999999999999",
        "1e3",     "+1s"}) {
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
  const std::string alphabet = "0123456789.eE+-smhdunw: \t\x80xinfa";
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

TEST(durations, shown_exactly_read_back_as_they_were) {
  EXPECT_EQ(format_duration_exact(0s), "0s");
  EXPECT_EQ(format_duration_exact(1h), "1h0m0s");
  EXPECT_EQ(format_duration_exact(90'061'250ms), "1d1h1m1.25s");
  EXPECT_EQ(format_duration_exact(1ns), "0.000000001s");
  EXPECT_EQ(format_duration_exact(-5s), "-5s");
  EXPECT_EQ(format_duration_exact(duration::min()), "-106751d23h47m16.854775808s");
  std::mt19937_64 random(2);
  for (int i = 0; i < 50'000; ++i) {
    // All magnitudes alike.
    duration d(static_cast<duration::rep>((random() % 3'150'000'000'000'000'000) >> random() % 62));
    EXPECT_EQ(parse_duration(format_duration_exact(d)), d) << d.count();
  }
}

TEST(times, are_shown_in_utc_with_milliseconds) {
  EXPECT_EQ(format_time(time_point(0s)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(time_point(1'795'344'531'123ms)), "2026-11-22T10:48:51.123Z");
  EXPECT_EQ(format_time(time_point(-1ms)), "1969-12-31T23:59:59.999Z");
}

// Local time is that of a named zone while this lives.
class in_zone {
 public:
  explicit in_zone(const char* zone) {
    if (const char* old = std::getenv("TZ")) before_ = old;
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  in_zone(const in_zone&) = delete;
  in_zone& operator=(const in_zone&) = delete;
  ~in_zone() {
    if (before_) {
      ::setenv("TZ", before_->c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }

 private:
  std::optional<std::string> before_;
};

// Central Europe, spelled out: a machine may be without a table of zones.
constexpr const char* paris = "CET-1CEST,M3.5.0,M10.5.0/3";

TEST(times, every_part_may_be_read) {
  in_zone zone(paris);
  const time_point t(1'795'344'531s);  // 2026-11-22T10:48:51Z
  for (const char* text :
       {"2026-11-22T10:48:51Z", "2026-11-22t10:48:51z", "2026-11-22 11:48:51", "1795344531",
        "@1795344531", "26-11-22 11:48:51", "2026-11-22T12:18:51+01:30", "2026-11-22T09:48:51-0100",
        " \t2026-11-22 11:48:51\n", "2026-11-22T11:48:51+01:00"})
    EXPECT_EQ(parse_time(text), t) << text;
  EXPECT_EQ(parse_time("2026-11-22 10:48:51.25Z"), t + 250ms);
  EXPECT_EQ(parse_time("1795344531.000000001"), t + 1ns);
  EXPECT_EQ(parse_time("2026-11-22"), time_point(1'795'302'000s));
  EXPECT_EQ(parse_time("2026-07-01 12:00"), time_point(1'782'900'000s)) << "summer time";
}

TEST(times, what_is_left_out_is_of_today) {
  in_zone zone(paris);
  const time_point now(1'795'344'531s);
  EXPECT_EQ(format_local_time(parse_time("9:05", now)), "2026-11-22 09:05:00+01:00");
  EXPECT_EQ(format_local_time(parse_time("9:05:07.5", now), true), "2026-11-22 09:05:07.500+01:00");
  EXPECT_EQ(format_local_time(parse_time("3 9:05", now)), "2026-11-03 09:05:00+01:00");
  EXPECT_EQ(format_local_time(parse_time("2-3T9:05", now)), "2026-02-03 09:05:00+01:00");
}

TEST(times, what_is_no_time_is_refused_and_named) {
  for (const char* text : {"",
                           "  ",
                           "x",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-11-22T24:00",
                           "2026-11-22T10:60",
                           "2026-11-22T10:48:60",
                           "2026-11-22T10:48:51X",
                           "2026-11-22T",
                           "2026-11",
                           "+0500",
                           "10:",
                           ":10",
                           "2026-11-22T10:48:51+1:00",
                           "2026-11-22T10:48:51+24:00",
                           "1e3",
                           "3.",
                           "1677-12-31",
                           "2262-01-01",
                           "9214646400",
                           "-5",
                           "@",
                           "2026-11-22T10:48:51.Z",
                           "226-1-1 1:00",
                           "2026-111-22 10:00",
                           "1-2-3-4 10:00"}) {
    try {
      auto t = parse_time(text);
      ADD_FAILURE() << "'" << text << "' was read as " << format_time(t);
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), ::testing::HasSubstr("'" + std::string(text) + "'"));
    }
  }
}

TEST(times, shown_exactly_read_back_as_they_were) {
  EXPECT_EQ(format_time_exact(time_point(0s)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_time_exact(time_point(1'795'344'531'120ms)), "2026-11-22T10:48:51.12Z");
  std::mt19937_64 random(3);
  for (const char* zone_name : {paris, "UTC0", "XXX+03:30", "YYY-13:45"}) {
    in_zone zone(zone_name);
    for (int i = 0; i < 5'000; ++i) {
      auto ns = std::uniform_int_distribution<std::int64_t>(-9'000'000'000'000'000'000,
                                                            9'000'000'000'000'000'000)(random);
      time_point t{std::chrono::nanoseconds(ns)};
      EXPECT_EQ(parse_time(format_time_exact(t)), t) << ns;
      auto whole = std::chrono::floor<std::chrono::seconds>(t);
      EXPECT_EQ(parse_time(format_local_time(whole)), whole) << ns;
      auto ms = std::chrono::floor<std::chrono::milliseconds>(t);
      EXPECT_EQ(parse_time(format_local_time(t, true)), ms) << ns;
      EXPECT_EQ(parse_time(format_time(t)), ms) << ns;
    }
  }
}

TEST(times, random_text_never_does_harm) {
  std::mt19937_64 random(4);
  const std::string alphabet = "0123456789:-+TZt. @";
  for (int i = 0; i < 50'000; ++i) {
    std::string text(random() % 26, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    try {
      auto t = parse_time(text);
      EXPECT_EQ(parse_time(format_time_exact(t)), t) << text;
    } catch (const std::invalid_argument&) {
    }
  }
}

}  // namespace
}  // namespace execo::test
