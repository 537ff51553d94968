#include "process/regex.hpp"

#include <stdexcept>
#include <string>

namespace execo::detail {
namespace {

using encoding = re2::RE2::Options::Encoding;

re2::RE2::Options options(encoding read_as) {
  re2::RE2::Options how;
  how.set_encoding(read_as);
  how.set_log_errors(false);
  return how;
}

/// Beyond ASCII: as they are, or by a property as in \p{L}.
bool names_characters(std::string_view pattern) noexcept {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (static_cast<unsigned char>(pattern[i]) > 0x7f) return true;
    if (pattern[i] != '\\' || ++i == pattern.size()) continue;
    if (pattern[i] == 'p' || pattern[i] == 'P') return true;
  }
  return false;
}

std::string by_lines(std::string_view pattern) { return "(?m)" + std::string(pattern); }

[[noreturn]] void refuse(std::string_view pattern, const std::string& why) {
  throw std::invalid_argument("the pattern '" + std::string(pattern) + "' " + why);
}

// Output may be any bytes, so a pattern is read as bytes, by which RE2 means Latin-1, unless it
// names characters: each of them is two or more bytes there, so that [é] would match a half of one,
// é+ repeat its last byte, and (?i)É no é. In UTF-8, RE2 matches whole characters, and the bytes of
// broken ones by \C alone. A pattern that is broken UTF-8 itself was meant as bytes.
encoding encoding_of(std::string_view pattern) {
  if (!names_characters(pattern)) return encoding::EncodingLatin1;
  re2::RE2 tried(by_lines(pattern), options(encoding::EncodingUTF8));
  bool broken = tried.error_code() == re2::RE2::ErrorBadUTF8;
  return broken ? encoding::EncodingLatin1 : encoding::EncodingUTF8;
}

}  // namespace

regex::regex(std::string_view pattern)
    : compiled_(by_lines(pattern), options(encoding_of(pattern))) {
  if (!compiled_.ok()) refuse(pattern, "is no regular expression: " + compiled_.error());
  groups_ = compiled_.NumberOfCapturingGroups();
  if (groups_ > static_cast<int>(max_groups))
    refuse(pattern, "has more than " + std::to_string(max_groups) + " groups");
  // It would match at once, again and again, whatever comes.
  if (re2::RE2::PartialMatch("", compiled_)) refuse(pattern, "matches the empty text");
}

bool regex::search(std::string_view text, std::size_t from, text_match& to) const noexcept {
  std::array<re2::StringPiece, max_groups + 1> found;
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
