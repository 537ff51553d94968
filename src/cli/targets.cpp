#include "targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "command_line/text_file.hpp"
#include "command_line/usage_error.hpp"
#include "execo/printable.hpp"

namespace execo::cli {
namespace {

using command_line::usage_error;

constexpr std::string_view blanks = " \t\n\v\f\r";

host_set read_set(std::string_view origin, std::string_view text) {
  try {
    host_set set(text);
    // host_set accepts names with blanks, which hosts do not have.
    if (text.find_first_of(blanks) != text.npos &&
        set.to_string().find_first_of(blanks) != text.npos)
      for (const std::string& name : set)
        if (name.find_first_of(blanks) != name.npos) (void)host(name);
    return set;
  } catch (const std::invalid_argument& error) {
    throw usage_error(fmt::format("{}: {}", origin, printable(error.what())));
  }
}

bool is_file(std::string_view text) {
  return text == "-" || text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
}

// Calls `visit(word)` for each word of the line. Returns whether there is one.
template <class Visit>
bool for_each_word_of(std::string_view line, const Visit& visit) {
  line = line.substr(0, line.find('#'));
  bool any = false;
  while (!line.empty()) {
    std::size_t start = std::min(line.find_first_not_of(blanks), line.size());
    std::size_t end = std::min(line.find_first_of(blanks, start), line.size());
    if (start < end) visit(line.substr(start, end - start));
    any |= start < end;
    line.remove_prefix(end);
  }
  return any;
}

// Calls `visit(place, set)` for each set of a file, or of standard input for "-": any number on a
// line, `#` begins a comment. Returns whether there is one. Throws: usage_error.
template <class Visit>
bool for_each_set_of(std::string_view origin, const std::string& path, const Visit& visit) {
  std::string text = command_line::read_text(origin, path);
  std::string_view rest = text;
  bool any = false;
  for (int number = 1; !rest.empty(); ++number) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string place = fmt::format("{} {} line {}", origin, printable(path), number);
    any |=
        for_each_word_of(rest.substr(0, end), [&](std::string_view word) { visit(place, word); });
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return any;
}

// Refuses names that no host has, with a cure.
host read_host(const std::string& name) {
  if (name.find('/') != name.npos)
    throw usage_error(
        fmt::format("'{}' is not a host: a file of hosts is --hosts-file FILE, or -w with a path "
                    "that begins with "
                    "/, ./ or ../",
                    printable(name)));
  if (name.find('=') != name.npos)
    throw usage_error(
        fmt::format("'{}' is not a host: variables are not allowed here", printable(name)));
  try {
    return host(name);
  } catch (const std::invalid_argument& error) {
    throw usage_error(printable(error.what()));
  }
}

}  // namespace

void target_list::add_set(std::string_view origin, std::string_view text) {
  any_given_ = true;
  host_set read = read_set(origin, text);
  if (read.empty()) {
    nothing_in_.push_back(fmt::format("{} '{}'", origin, printable(text)));
  } else if (read.size() > 1) {
    parts_.emplace_back(std::move(read));
  } else {
    if (parts_.empty() || parts_.back().names.empty()) parts_.emplace_back(host_set());
    parts_.back().names.push_back(read[0]);
  }
}

void target_list::add(std::string_view origin, std::string_view set) {
  if (fixed_) return;
  if (is_file(set)) {
    add_file(origin, std::string(set));
  } else {
    add_set(origin, set);
  }
}

void target_list::note_input(std::string_view origin, std::string_view path) {
  if (path == "-") reads_input_ = origin;
}

void target_list::add_file(std::string_view origin, const std::string& path) {
  if (fixed_) return;
  note_input(origin, path);
  any_given_ = true;
  bool any = for_each_set_of(origin, path, [this](const std::string& place, std::string_view set) {
    add_set(place, set);
  });
  if (!any) nothing_in_.push_back(fmt::format("{} '{}'", origin, printable(path)));
}

void target_list::exclude(std::string_view origin, std::string_view set) {
  if (fixed_) return;
  if (!is_file(set)) {
    excluded_ |= read_set(origin, set);
    return;
  }
  note_input(origin, set);
  bool any = for_each_set_of(origin, std::string(set),
                             [this](const std::string& place, std::string_view part) {
                               excluded_ |= read_set(place, part);
                             });
  if (!any) nothing_in_.push_back(fmt::format("{} '{}'", origin, printable(set)));
}

void target_list::check_given() const {
  if (!any_given_) throw usage_error("no hosts: give them with -w SET or --hosts-file FILE");
  if (allow_empty_ || nothing_in_.empty()) return;
  std::string_view what = parts_.empty() ? "the set of hosts is empty: " : "";
  throw usage_error(fmt::format("{}{} names no host; --allow-empty accepts that", what,
                                fmt::join(nothing_in_, " and ")));
}

// Sets are subtracted and counted as sets: names are made only for hosts that will run.
void target_list::check_size() const {
  std::size_t sum = 0;  // too many, if several parts share a host
  for (const part& p : parts_) sum += p.set.size() + p.names.size();
  if (sum <= max_hosts_) return;
  host_set all;
  for (const part& p : parts_) all |= p.names.empty() ? p.set : host_set::from_names(p.names);
  all -= excluded_;
  if (all.size() > max_hosts_)
    throw usage_error(fmt::format("{} hosts are more than {}: --max-hosts {} allows them",
                                  all.size(), max_hosts_, all.size()));
}

std::vector<host> target_list::hosts() const {
  if (fixed_) return *fixed_;
  check_given();
  check_size();
  std::vector<host> hosts;
  std::unordered_set<std::string> seen;
  const auto add = [&](const std::string& name) {
    const bool is_new = (parts_.size() == 1 && parts_[0].names.empty()) || seen.insert(name).second;
    if (is_new) hosts.push_back(read_host(name));
  };
  for (const part& p : parts_) {
    const host_set wanted = excluded_.empty() ? p.set : p.set - excluded_;
    wanted.for_each([&](std::string_view name) { add(std::string(name)); });
    for (const std::string& name : p.names)
      if (excluded_.empty() || !excluded_.contains(host_set::from_name(name))) add(name);
  }
  if (hosts.empty() && !allow_empty_)
    throw usage_error(
        "the set of hosts is empty: -x takes out every host that was given; --allow-empty lets "
        "that pass");
  return hosts;
}

}  // namespace execo::cli
