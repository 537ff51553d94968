#pragma once

// The file formats of group sources. All throw source_failure with the place of the error.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "groups/group_source.hpp"

namespace execo::detail {

/// The maximum size of a file of groups or of a command's output.
constexpr std::size_t max_source_text = std::size_t{256} << 20;

[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// Sections of `key: value` lines, in order, as Python's ConfigParser reads them.
struct ini_section {
  std::string name;
  std::map<std::string, std::string> values;
};
[[nodiscard]] std::vector<ini_section> read_ini(std::string_view text);

/// YAML of sources, each a mapping of groups to a string or a list of strings; no aliases.
[[nodiscard]] std::vector<std::pair<std::string, group_table>> read_yaml(std::string_view text);

/// Lines of `group: hosts`.
[[nodiscard]] group_table read_group_lines(std::string_view text);

/// {"group": ["host", ...]} or an Ansible inventory.
[[nodiscard]] group_table read_json(std::string_view text);

}  // namespace execo::detail
