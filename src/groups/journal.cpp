#include "execo/journal.hpp"

#include <algorithm>
#include <utility>

#include "groups/journal_reader.hpp"

namespace execo {

std::string_view to_string(journal_state what) noexcept {
  if (what == journal_state::not_started) return "not_started";
  return what == journal_state::unknown ? "unknown" : "done";
}

class journal::state {
 public:
  explicit state(const std::filesystem::path& where)
      : file(where), content(detail::read_journal(where)) {}
  std::filesystem::path file;
  detail::journal_content content;
};

journal::journal(const std::filesystem::path& file) : state_(std::make_shared<const state>(file)) {}

const std::filesystem::path& journal::file() const noexcept { return state_->file; }
const std::string& journal::version() const noexcept { return state_->content.version; }
const std::string& journal::began() const noexcept { return state_->content.began; }
const std::string& journal::command() const noexcept { return state_->content.command; }
const std::vector<std::string>& journal::arguments() const noexcept {
  return state_->content.arguments;
}
const std::string& journal::directory() const noexcept { return state_->content.directory; }
const std::map<std::string, std::string>& journal::connection() const noexcept {
  return state_->content.connection;
}
const std::vector<host>& journal::hosts() const noexcept { return state_->content.hosts; }

host_set journal::hosts(std::string_view word) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < hosts().size(); ++i)
    if (detail::is_in_state(entry(i), word)) names.push_back(hosts()[i].to_string());
  return host_set::from_names(names);
}

std::size_t journal::count(std::string_view word) const {
  (void)detail::is_in_state(journal_entry(), word);
  return static_cast<std::size_t>(std::ranges::count_if(
      state_->content.entries,
      [word](const journal_entry& one) { return detail::is_in_state(one, word); }));
}

const journal_entry& journal::entry(std::size_t index) const {
  return state_->content.entries.at(index);
}

}  // namespace execo
