#include <nlohmann/json.hpp>
#include <set>

#include "groups/group_files.hpp"

namespace execo::detail {

namespace {

using nlohmann::json;

void append(std::string& list, const std::string& name) {
  if (!list.empty()) list += ',';
  list += name;
}

// The hosts of one group and, in an Ansible inventory, of the groups in it.
void collect(const json& inventory, const std::string& group, std::string& hosts,
             std::set<std::string>& seen) {
  const auto found = inventory.find(group);
  if (found == inventory.end() || !seen.insert(group).second) return;
  const auto append_names = [&](const json& list) {
    if (list.is_string()) append(hosts, list.get<std::string>());
    for (const auto& [key, value] : list.items()) {
      if (list.is_object()) {
        append(hosts, key);
      } else if (value.is_string()) {
        append(hosts, value.get<std::string>());
      } else if (list.is_array()) {
        throw source_failure("group \"" + group + "\": a host is not a text");
      }
    }
  };
  if (!found->is_object()) {
    if (!found->is_array() && !found->is_string() && !found->is_null()) {
      throw source_failure("group \"" + group + "\" is neither a list nor an object");
    }
    return append_names(*found);
  }
  if (const auto list = found->find("hosts"); list != found->end()) append_names(*list);
  const auto children = found->find("children");
  if (children == found->end()) return;
  for (const auto& [key, value] : children->items()) {
    if (children->is_object()) {
      collect(inventory, key, hosts, seen);
    } else if (value.is_string()) {
      collect(inventory, value.get<std::string>(), hosts, seen);
    }
  }
}

}  // namespace

group_table read_json(std::string_view text) {
  const json inventory = json::parse(text, nullptr, false);
  if (!inventory.is_object()) {
    throw source_failure("the answer is no JSON object of groups");
  }
  group_table table;
  for (const auto& [group, value] : inventory.items()) {
    if (group == "_meta") continue;  // Ansible's variables of hosts
    std::set<std::string> seen;
    collect(inventory, group, table[group], seen);
  }
  return table;
}

}  // namespace execo::detail
