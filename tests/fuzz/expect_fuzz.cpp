// Any pattern is compiled or refused, and any text is searched in pieces of any size: no byte is
// lost or seen twice, a match lies in what was not used up, and for patterns of one line in short
// lines the pieces do not matter.
//
// The input: a byte for the size of the pieces, one for the backtrack, then patterns, each up to an
// LF, up to an empty one, then the text.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "process/regex.hpp"

namespace {

using execo::detail::incremental_search;
using execo::detail::regex;
using execo::detail::text_match;
using execo::detail::text_range;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const text_match& m, std::size_t patterns, std::size_t first, std::size_t size) {
  require(m.pattern < patterns && m.count > 0);
  const text_range whole = m.ranges[0];
  require(whole.begin >= first && whole.begin <= whole.end && whole.end <= size);
  for (std::size_t i = 1; i < m.count; ++i) {
    const text_range group = m.ranges[i];
    if (group.begin == text_range::none) continue;
    require(group.begin >= whole.begin && group.begin <= group.end && group.end <= whole.end);
  }
}

// Gives how many bytes of the text no match used up before the end.
std::size_t run(const std::vector<regex*>& patterns, std::string_view text, std::size_t piece,
                std::size_t backtrack) {
  struct view {
    const std::vector<regex*>& all;
    std::size_t size() const { return all.size(); }
    const regex& operator[](std::size_t i) const { return *all[i]; }
  };
  const view compiled{patterns};
  incremental_search search(backtrack);
  std::string buffer;
  std::size_t cursor = 0;
  std::uint64_t pieces = 0;
  for (std::size_t at = 0; at < text.size(); at += piece, ++pieces) {
    buffer += text.substr(at, piece);
    const std::uint64_t before = search.examined();
    // An empty match uses nothing up: it would be found for ever.
    for (bool goes_on = true; goes_on && search.find(compiled, buffer, cursor, cursor);) {
      const text_match found = search.found();
      check(found, patterns.size(), cursor, buffer.size());
      require(search.find(compiled, buffer, cursor, cursor));
      require(search.found().ranges[0].begin == found.ranges[0].begin);
      require(search.found().ranges[0].end == found.ranges[0].end);
      goes_on = found.ranges[0].end > cursor;
      cursor = found.ranges[0].end;
      search.restart(cursor);
      if (!goes_on) return text.size() - cursor;
    }
    if (cursor == 0) {
      require(search.examined() - before <= (piece + backtrack) * patterns.size());
    }
  }
  return text.size() - cursor;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 4096) return 0;
  const std::size_t piece = std::size_t{data[0]} + 1;
  const std::size_t backtrack = data[1];
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::vector<std::unique_ptr<regex>> kept;
  std::vector<regex*> patterns;
  for (std::size_t end = rest.find('\n'); end != rest.npos && end > 0; end = rest.find('\n')) {
    try {
      kept.push_back(std::make_unique<regex>(rest.substr(0, end)));
      patterns.push_back(kept.back().get());
    } catch (const std::invalid_argument&) {
    }
    rest.remove_prefix(end + 1);
    if (patterns.size() == 4) break;
  }
  static_cast<void>(run(patterns, rest, piece, backtrack));
  static_cast<void>(run(patterns, rest, rest.size() + 1, backtrack));

  // A word and an LF, whole lines apart: the same in any pieces.
  static regex line("^(\\w{1,8})!\\n");
  const std::vector<regex*> lines{&line};
  require(run(lines, rest, piece, 64) == run(lines, rest, rest.size() + 1, 64));
  return 0;
}
