#include "ssh/algorithms.hpp"

#include <algorithm>
#include <vector>

#include "base/aes_instructions.hpp"
#include "hosts/wildcard.hpp"

namespace execo::detail {
namespace {

std::vector<std::string_view> names_listed(std::string_view list) {
  std::vector<std::string_view> names;
  while (!list.empty()) {
    std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(name.size() + 1, list.size()));
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

std::string list_of(const std::vector<std::string_view>& names) {
  std::string list;
  for (std::string_view name : names) {
    if (!list.empty()) list += ',';
    list += name;
  }
  return list;
}

}  // namespace

namespace usual_algorithms {

std::string_view ciphers_for(bool has_aes_instructions) {
  if (has_aes_instructions)
    return "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,"
           "aes256-ctr,aes192-ctr,aes128-ctr";
  return "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,"
         "aes256-ctr,aes192-ctr,aes128-ctr";
}

std::string_view ciphers() {
  static const std::string_view list = ciphers_for(has_aes_instructions());
  return list;
}

}  // namespace usual_algorithms

std::string chosen_algorithms(std::string_view written, std::string_view usual) {
  char how = written.empty() ? '\0' : written[0];
  if (how != '+' && how != '-' && how != '^') return std::string(written);
  std::vector<std::string_view> named = names_listed(written.substr(1));
  std::vector<std::string_view> chosen = names_listed(usual);
  auto is_named = [&named](std::string_view name) {
    return std::ranges::any_of(named,
                               [name](std::string_view pattern) { return matches(pattern, name); });
  };
  if (how == '-') {
    std::erase_if(chosen, is_named);
    return list_of(chosen);
  }
  if (how == '^') std::erase_if(chosen, is_named);
  std::erase_if(named, [&chosen](std::string_view name) {
    return std::ranges::find(chosen, name) != chosen.end();
  });
  chosen.insert(how == '^' ? chosen.begin() : chosen.end(), named.begin(), named.end());
  return list_of(chosen);
}

}  // namespace execo::detail
