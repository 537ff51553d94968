#include "transfer/files_there.hpp"

#include <algorithm>

#include "transfer/line_words.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {
namespace {

bool is_file(const source_entry& entry) noexcept { return entry.what == source_entry::kind::file; }

bool has_size(std::string_view line, const source_entry& entry) {
  std::uint64_t size = 0;
  return read_number(next_word(line), size) && size == entry.size;
}

bool has_time(std::string_view line, const source_entry& entry) {
  std::int64_t time = 0;
  (void)next_word(line);
  return read_number(line, time) && time == entry.modified;
}

bool is_unchanged(std::string_view line, const source_entry& entry, skip_rule rule,
                  std::string_view digest) {
  if (rule == skip_rule::same_digest) return !digest.empty() && line == digest;
  return rule == skip_rule::same_time && has_size(line, entry) && has_time(line, entry);
}

}  // namespace

std::string names_of_files(const source_tree& tree) {
  const std::size_t top = tree.tops.size() == 1 ? tree.tops.front().size() + 1 : 0;
  std::string all;
  for (const source_entry& entry : tree.entries)
    if (is_file(entry)) all.append("./").append(entry.name, top).push_back('\0');
  return all;
}

std::string key_of_files(const source_tree& tree) {
  sha256 sum;
  for (const source_entry& entry : tree.entries) {
    if (!is_file(entry)) continue;
    std::string text = entry.name + '\0' + std::to_string(entry.size) + '\0' +
                       std::to_string(entry.modified) + '\0';
    sum.update(std::span<const char>(text));
  }
  return sum.hex();
}

std::vector<std::string_view> lines_of_list(std::string_view marks, std::string_view lines,
                                            std::size_t files) {
  std::vector<std::string_view> found(files);
  auto wanted = std::ranges::count(marks, 'y');
  if (marks.size() != files || std::ranges::count(lines, '\n') != wanted) return found;
  for (std::size_t i = 0; i < files; ++i) {
    if (marks[i] != 'y') continue;
    std::size_t end = lines.find('\n');
    found[i] = lines.substr(0, end);
    lines.remove_prefix(end + 1);
  }
  return found;
}

selection choose_entries(const source_tree& tree, const files_there& there, skip_rule rule,
                         const std::vector<std::string>& digests) {
  selection chosen(tree.entries.size(), entry_use::sent);
  std::size_t file = 0;
  for (std::size_t i = 0; i < tree.entries.size(); ++i) {
    const source_entry& entry = tree.entries[i];
    if (!is_file(entry)) continue;
    std::string_view digest = file < digests.size() ? digests[file] : std::string_view();
    if (file < there.old.size() && is_unchanged(there.old[file], entry, rule, digest))
      chosen[i] = entry_use::left_out;
    else if (file < there.kept.size() && has_size(there.kept[file], entry))
      chosen[i] = entry_use::kept;
    ++file;
  }
  return chosen;
}

}  // namespace execo::detail
