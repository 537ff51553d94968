// Points in time as text: what parse_time() reads, and the ways to show one.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <stdexcept>
#include <string>

#include "execo/time.hpp"

namespace execo {
namespace {

using std::chrono::seconds;
using std::chrono::sys_days;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::tm local_parts(std::time_t t) noexcept {
  std::tm parts{};
  ::localtime_r(&t, &parts);
  return parts;
}

std::time_t whole_seconds(time_point t) noexcept {
  return static_cast<std::time_t>(std::chrono::floor<seconds>(t.time_since_epoch()).count());
}

// Reads one point in time from the front on.
class time_reader {
 public:
  time_reader(std::string_view text, time_point now) : rest_(text), now_(now) {}

  std::optional<time_point> read() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    while (!rest_.empty() && is_blank(rest_.back())) rest_.remove_suffix(1);
    if (rest_.find_first_of(":-") == std::string_view::npos) return stamp();
    if (!date() || !time_of_day() || !zone() || !rest_.empty()) return std::nullopt;
    return value();
  }

 private:
  bool take(char c) noexcept {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Up to `most` digits; nothing if there are fewer than `least`.
  std::optional<int> number(std::size_t least, std::size_t most) noexcept {
    int value = 0;
    std::size_t digits = 0;
    for (; digits < most && !rest_.empty() && is_digit(rest_.front()); ++digits) {
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    last_digits_ = digits;
    if (digits < least) return {};
    return value;
  }

  bool decimals() noexcept {
    std::size_t digits = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); ++digits) {
      if (digits < 9) fraction_ = fraction_ * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    for (std::size_t i = digits; i < 9; ++i) fraction_ *= 10;
    return digits > 0;
  }

  std::optional<time_point> stamp() noexcept {
    (void)take('@');
    std::int64_t whole = 0;
    std::size_t digits = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); ++digits) {
      if (whole > latest) return {};
      whole = whole * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    if (take('.') ? !decimals() : digits == 0) return {};
    if (!rest_.empty() || whole > latest) return {};
    return time_point(seconds(whole)) + std::chrono::nanoseconds(fraction_);
  }

  // [[YEAR-]MONTH-]DAY and what separates it from the time; or nothing, when a time comes at once.
  bool date() noexcept {
    std::size_t colon = rest_.find(':');
    std::size_t separator = rest_.find_first_of("Tt ");
    std::tm today = local_parts(whole_seconds(now_));
    int year = today.tm_year + 1900, month = today.tm_mon + 1, day = today.tm_mday;
    if (separator < colon || colon == std::string_view::npos) {
      int parts[3] = {};
      std::size_t widths[3] = {};
      int count = 0;
      do {
        auto part = number(1, 4);
        if (!part || count == 3) return false;
        widths[count] = last_digits_;
        parts[count++] = *part;
      } while (take('-'));
      for (int i = count == 3 ? 1 : 0; i < count; ++i)
        if (widths[i] > 2) return false;
      day = parts[count - 1];
      if (count > 1) month = parts[count - 2];
      if (count > 2) year = full_year(parts[0], widths[0]);
      dated_ = count == 3;
      if (!rest_.empty()) {
        if (rest_.front() != 'T' && rest_.front() != 't' && rest_.front() != ' ') return false;
        rest_.remove_prefix(1);
        dated_ = false;  // a time has to follow
      }
    }
    date_ = std::chrono::year_month_day(std::chrono::year(year),
                                        std::chrono::month(static_cast<unsigned>(month)),
                                        std::chrono::day(static_cast<unsigned>(day)));
    return date_.ok() && year >= 1678 && year <= 2261;
  }

  static int full_year(int year, std::size_t digits) noexcept {
    if (digits == 4) return year;
    if (digits != 2) return 0;
    return year >= 69 ? 1900 + year : 2000 + year;
  }

  bool time_of_day() noexcept {
    if (rest_.empty() && dated_) return true;
    auto hour = number(1, 2);
    if (!hour || *hour > 23 || !take(':')) return false;
    auto minute = number(1, 2);
    if (!minute || *minute > 59) return false;
    hour_ = *hour;
    minute_ = *minute;
    if (!take(':')) return true;
    auto second = number(1, 2);
    if (!second || *second > 59) return false;
    second_ = *second;
    return !take('.') || decimals();
  }

  bool zone() noexcept {
    if (rest_.empty()) return true;
    offset_ = seconds(0);
    if (take('Z') || take('z')) return true;
    int sign = rest_.front() == '-' ? -1 : 1;
    if (!take('+') && !take('-')) return false;
    auto hours = number(2, 2);
    (void)take(':');
    auto minutes = number(2, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return false;
    offset_ = seconds(sign * (*hours * 3600 + *minutes * 60));
    return true;
  }

  std::optional<time_point> value() const noexcept {
    auto fraction = std::chrono::nanoseconds(fraction_);
    if (offset_) {
      auto day_time = std::chrono::hours(hour_) + std::chrono::minutes(minute_) + seconds(second_);
      return time_point(sys_days(date_).time_since_epoch() + day_time - *offset_ + fraction);
    }
    std::tm parts{};
    parts.tm_year = static_cast<int>(date_.year()) - 1900;
    parts.tm_mon = static_cast<int>(static_cast<unsigned>(date_.month())) - 1;
    parts.tm_mday = static_cast<int>(static_cast<unsigned>(date_.day()));
    parts.tm_hour = hour_;
    parts.tm_min = minute_;
    parts.tm_sec = second_;
    parts.tm_isdst = -1;
    return time_point(seconds(::mktime(&parts)) + fraction);
  }

  static constexpr std::int64_t latest = 9'214'646'399;  // the end of 2261

  std::string_view rest_;
  time_point now_;
  std::chrono::year_month_day date_{};
  std::optional<seconds> offset_;
  std::int64_t fraction_ = 0;
  std::size_t last_digits_ = 0;
  int hour_ = 0;
  int minute_ = 0;
  int second_ = 0;
  bool dated_ = false;  // a whole date, and nothing behind it
};

std::string utc_seconds(time_point t) {
  auto whole = std::chrono::floor<seconds>(t.time_since_epoch());
  auto day = std::chrono::floor<std::chrono::days>(whole);
  std::chrono::year_month_day date{sys_days(day)};
  std::chrono::hh_mm_ss clock(whole - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::chrono::nanoseconds below_a_second(time_point t) {
  return t.time_since_epoch() - std::chrono::floor<seconds>(t.time_since_epoch());
}

}  // namespace

time_point parse_time(std::string_view text, time_point now) {
  if (auto t = time_reader(text, now).read()) return *t;
  throw std::invalid_argument("'" + std::string(text) +
                              "' is not a time: expected 2026-11-22 10:48:51, with a zone as "
                              "2026-11-22T10:48:51Z, 10:48 today or seconds since 1970");
}

std::string format_time(time_point t) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(below_a_second(t));
  return fmt::format("{}.{:03}Z", utc_seconds(t), ms.count());
}

std::string format_time_exact(time_point t) {
  std::string text = utc_seconds(t);
  if (auto rest = below_a_second(t); rest.count() != 0) {
    std::string decimals = fmt::format("{:09}", rest.count());
    text += "." + decimals.substr(0, decimals.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

std::string format_local_time(time_point t, bool milliseconds) {
  std::tm parts = local_parts(whole_seconds(t));
  std::string text =
      fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                  parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (milliseconds) text += fmt::format(".{:03}", below_a_second(t).count() / 1'000'000);
  long minutes = parts.tm_gmtoff / 60;
  return text + fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                            std::abs(minutes) % 60);
}

}  // namespace execo
