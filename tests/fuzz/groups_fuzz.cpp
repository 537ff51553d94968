// Group files of any content are read or refused with one line; whatever their groups are made of,
// every question to them has an answer or an error, in bounded time, memory and depth. Commands are
// not run: the values of a groups.conf are taken for what its commands would print.

#include <cstdint>
#include <cstdlib>
#include <execo/groups.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "groups/group_files.hpp"
#include "groups/group_source.hpp"
#include "groups/group_sources.hpp"
#include "set_bounds.hpp"

namespace {

using execo::host_set;
using execo::host_set_error;
using namespace execo::detail;

void require(bool holds) {
  if (!holds) std::abort();
}

// Answers with the values of a section: a key for each group, and those that are commands.
class scripted_source final : public group_source {
 public:
  explicit scripted_source(std::map<std::string, std::string> values)
      : values_(std::move(values)) {}

  std::optional<std::string> members(const std::string& group) override {
    if (auto own = value("map." + group)) return own;
    return value("map");
  }
  std::optional<std::string> all() override { return value("all"); }
  std::optional<std::vector<std::string>> names() override {
    const auto list = value("list");
    if (!list) return std::nullopt;
    return names_in(*list);
  }
  bool has_reverse() const override { return values_.contains("reverse"); }
  std::vector<std::string> groups_of(const std::string& /*host*/) override {
    return words_of(value("reverse").value_or(""));
  }

 private:
  std::optional<std::string> value(const std::string& key) const {
    const auto found = values_.find(key);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

  std::map<std::string, std::string> values_;
};

template <class Ask>
void answers_or_throws(const Ask& ask) {
  try {
    ask();
  } catch (const host_set_error& error) {
    require(std::string_view{error.what()}.find('\n') == std::string_view::npos);
  }
}

void ask_all(const execo::groups& groups) {
  host_set some = "n[1-3]";
  std::size_t asked = 0;
  for (const std::string& source : groups.sources()) {
    if (++asked > 4) break;
    answers_or_throws([&] { some |= groups.all(source); });
    if (some.size() > 5000) some = "n[1-3]";
    std::vector<std::string> names;
    answers_or_throws([&] { names = groups.names(source); });
    if (names.size() > 8) names.resize(8);
    for (const std::string& name : names) {
      require(name.find_first_of("@,!&^*[] \n") == name.npos);
      answers_or_throws([&] { static_cast<void>(groups.read("@" + source + ":" + name)); });
      answers_or_throws([&] { static_cast<void>(groups.members(name, source)); });
    }
    answers_or_throws([&] { static_cast<void>(groups.read("n*,@*,@typo", source)); });
    answers_or_throws([&] { static_cast<void>(groups.read("n?!@" + source + ":*")); });
    answers_or_throws([&] { static_cast<void>(groups.names_of(some, source)); });
    answers_or_throws([&] {
      const std::string text = groups.regroup(some, source);
      require(!text.empty());
    });
  }
}

void ask_scripted(std::string_view text) {
  group_sources sources;
  for (const ini_section& section : read_ini(text)) {
    sources.add(section.name, std::make_shared<scripted_source>(section.values));
  }
  const host_set hosts = "n[1-3]";
  for (const std::string& source : sources.source_names()) {
    for (const char* set : {"@a", "@*", "n*", "@@", "@b!@c", "@a[1-3]"}) {
      answers_or_throws([&] { static_cast<void>(read_set(set, {&sources, source})); });
    }
    answers_or_throws([&] { static_cast<void>(sources.groups_of(source, hosts)); });
    answers_or_throws([&] { static_cast<void>(sources.names(source)); });
  }
}

void read_as(unsigned kind, std::string_view text) {
  execo::groups groups;
  if (kind == 0) {
    for (const auto& [source, table] : read_yaml(text)) groups.add(source, table);
  } else if (kind == 1) {
    groups.add("json", read_json(text));
  } else if (kind == 2) {
    return ask_scripted(text);
  } else {
    groups.add("lines", read_group_lines(text));
  }
  ask_all(groups);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 2048) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
  if (execo::fuzz::set_bounds{text}.too_large(2000)) return 0;
  const std::string normal = normalize(text);
  require(normalize(normal) == normal);
  try {
    read_as(data[0] % 4, text);
  } catch (const source_failure& failure) {
    require(std::string_view{failure.what()}.find('\n') == std::string_view::npos);
  }
  return 0;
}
