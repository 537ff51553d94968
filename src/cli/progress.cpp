#include "progress.hpp"

#include <fmt/format.h>

#include <array>

#include "tally.hpp"

namespace execo::cli {

std::string progress_words(const action_stats& so_far, duration elapsed) {
  std::string text = fmt::format("execo: {}/{} done, {} ok, {} failed, {} running", so_far.done,
                                 so_far.hosts, so_far.ok, so_far.done - so_far.ok, so_far.running);
  double seconds = std::chrono::duration<double>(elapsed).count();
  if (so_far.done == 0 || seconds <= 0) return text;
  double rate = static_cast<double>(so_far.done) / seconds;
  double left = static_cast<double>(so_far.hosts - so_far.done) / rate;
  text += fmt::format(", {}/s", rate_in_words(rate));
  if (left < 1e6)
    text += ", ETA " + format_duration(std::chrono::round<std::chrono::seconds>(
                           std::chrono::duration<double>(left)));
  return text;
}

namespace {

std::string size_in_words(double bytes) {
  static constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  constexpr double step = 1024;
  for (; bytes >= step && unit + 1 < units.size(); ++unit) bytes /= step;
  return fmt::format("{} {}", rate_in_words(bytes), units[unit]);
}

}  // namespace

std::string copy_words(const copy_progress& so_far, duration elapsed) {
  const auto moved = static_cast<double>(so_far.bytes_moved);
  std::string text = fmt::format(", {}, {} file{}", size_in_words(moved), so_far.files,
                                 so_far.files == 1 ? "" : "s");
  const double seconds = std::chrono::duration<double>(elapsed).count();
  if (seconds > 0) text += fmt::format(", {}/s", size_in_words(moved / seconds));
  if (so_far.bytes_skipped > 0)
    text +=
        fmt::format(", {} were there", size_in_words(static_cast<double>(so_far.bytes_skipped)));
  return text;
}

}  // namespace execo::cli
