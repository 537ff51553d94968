#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

#include "groups/group_files.hpp"

namespace execo::detail {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw source_failure("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<ini_section> read_ini(std::string_view text) {
  const auto trim = [](std::string_view t) {
    const std::size_t from = t.find_first_not_of(" \t\r");
    if (from == t.npos) return std::string_view{};
    return t.substr(from, t.find_last_not_of(" \t\r") - from + 1);
  };
  std::vector<ini_section> sections;
  std::string* last = nullptr;  // a line that begins with a blank goes on with it
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view content = trim(raw);
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    const auto fail = [&](const std::string& why) {
      throw source_failure("line " + std::to_string(number) + ": " + why);
    };
    if (std::isspace(static_cast<unsigned char>(raw[0])) != 0 && last) {
      *last += '\n';
      *last += content;
      continue;
    }
    if (content[0] == '[') {
      if (content.back() != ']') fail("the section is not closed: add ']'");
      sections.push_back({std::string{trim(content.substr(1, content.size() - 2))}, {}});
      last = nullptr;
      continue;
    }
    const std::size_t sign = content.find_first_of(":=");
    if (sign == content.npos) fail("no 'key: value' here");
    if (sections.empty()) fail("a value before the first [section]");
    std::string key{trim(content.substr(0, sign))};
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
    last = &sections.back().values[key];
    *last = trim(content.substr(sign + 1));
  }
  return sections;
}

}  // namespace execo::detail
