#include "ssh/become_watch.hpp"

#include <cassert>
#include <utility>

namespace execo::detail {
namespace {

// Of what comes before the command: more than any mark, and enough for a message.
constexpr std::size_t max_words = 4096;

}  // namespace

// Drops all up to the end of the mark. False: it is not there.
bool become_watch::skip(stream which, const std::string& mark) {
  std::string& held = of(which);
  std::size_t at = held.find(mark);
  if (at == held.npos) return false;
  held.erase(0, at + mark.size());
  return true;
}

become_watch::event become_watch::next(stream which) {
  assert(!has_passed(which));
  if (is_talk(which) && !has_begun_) has_begun_ = skip(which, marks_.begun);
  // The command's own words may look like a prompt: what comes first counts.
  std::string& held = of(which);
  std::size_t prompt = held.npos;
  if (is_talk(which) && has_begun_) prompt = find_become_prompt(held, who_, marks_);
  std::size_t start = held.find(marks_.started);
  if (prompt < start) {
    held.erase(0, prompt);
    return event::prompt;
  }
  if (start != held.npos) {
    (void)skip(which, marks_.started);
    passed_[index(which)] = true;
    return event::started;
  }
  if (held.size() > max_words) held.erase(0, held.size() - max_words);
  return event::none;
}

}  // namespace execo::detail
