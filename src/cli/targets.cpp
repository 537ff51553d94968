#include "targets.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>

#include <fstream>

#include "arguments.hpp"
#include "execo/printable.hpp"

namespace execo::cli {
namespace {

constexpr std::string_view blanks = " \t\n\v\f\r";

host_set read_set(std::string_view origin, std::string_view text) {
  try {
    host_set set(text);
    // Sets may be of other things than hosts, and their names have blanks then.
    if (text.find_first_of(blanks) != text.npos)
      for (const std::string& name : set)
        if (name.find_first_of(blanks) != name.npos) (void)host(name);
    return set;
  } catch (const std::invalid_argument& error) {
    throw usage_error(fmt::format("{}: {}", origin, printable(error.what())));
  }
}

}  // namespace

void target_list::add_set(const host_set& set) {
  any_given_ = true;
  names_.reserve(names_.size() + set.size());
  for (std::string name : set)
    if (seen_.insert(name).second) names_.push_back(std::move(name));
}

void target_list::add(std::string_view origin, std::string_view set) {
  host_set read = read_set(origin, set);
  if (read.empty()) nothing_in_.push_back(fmt::format("{} '{}'", origin, printable(set)));
  add_set(read);
}

void target_list::add_file(std::string_view origin, const std::string& path) {
  any_given_ = true;
  const std::size_t before = names_.size();
  errno = 0;
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::string_view rest = line;
    rest = rest.substr(0, rest.find('#'));
    constexpr std::string_view blank = " \t\r\v\f";
    while (!rest.empty()) {
      std::size_t start = std::min(rest.find_first_not_of(blank), rest.size());
      std::size_t end = std::min(rest.find_first_of(blank, start), rest.size());
      if (start < end)
        add_set(read_set(fmt::format("{} {} line {}", origin, printable(path), number),
                         rest.substr(start, end - start)));
      rest.remove_prefix(end);
    }
    errno = 0;
  }
  // A directory opens and fails when it is read; getline tells both by badbit or failbit alone.
  if (errno != 0 || file.bad() || !file.eof())
    throw usage_error(fmt::format("{} '{}' cannot be read: {}", origin, printable(path),
                                  ::strerror(errno != 0 ? errno : EIO)));
  if (names_.size() == before)
    nothing_in_.push_back(fmt::format("{} '{}'", origin, printable(path)));
}

void target_list::exclude(std::string_view origin, std::string_view set) {
  excluded_ |= read_set(origin, set);
}

std::vector<host> target_list::hosts() const {
  if (!any_given_) throw usage_error("no hosts: give them with -w SET or --hosts-file FILE");
  if (names_.empty())
    throw usage_error(fmt::format("the set of hosts is empty: {} names no host",
                                  fmt::join(nothing_in_, " and ")));
  std::vector<host> hosts;
  hosts.reserve(names_.size());
  for (const std::string& name : names_) {
    if (!excluded_.empty() && excluded_.contains(host_set::from_name(name))) continue;
    try {
      hosts.emplace_back(name);
    } catch (const std::invalid_argument& error) {
      throw usage_error(printable(error.what()));
    }
  }
  if (hosts.empty())
    throw usage_error("the set of hosts is empty: -x takes out every host that was given");
  return hosts;
}

}  // namespace execo::cli
