#include <nlohmann/json.hpp>
#include <set>

#include "groups/group_files.hpp"
#include "hosts/group_resolver.hpp"

namespace execo::detail {

namespace {

using nlohmann::json;

void append(std::string& list, const std::string& name) {
  if (!list.empty()) list += '\n';
  list += name;
}

// The hosts of one group and, in an Ansible inventory, of the groups in it.
void collect(const json& inventory, const std::string& group, std::string& hosts,
             std::set<std::string>& seen, int depth) {
  const auto found = inventory.find(group);
  if (found == inventory.end() || !seen.insert(group).second) return;
  if (depth > max_group_depth) {
    throw source_failure("group \"" + group + "\" is inside more than " +
                         std::to_string(max_group_depth) + " others");
  }
  const auto append_names = [&](const json& list) {
    if (list.is_string()) append(hosts, list.get<std::string>());
    for (const auto& [key, value] : list.items()) {
      if (list.is_object()) {
        append(hosts, key);
      } else if (value.is_string()) {
        append(hosts, value.get<std::string>());
      } else if (list.is_array()) {
        throw source_failure("group \"" + group + "\": a host is not a string");
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
      collect(inventory, key, hosts, seen, depth + 1);
    } else if (value.is_string()) {
      collect(inventory, value.get<std::string>(), hosts, seen, depth + 1);
    }
  }
}

// Looks at the names of groups alone: the parser keeps the last of two, without a word.
class name_watcher final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*size*/) override { return ++depth_ > 0; }
  bool end_object() override { return depth_-- > 0; }
  bool start_array(std::size_t /*size*/) override { return ++depth_ > 0; }
  bool end_array() override { return depth_-- > 0; }
  bool key(string_t& name) override {
    if (depth_ == 1 && !names_.insert(name).second) {
      throw source_failure("the group \"" + name + "\" appears twice");
    }
    return true;
  }
  bool parse_error(std::size_t /*place*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  int depth_ = 0;
  std::set<std::string> names_;
};

void refuse_doubles(std::string_view text) {
  name_watcher watcher;
  static_cast<void>(json::sax_parse(text, &watcher));
}

}  // namespace

group_table read_json(std::string_view text) {
  const json inventory = json::parse(text, nullptr, false);
  if (!inventory.is_object()) {
    throw source_failure("the answer is not a JSON object of groups");
  }
  refuse_doubles(text);
  group_table table;
  for (const auto& [group, value] : inventory.items()) {
    if (group == "_meta") continue;  // Ansible's variables of hosts
    std::set<std::string> seen;
    collect(inventory, group, table[group], seen, 0);
  }
  return table;
}

}  // namespace execo::detail
