// Reads the lists of other tools. Here and not in hosts/, because a list of pdsh may name files.

#include "execo/host_list.hpp"

#include <algorithm>
#include <iterator>
#include <regex>
#include <set>

#include "execo/host_set.hpp"
#include "groups/group_files.hpp"
#include "hosts/ordered_list.hpp"
#include "hosts/text_scan.hpp"

namespace execo {

using detail::ordered_list;
using detail::separators;
using detail::split_list;
using detail::trim;

namespace {

namespace fs = std::filesystem;

// The file that a line includes: "#include", blanks and one word. Anything else is a comment.
std::string_view included(std::string_view line) {
  constexpr std::string_view include = "#include";
  if (!line.starts_with(include)) return {};
  line.remove_prefix(include.size());
  const std::string_view name = trim(line);
  const bool is_word = std::ranges::none_of(name, detail::is_blank);
  return line.size() > name.size() && detail::is_blank(line[0]) && is_word ? name
                                                                           : std::string_view{};
}

// Hosts of pdsh may begin with the module that runs their commands: ssh:root@n1.
std::string_view without_module(std::string_view item) {
  const std::size_t colon = item.find(':');
  const std::string_view module = item.substr(0, colon);
  if (colon == item.npos) return item;
  if (module == "ssh") return item.substr(colon + 1);
  constexpr std::string_view others[] = {"rsh",  "mrsh", "krb4",  "qsh",
                                         "mqsh", "exec", "xcpu2", "torque"};
  if (std::ranges::find(others, module) != std::end(others)) {
    throw host_set_error(host_set_errc::syntax,
                         "host list: \"" + std::string{item} + "\" needs the pdsh module " +
                             std::string{module} + ": only ssh is supported",
                         std::string{item});
  }
  return item;
}

// A file of hosts: one list a line, # begins a comment, #include FILE another file in the same
// folder.
void add_file(ordered_list& list, const fs::path& path, std::set<fs::path>& seen) {
  if (!seen.insert(fs::weakly_canonical(path)).second) return;
  std::string text;
  try {
    text = detail::read_file(path);
  } catch (const detail::source_failure& failure) {
    throw host_set_error(host_set_errc::group, std::string{"host list: "} + failure.what(),
                         path.string());
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (const std::string_view name = included(line); !name.empty()) {
      add_file(list, path.parent_path() / name, seen);
      continue;
    }
    for (const std::string_view item :
         split_list(line.substr(0, line.find('#')), separators::commas_and_blanks)) {
      detail::add_item(list, without_module(item), false);
    }
  }
}

// Hosts that an item of a pdsh list adds, or takes away, or the filter that it is.
class pdsh_reader {
 public:
  std::vector<std::string> read(std::string_view text) {
    for (std::string_view item : split_list(text, separators::outside_slashes)) {
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
                           "host list: /" + std::string{item} + "/ is not a regular expression",
                           std::string{item});
    }
  }

  static void add_hosts(ordered_list& list, std::string_view item) {
    if (item[0] != '^') return detail::add_item(list, without_module(item), false);
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
  const bool blanks = syntax == list_syntax::slurm;
  for (std::string_view item :
       split_list(text, blanks ? separators::commas_and_blanks : separators::commas)) {
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
