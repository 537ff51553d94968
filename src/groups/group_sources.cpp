#include "groups/group_sources.hpp"

#include <algorithm>

#include "execo/log.hpp"
#include "groups/group_files.hpp"
#include "groups/run_registry.hpp"
#include "hosts/text_scan.hpp"

namespace execo::detail {

namespace {

host_set_error source_error(const std::string& source, const std::string& why) {
  return {host_set_errc::group, "group source \"" + source + "\": " + why, source};
}

// Runs a question to a source; its name belongs in the error.
template <class Ask>
auto ask(const std::string& source, const Ask& question) {
  try {
    return question();
  } catch (const source_failure& failure) {
    throw source_error(source, failure.what());
  }
}

void warn(const std::string& source, const std::string& why) {
  log(log_level::warning, [&] { return "group source \"" + source + "\": " + why; });
}

// Whether @name can mean it.
bool is_legal(std::string_view name) {
  constexpr std::string_view illegal = "@,!&^*[]";
  return !name.empty() && std::ranges::none_of(name, [&](char c) {
    return is_blank(c) || illegal.find(c) != illegal.npos;
  });
}

// What one reading has read before is not read again: groups that name each other many times cost
// no more than their number.
template <class Read>
host_set read_once(const group_place& place, const std::string& source, std::string_view group,
                   const Read& read) {
  if (!place.known) return read();
  std::string key = source;
  key.append(place.wildcards ? "\n*" : "\n").append(group);
  if (const auto known = place.known->find(key); known != place.known->end()) return known->second;
  host_set hosts = read();
  place.known->emplace(std::move(key), hosts);
  return hosts;
}

}  // namespace

group_sources::group_sources(const group_sources& other) : group_resolver() {
  const std::lock_guard lock(other.mutex_);
  sources_ = other.sources_;
  default_ = other.default_;
}

void group_sources::add(const std::string& name, std::shared_ptr<group_source> source) {
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find(sources_, name, &named_source::name);
  if (known != sources_.end()) {
    known->source = std::move(source);
  } else {
    sources_.push_back({name, std::move(source)});
  }
}

void group_sources::add(const std::string& name, const group_command& command) {
  const cache_times times{command.cache_, command.stale_};
  if (!command.json_.empty()) {
    if (!command.map_.empty() || !command.all_.empty() || !command.list_.empty() ||
        !command.map_all_.empty() || !command.reverse_.empty()) {
      throw source_error(name, "json replaces the other commands: remove them, or json");
    }
    const std::string text = substitute(command.json_, {{"SOURCE", name}});
    const auto load = [text, directory = command.directory_, timeout = command.timeout_] {
      return read_json(run_command(text, directory, timeout));
    };
    add(name, std::make_shared<table_source>(load, times));
    return;
  }
  if (command.map_.empty() && command.map_all_.empty()) {
    throw source_error(name, "no map command, which lists the hosts of a group");
  }
  command_source::commands how{
      command.map_,     command.all_,       command.list_,    command.map_all_,
      command.reverse_, command.directory_, command.timeout_, times};
  add(name, std::make_shared<command_source>(name, std::move(how)));
}

group_sources::named_source group_sources::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (name.empty()) name = default_;
  if (name.empty() && !sources_.empty()) return sources_.front();
  const auto known = std::ranges::find(sources_, name, &named_source::name);
  if (known != sources_.end()) return *known;
  // Not among those that are listed, which a configuration names.
  if (auto run = find_run_source(name)) return {std::string{name}, std::move(run)};
  if (sources_.empty()) {
    throw host_set_error(host_set_errc::group_source,
                         "no group source: groups and wildcards need a groups.conf",
                         std::string{name});
  }
  throw host_set_error(host_set_errc::group_source,
                       "Unknown group source: \"" + std::string{name} + "\"", std::string{name});
}

