#include "groups/group_sources.hpp"

#include <algorithm>

#include "groups/group_files.hpp"

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
    const std::string text = substitute(command.json_, {{"SOURCE", name}});
    const auto load = [text, directory = command.directory_, timeout = command.timeout_] {
      return read_json(run_command(text, directory, timeout));
    };
    add(name, std::make_shared<table_source>(load, times));
    return;
  }
  if (command.map_.empty()) throw source_error(name, "no map command: it is what gives the hosts");
  command_source::commands how{command.map_,       command.all_,     command.list_,
                               command.directory_, command.timeout_, times};
  add(name, std::make_shared<command_source>(name, std::move(how)));
}

group_sources::named_source group_sources::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  if (name.empty()) name = default_;
  if (name.empty() && !sources_.empty()) return sources_.front();
  const auto known = std::ranges::find(sources_, name, &named_source::name);
  if (known != sources_.end()) return *known;
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
                                     int depth) const {
  const std::string text = ask(from.name, [&] { return from.source->members(group); });
  return read_set(text, {this, from.name, depth, true});
}

host_set group_sources::members(std::string_view source, std::string_view group, int depth) const {
  return read_members(find(source), std::string{group}, depth);
}

host_set group_sources::all(std::string_view source, int depth) const {
  const named_source from = find(source);
  if (const auto text = ask(from.name, [&] { return from.source->all(); })) {
    return read_set(*text, {this, from.name, depth, false});
  }
  const auto names = ask(from.name, [&] { return from.source->names(); });
  if (!names) {
    throw source_error(from.name,
                       "Not enough working methods (all or map + list) to get all nodes");
  }
  host_set hosts;
  for (const std::string& group : *names) hosts |= read_members(from, group, depth);
  return hosts;
}

std::vector<std::string> group_sources::names(std::string_view source) const {
  const named_source from = find(source);
  auto names = ask(from.name, [&] { return from.source->names(); });
  if (!names) {
    throw source_error(from.name, "No list upcall defined for group source \"" + from.name + "\"");
  }
  return std::move(*names);
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
