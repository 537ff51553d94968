#include "execo/groups.hpp"

#include <algorithm>

#include "execo/log.hpp"
#include "groups/group_files.hpp"
#include "groups/group_sources.hpp"

namespace execo {

using detail::group_sources;

groups::groups() : sources_(std::make_shared<group_sources>()) {}
groups::groups(std::shared_ptr<group_sources> sources) noexcept : sources_(std::move(sources)) {}

groups groups::standard() { return groups{detail::standard_sources()}; }

// Copies share the sources until one of them is changed.
group_sources& groups::own() {
  if (sources_.use_count() > 1) sources_ = std::make_shared<group_sources>(*sources_);
  return *sources_;
}

groups groups::from_file(const std::filesystem::path& groups_conf) {
  groups made;
  made.own().add_file(std::filesystem::absolute(groups_conf));
  return made;
}

groups& groups::add(const std::string& source, const std::map<std::string, std::string>& members) {
  own().add(source, std::make_shared<detail::table_source>(members));
  return *this;
}

groups& groups::add(const std::string& source, const group_command& command) {
  own().add(source, command);
  return *this;
}

groups& groups::add_json(const std::string& source, std::string_view text) {
  try {
    return add(source, detail::read_json(text));
  } catch (const detail::source_failure& failure) {
    throw host_set_error(host_set_errc::group, "group source \"" + source + "\": " + failure.what(),
                         source);
  }
}

groups& groups::set_default(const std::string& source) {
  own().set_default(source);
  return *this;
}

std::vector<std::string> groups::sources() const { return sources_->source_names(); }

std::vector<std::string> groups::names(std::string_view source) const {
  return sources_->names(source);
}

host_set groups::members(std::string_view group, std::string_view source) const {
  return sources_->members(source, group, {});
}

host_set groups::all(std::string_view source) const { return sources_->all(source, {}); }

host_set groups::read(std::string_view text, std::string_view source) const {
  return detail::read_set(text, {sources_.get(), source});
}

std::vector<group_match> groups::matches(const host_set& hosts, std::string_view source) const {
  std::string prefix = "@";
  if (!source.empty()) prefix += std::string{source} + ":";
  auto candidates = sources_->groups_of(source, hosts);
  std::map<std::string, host_set> known;
  std::vector<group_match> found;
  for (const std::string& name : candidates ? *candidates : names(source)) {
    try {
      const host_set all = sources_->members(source, name, {0, true, &known});
      host_set common = all & hosts;
      if (!common.empty()) found.emplace_back(prefix + name, std::move(common), all.size());
    } catch (const host_set_error& error) {
      log(log_level::warning, [&] { return "group " + prefix + name + ": " + error.what(); });
    }
  }
  return found;
}

std::vector<std::string> groups::names_of(const host_set& hosts, std::string_view source) const {
  if (auto found = sources_->groups_of(source, hosts)) return std::move(*found);
  std::vector<std::string> names;
  for (const group_match& match : matches(hosts, source)) {
    names.push_back(match.group.substr(source.empty() ? 1 : source.size() + 2));
  }
  return names;
}

std::string groups::regroup(const host_set& hosts, std::string_view source,
                            const fold_style& style) const {
  std::vector<group_match> whole;
  try {
    whole = matches(hosts, source);
  } catch (const host_set_error& error) {
    if (error.code() == host_set_errc::group_source) throw;
  }
  std::erase_if(whole, [](const group_match& m) { return m.common.size() < m.size; });
  std::ranges::sort(whole, [](const group_match& a, const group_match& b) {
    return a.size != b.size ? a.size > b.size : a.group < b.group;
  });
  host_set rest = hosts;
  host_set taken;
  for (const group_match& match : whole) {
    if (!rest.contains(match.common)) continue;
    rest -= match.common;
    taken |= host_set::from_name(match.group);
  }
  std::string text = taken.to_string(style);
  if (!text.empty() && !rest.empty()) text += ',';
  return text + rest.to_string(style);
}

}  // namespace execo
