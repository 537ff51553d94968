// Reads the lists of other tools. Here and not in hosts/, because a list of pdsh may name files.

#include "execo/host_list.hpp"

#include <regex>
#include <set>

#include "execo/host_set.hpp"
#include "groups/group_files.hpp"
#include "hosts/ordered_list.hpp"

namespace execo {

using detail::ordered_list;

namespace {

namespace fs = std::filesystem;

// A file of hosts: one list a line, # begins a comment, #include FILE another file beside it.
void add_file(ordered_list& list, const fs::path& path, std::set<fs::path>& seen) {
  if (!seen.insert(fs::weakly_canonical(path)).second) return;
  std::string text;
  try {
    text = detail::read_file(path);
  } catch (const detail::source_failure& failure) {
    throw host_set_error(host_set_errc::group, std::string{"host list: "} + failure.what(),
                         path.string());
  }
  constexpr std::string_view include = "#include";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (line.starts_with(include)) {
      const auto names = detail::split_list(line.substr(include.size()), false);
      if (!names.empty()) add_file(list, path.parent_path() / names[0], seen);
      continue;
    }
    const std::string words = detail::join_words(line.substr(0, line.find('#')));
    for (const std::string_view item : detail::split_list(words, false)) {
      detail::add_item(list, item, false);
    }
  }
}

// Hosts that an item of a pdsh list adds, or takes away, or the filter that it is.
class pdsh_reader {
 public:
  std::vector<std::string> read(std::string_view text) {
    for (std::string_view item : detail::split_list(text, true)) {
      const bool exclude = item.size() > 1 && item[0] == '-';
      if (exclude) item.remove_prefix(1);
      if (item[0] == '/') {
        add_filter(item, exclude);
      } else {
        add_hosts(exclude ? excluded_ : hosts_, item);
      }
    }
    hosts_.keep_if([this](const std::string& name) {
      if (excluded_.has(name)) return false;
      for (const auto& [pattern, excludes] : filters_) {
        if (std::regex_search(name, pattern) == excludes) return false;
      }
      return true;
    });
    return hosts_.names();
  }

 private:
  void add_filter(std::string_view item, bool exclude) {
    item.remove_prefix(1);
    if (item.ends_with('/')) item.remove_suffix(1);
    try {
      filters_.emplace_back(std::regex{std::string{item}, std::regex::extended}, exclude);
    } catch (const std::regex_error&) {
      throw host_set_error(host_set_errc::syntax,
                           "host list: /" + std::string{item} + "/ is no regular expression",
                           std::string{item});
    }
  }

  static void add_hosts(ordered_list& list, std::string_view item) {
    if (item[0] != '^') return detail::add_item(list, item, false);
    std::set<fs::path> seen;
    add_file(list, fs::path{item.substr(1)}, seen);
  }

  ordered_list hosts_;
  ordered_list excluded_;
  std::vector<std::pair<std::regex, bool>> filters_;
};

}  // namespace

std::vector<std::string> read_host_list(std::string_view text, list_syntax syntax) {
  if (syntax == list_syntax::pdsh) return pdsh_reader{}.read(text);
  ordered_list hosts;
  for (std::string_view item : detail::split_list(text, false)) {
    std::string_view excluded;
    if (syntax == list_syntax::taktuk) {
      const std::size_t slash = item.find('/');
      if (slash != item.npos) excluded = item.substr(slash + 1);
      item = item.substr(0, slash);
    }
    ordered_list added;
    ordered_list removed;
    detail::add_item(added, item, syntax == list_syntax::taktuk);
    if (!excluded.empty()) detail::add_item(removed, excluded, true);
    for (const std::string& name : added.names()) {
      if (!removed.has(name)) hosts.add(name);
    }
  }
  return hosts.names();
}

}  // namespace execo
