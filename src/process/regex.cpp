#include "process/regex.hpp"

#include <stdexcept>
#include <string>

namespace execo::detail {
namespace {

re2::RE2::Options options() {
  re2::RE2::Options how;
  how.set_encoding(re2::RE2::Options::EncodingLatin1);
  how.set_log_errors(false);
  return how;
}

std::string by_lines(std::string_view pattern) { return "(?m)" + std::string(pattern); }

[[noreturn]] void refuse(std::string_view pattern, const std::string& why) {
  throw std::invalid_argument("the pattern '" + std::string(pattern) + "' " + why);
}

}  // namespace

regex::regex(std::string_view pattern) : compiled_(by_lines(pattern), options()) {
  if (!compiled_.ok()) refuse(pattern, "is no regular expression: " + compiled_.error());
  groups_ = compiled_.NumberOfCapturingGroups();
  if (groups_ > static_cast<int>(most_groups))
    refuse(pattern, "has more than " + std::to_string(most_groups) + " groups");
  // It would match at once, again and again, whatever comes.
  if (re2::RE2::PartialMatch("", compiled_)) refuse(pattern, "matches the empty text");
}

bool regex::search(std::string_view text, std::size_t from, text_match& to) const noexcept {
  std::array<re2::StringPiece, most_groups + 1> found;
  re2::StringPiece all(text.data(), text.size());
  if (!compiled_.Match(all, from, text.size(), re2::RE2::UNANCHORED, found.data(), groups_ + 1))
    return false;
  to.count = static_cast<std::size_t>(groups_) + 1;
  for (std::size_t i = 0; i < to.count; ++i) {
    to.ranges[i] = text_range();
    if (found[i].data() == nullptr) continue;
    to.ranges[i].begin = static_cast<std::size_t>(found[i].data() - text.data());
    to.ranges[i].end = to.ranges[i].begin + found[i].size();
  }
  return true;
}

std::optional<std::size_t> regex::group_named(std::string_view name) const {
  const auto& names = compiled_.NamedCapturingGroups();
  auto at = names.find(std::string(name));
  if (at == names.end()) return std::nullopt;
  return static_cast<std::size_t>(at->second);
}

}  // namespace execo::detail
