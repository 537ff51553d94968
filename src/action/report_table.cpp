// The table of a report.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "execo/printable.hpp"
#include "execo/report.hpp"

namespace execo {
namespace {

constexpr std::size_t name_width = 31;
constexpr std::size_t date_width = 19;
constexpr std::size_t length_width = 15;
constexpr std::size_t count_width = 7;
constexpr std::size_t narrow = 79;
constexpr std::size_t wide = name_width + 2 * date_width + length_width + 10 * count_width + 3;

constexpr std::array<std::string_view, 9> counted{"startd", "ended",  "error",  "timout", "cancld",
                                                  "killed", "fkilld", "ret!=0", "ok"};

bool continues(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Left-aligned in `width` columns, one for each code point; longer text is cut with "...".
std::string cell(std::string_view text, std::size_t width) {
  std::string shown = printable(text);
  std::size_t columns = 0;
  std::size_t short_end = 0;  // where the text is cut if it is too long
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (continues(shown[i])) continue;
    if (columns == width) return shown.substr(0, short_end) + "...";
    if (columns == width - 3) short_end = i;
    ++columns;
  }
  return shown.append(width - columns, ' ');
}

std::string date(const std::optional<time_point>& t, bool utc) {
  if (!t) return cell("-", date_width);
  std::string text = utc ? format_time(*t) : format_local_time(*t);
  text = text.substr(0, date_width);
  text[10] = ' ';
  return text;
}

std::string length(const report_stats& s) {
  auto passed = s.length();
  if (!passed) return cell("-", length_width);
  return cell(format_duration_exact(std::chrono::round<std::chrono::milliseconds>(*passed)),
              length_width);
}

std::string counts(const report_stats& s) {
  std::string text;
  for (std::size_t n : {s.started, s.ended, s.errors, s.timeouts, s.cancelled, s.killed,
                        s.forced_kills, s.bad_exits, s.ok})
    text += fmt::format(" {:>{}}", n, count_width - 1);
  return text;
}

void end_line(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
  line += '\n';
}

class table {
 public:
  explicit table(const report_options& how) : how_(how) {}

  std::string show(const report_stats& total) {
    heading();
    rule();
    if (!how_.is_brief()) {
      std::vector<const report_stats*> sorted;
      for (const report_stats& part : total.parts) sorted.push_back(&part);
      std::ranges::stable_sort(sorted, [](const report_stats* a, const report_stats* b) {
        if (!a->start || !b->start) return a->start.has_value() && !b->start;
        return *a->start < *b->start;
      });
      for (const report_stats* part : sorted) add(*part, 0);
      if (!sorted.empty()) rule();
    }
    entry(total, 0);
    return std::move(text_);
  }

 private:
  void heading() {
    std::string first = fmt::format("{} {} {}", cell("Name", name_width), cell("start", date_width),
                                    cell("end", date_width));
    std::string second = how_.is_wide() ? "" : " ";
    second += cell("length", length_width);
    for (std::string_view word : counted) second += fmt::format(" {:>{}}", word, count_width - 1);
    put(first, second, total("total"));
  }

  void rule() {
    text_.append(how_.is_wide() ? wide : narrow, '-');
    text_ += '\n';
  }

  void add(const report_stats& s, std::size_t depth) {
    entry(s, depth);
    for (const report_stats& part : s.parts) add(part, depth + 1);
  }

  void entry(const report_stats& s, std::size_t depth) {
    std::string_view color = how_.has_colors() ? color_of(s) : "";
    text_ += color;
    // Beyond this depth the names would have no room.
    std::string indent(2 * std::min<std::size_t>(depth, 8), ' ');
    std::string first = fmt::format("{} {} {}", cell(indent + s.name, name_width),
                                    date(s.start, how_.is_utc()), date(s.end, how_.is_utc()));
    std::string second = (how_.is_wide() ? "" : " ") + length(s) + counts(s);
    put(first, second, total(std::to_string(s.total)));
    if (s.incomplete > 0)
      text_ += fmt::format(" {}{} without all of the output\n", how_.is_wide() ? "" : indent,
                           s.incomplete);
    if (!color.empty()) text_.insert(text_.size() - 1, "\x1b[m");
  }

  std::string total(std::string_view text) const {
    return fmt::format("{:>{}}", text, how_.is_wide() ? count_width : count_width + 1);
  }

  // Wide: one line with the total last. Otherwise two lines with the total in the first.
  void put(std::string first, std::string second, const std::string& last) {
    if (how_.is_wide()) {
      first += " " + second + last;
    } else {
      first += last;
      end_line(first);
      first += second;
    }
    end_line(first);
    text_ += first;
  }

  static std::string_view color_of(const report_stats& s) noexcept {
    if (s.errors + s.bad_exits > 0) return "\x1b[31;1m";
    return s.ok < s.ended ? "\x1b[35;1m" : "";
  }

  const report_options& how_;
  std::string text_;
};

}  // namespace

std::string report::to_string(const report_options& how) const { return table(how).show(stats()); }

}  // namespace execo
