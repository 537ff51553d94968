#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "execo/time.hpp"

namespace execo {

namespace {

__extension__ typedef unsigned __int128 wide;

// 100 years: far below the 292 that nanoseconds in 64 bits hold.
constexpr wide longest = wide{36'500} * 86'400 * 1'000'000'000;

struct unit {
  std::string_view name;
  std::uint64_t ns;
};
constexpr std::uint64_t second = 1'000'000'000;
constexpr std::array<unit, 8> units{{{"w", 604'800 * second},
                                     {"d", 86'400 * second},
                                     {"h", 3'600 * second},
                                     {"m", 60 * second},
                                     {"s", second},
                                     {"ms", 1'000'000},
                                     {"us", 1'000},
                                     {"ns", 1}}};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Reads one duration from the front on. Every step says whether it found what it looked for.
class duration_reader {
 public:
  explicit duration_reader(std::string_view text) : rest_(text) {}

  bool read(wide& total) {
    total = 0;
    if (rest_.find(':') != std::string_view::npos) return clock(total);
    std::size_t next_unit = 0;
    bool first = true;
    do {
      if (!number()) return false;
      std::size_t length = 0;
      while (length < rest_.size() && rest_[length] >= 'a' && rest_[length] <= 'z') ++length;
      std::string_view name = rest_.substr(0, length);
      rest_.remove_prefix(length);
      if (name.empty() && first && rest_.empty()) name = "s";
      std::size_t i = next_unit;
      while (i < units.size() && units[i].name != name) ++i;
      if (i == units.size() || (fraction_seen_ && !rest_.empty())) return false;
      if (!add(total, units[i].ns)) return false;
      next_unit = i + 1;
      first = false;
    } while (!rest_.empty());
    return true;
  }

 private:
  // H:MM:SS[.fraction]
  bool clock(wide& total) {
    for (std::uint64_t ns : {3'600 * second, 60 * second, second}) {
      if (!number() || !add(total, ns)) return false;
      if (whole_digits_ == 0 || (ns != 3'600 * second && whole_digits_ > 2)) return false;
      if (ns == second) return rest_.empty();
      if (fraction_seen_ || rest_.empty() || rest_.front() != ':') return false;
      rest_.remove_prefix(1);
    }
    return false;
  }

  // digits, or digits and a fraction, or a fraction alone; "3." is none.
  bool number() {
    whole_ = fraction_ = 0;
    scale_ = 1;
    whole_digits_ = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), ++whole_digits_)
      if (whole_ <= longest) whole_ = whole_ * 10 + static_cast<unsigned>(rest_.front() - '0');
    fraction_seen_ = !rest_.empty() && rest_.front() == '.';
    if (!fraction_seen_) return whole_digits_ > 0;
    rest_.remove_prefix(1);
    std::size_t digits = 0;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), ++digits) {
      if (digits >= 18) continue;  // far below a nanosecond, even of weeks
      fraction_ = fraction_ * 10 + static_cast<unsigned>(rest_.front() - '0');
      scale_ *= 10;
    }
    return digits > 0;
  }

  bool add(wide& total, std::uint64_t ns) const {
    if (whole_ > longest) return false;
    total += whole_ * ns + (fraction_ * ns + scale_ / 2) / scale_;
    return total <= longest;
  }

  std::string_view rest_;
  wide whole_ = 0;
  wide fraction_ = 0;
  wide scale_ = 1;
  std::size_t whole_digits_ = 0;
  bool fraction_seen_ = false;
};

}  // namespace

duration parse_duration(std::string_view text) {
  wide total = 0;
  if (!duration_reader(text).read(total))
    throw std::invalid_argument("'" + std::string(text) +
                                "' is not a duration: expected 4s, 500ms, 1h30m, 1:30:00 or bare "
                                "seconds");
  return duration(static_cast<duration::rep>(total));
}

std::string format_duration(duration d) {
  double seconds = std::chrono::duration<double>(d).count();
  if (seconds < 0.9995) return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds < 59.95) return fmt::format("{:.3g} s", seconds);
  auto whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} m {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} m", whole / 3600, whole % 3600 / 60);
}

std::string format_duration_exact(duration d) {
  // The magnitude of the least value has no positive counterpart.
  auto left = static_cast<std::uint64_t>(d.count());
  std::string text;
  if (d.count() < 0) {
    left = ~left + 1;
    text = "-";
  }
  bool shown = false;
  for (auto [letter, ns] : {unit{"d", units[1].ns}, units[2], units[3]}) {
    if (!shown && left < ns) continue;
    text += fmt::format("{}{}", left / ns, letter);
    left %= ns;
    shown = true;
  }
  text += fmt::format("{}", left / second);
  if (std::uint64_t rest = left % second; rest != 0) {
    std::string decimals = fmt::format("{:09}", rest);
    text += "." + decimals.substr(0, decimals.find_last_not_of('0') + 1);
  }
  return text + "s";
}

}  // namespace execo