void group_sources::set_default(const std::string& name) {
  const named_source found = find(name);
  const std::lock_guard lock(mutex_);
  default_ = found.name;
}

std::vector<std::string> group_sources::source_names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const named_source& s : sources_) names.push_back(s.name);
  const auto first = std::ranges::find(names, default_);
  if (first != names.end()) std::rotate(names.begin(), first, first + 1);
  return names;
}

host_set group_sources::read_members(const named_source& from, const std::string& group,
                                     const group_place& place) const {
  return read_once(place, from.name, group, [&] {
    const auto text = ask(from.name, [&] { return from.source->members(group); });
    if (!text) {
      throw host_set_error(host_set_errc::no_group,
                           "group source \"" + from.name + "\" has no group \"" + group + '"',
                           group);
    }
    return read_set(normalize(*text), {this, from.name, place});
  });
}

host_set group_sources::members(std::string_view source, std::string_view group,
                                const group_place& place) const {
  return read_members(find(source), std::string{group}, place);
}

// Wildcards choose from all hosts: what looks like one in there is text.
host_set group_sources::all(std::string_view source, const group_place& place) const {
  group_place within = place;
  within.wildcards = false;
  const named_source from = find(source);
  return read_once(within, from.name, "*", [&] { return read_all(from, within); });
}

host_set group_sources::read_all(const named_source& from, const group_place& place) const {
  if (const auto text = ask(from.name, [&] { return from.source->all(); })) {
    return read_set(normalize(*text), {this, from.name, place});
  }
  auto names = ask(from.name, [&] { return from.source->names(); });
  if (!names) {
    throw host_set_error(host_set_errc::no_list,
                         "group source \"" + from.name +
                             "\": Not enough working methods (all or map + list) to get all nodes",
                         from.name);
  }
  host_set hosts;
  for (const std::string& group : legal_names(from, std::move(*names))) {
    hosts |= read_members(from, group, place);
  }
  return hosts;
}

std::vector<std::string> group_sources::legal_names(const named_source& from,
                                                    std::vector<std::string> names) const {
  std::erase_if(names, [&](const std::string& name) {
    if (is_legal(name)) return false;
    warn(from.name, "illegal character in the group name \"" + name + "\": left out");
    return true;
  });
  return names;
}

std::vector<std::string> group_sources::names(std::string_view source) const {
  const named_source from = find(source);
  auto names = ask(from.name, [&] { return from.source->names(); });
  if (!names) {
    throw host_set_error(host_set_errc::no_list,
                         "No list upcall defined for group source \"" + from.name + '"', from.name);
  }
  return legal_names(from, std::move(*names));
}

// A command for each host is worth it only while there are more groups to map.
bool group_sources::prefers_reverse(const named_source& from, const host_set& hosts) const {
  if (!from.source->has_reverse() || hosts.empty()) return false;
  if (hosts.size() == 1) return true;
  try {
    const auto names = from.source->names();
    return !names || names->empty() || names->size() >= hosts.size();
  } catch (const source_failure&) {
    return true;
  }
}

std::optional<std::vector<std::string>> group_sources::groups_of(std::string_view source,
                                                                 const host_set& hosts) const {
  const named_source from = find(source);
  if (!prefers_reverse(from, hosts)) return std::nullopt;
  std::vector<std::string> found;
  try {
    for (const std::string host : hosts) {
      const auto names = from.source->groups_of(host);
      found.insert(found.end(), names.begin(), names.end());
    }
  } catch (const source_failure& failure) {
    warn(from.name, std::string{failure.what()} + ": the search for groups of hosts stops here");
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return legal_names(from, std::move(found));
}

const std::shared_ptr<group_sources>& standard_sources() {
  static const auto sources = [] {
    auto made = std::make_shared<group_sources>();
    made->add_standard();
    return made;
  }();
  return sources;
}

const group_resolver& standard_group_resolver() { return *standard_sources(); }

}  // namespace execo::detail
