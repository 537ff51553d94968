#pragma once

// Reads a journal, line by line. It was cut anywhere, or is still being written: what follows the
// last newline is no record.

#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "execo/host.hpp"
#include "execo/journal.hpp"

namespace execo::detail {

inline constexpr int journal_schema = 1;

class journal_content {
 public:
  std::string version, began, command, directory;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> connection;
  std::vector<host> hosts;
  std::vector<journal_entry> entries;  // as many
  std::vector<bool> under_way;         // the same: its last record is an attempt
  std::uint64_t size = 0;              // in bytes, up to the end of the last record
};

/// `name` stands in errors. Throws: journal_error.
[[nodiscard]] journal_content read_journal(std::istream& from, const std::string& name);
[[nodiscard]] journal_content read_journal(const std::filesystem::path& file);

/// Whether hosts in this state are meant. Throws: std::invalid_argument for a word that is none.
[[nodiscard]] bool is_in_state(const journal_entry& entry, std::string_view state);

/// The words of is_in_state().
[[nodiscard]] std::vector<std::string> journal_states();

}  // namespace execo::detail
