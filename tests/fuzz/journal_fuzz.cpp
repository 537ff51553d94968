// A journal may be cut anywhere, or be no journal at all: it is read, or refused with one line.
// What was read does not depend on what follows the last newline, and no host is in two states.
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "groups/journal_reader.hpp"

namespace {

using execo::detail::is_in_state;
using execo::detail::journal_content;

void require(bool holds) {
  if (!holds) std::abort();
}

bool read(const std::string& text, journal_content& into) {
  std::istringstream from(text);
  try {
    into = execo::detail::read_journal(from, "fuzz");
    return true;
  } catch (const execo::journal_error& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos);
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  journal_content whole;
  if (!read(text, whole)) return 0;
  require(whole.size <= size && (whole.size == 0 || text[whole.size - 1] == '\n'));
  require(whole.entries.size() == whole.hosts.size());
  require(whole.under_way.size() == whole.hosts.size());
  for (std::size_t i = 0; i < whole.entries.size(); ++i) {
    int states = 0;
    for (const char* state : {"ok", "failed", "unknown", "not_started"})
      states += is_in_state(whole.entries[i], state) ? 1 : 0;
    require(states == 1);
    require(!whole.under_way[i] || is_in_state(whole.entries[i], "unknown"));
  }
  journal_content again;
  require(read(text.substr(0, whole.size), again));
  require(again.size == whole.size && again.hosts == whole.hosts);
  return 0;
}
