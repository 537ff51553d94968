#include "progress.hpp"

#include <fmt/format.h>

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

}  // namespace execo::cli
