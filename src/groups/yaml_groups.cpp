// Group files use little of YAML: two levels of mappings, texts with or without quotes, lists in
// either style, comments. Anything else is an error with its line, never a wrong group.

#include <algorithm>

#include "groups/group_files.hpp"

namespace execo::detail {

namespace {

struct line {
  std::size_t number;
  std::size_t indent;
  std::string_view text;  // without indent, comment and trailing blanks
};

[[noreturn]] void fail(std::size_t number, const std::string& why) {
  throw source_failure("line " + std::to_string(number) + ": " + why);
}

std::string_view trim(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r");
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

// Where a comment begins: a # after a blank or at the beginning, outside quotes.
std::string_view without_comment(std::string_view text) {
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if ((c == '\'' || c == '"') &&
               (i == 0 || text[i - 1] == ' ' || text[i - 1] == '[' || text[i - 1] == ',')) {
      quote = c;
    } else if (c == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t')) {
      return text.substr(0, i);
    }
  }
  return text;
}

class yaml_reader {
 public:
  explicit yaml_reader(std::string_view text) {
    for (std::size_t number = 1; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view raw = without_comment(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      const std::size_t indent = std::min(raw.find_first_not_of(' '), raw.size());
      const std::string_view content = trim(raw);
      if (content.empty() || content == "---" || content == "...") continue;
      if (raw[indent] == '\t') fail(number, "a tab indents: use blanks");
      lines_.push_back({number, indent, content});
    }
  }

  std::vector<std::pair<std::string, group_table>> read() {
    std::vector<std::pair<std::string, group_table>> sources;
    while (at_ < lines_.size()) {
      const line& l = lines_[at_++];
      if (l.indent != 0) fail(l.number, "a source begins in the first column");
      const auto [name, rest] = entry(l);
      if (rest == "{}" || rest == "null" || rest == "~") continue;
      if (!rest.empty()) fail(l.number, "source \"" + name + "\" has no groups: indent them below");
      sources.emplace_back(name, read_groups());
    }
    return sources;
  }

 private:
  group_table read_groups() {
    group_table table;
    const std::size_t indent = at_ < lines_.size() ? lines_[at_].indent : 0;
    while (at_ < lines_.size() && lines_[at_].indent > 0) {
      const line& l = lines_[at_++];
      if (l.indent != indent) fail(l.number, "indented unlike the group above");
      const auto [name, rest] = entry(l);
      table[name] = rest.empty() ? read_list(indent) : value(rest, l.number);
    }
    return table;
  }

  // Lines "- text" below a group, as far to the right as the group or farther.
  std::string read_list(std::size_t indent) {
    std::string members;
    while (at_ < lines_.size() && lines_[at_].text.starts_with('-') &&
           lines_[at_].indent >= indent) {
      const line& l = lines_[at_++];
      if (l.text.size() > 1 && l.text[1] != ' ') fail(l.number, "a blank is missing after '-'");
      if (!members.empty()) members += ',';
      members += value(trim(l.text.substr(1)), l.number);
    }
    return members;
  }

  std::pair<std::string, std::string_view> entry(const line& l) const {
    std::string_view text = l.text;
    std::string name;
    if (text[0] == '\'' || text[0] == '"') {
      const std::size_t end = text.find(text[0], 1);
      if (end == text.npos) fail(l.number, "the quote is not closed");
      name = text.substr(1, end - 1);
      text = trim(text.substr(end + 1));
      if (!text.starts_with(':')) fail(l.number, "':' is missing after the name");
      return {name, trim(text.substr(1))};
    }
    std::size_t colon = text.find(": ");
    if (colon == text.npos && text.ends_with(':')) colon = text.size() - 1;
    if (colon == text.npos) fail(l.number, "no 'name: hosts' here");
    name = trim(text.substr(0, colon));
    // YAML reads such a name as a number: then it is not the name that was meant.
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
      fail(l.number, "the name " + name + " is not a string (add quotes?)");
    }
    return {name, trim(text.substr(colon + 1))};
  }

  static std::string value(std::string_view text, std::size_t number) {
    if (text == "null" || text == "~") return {};
    if (text.starts_with('[')) {
      if (!text.ends_with(']')) fail(number, "the list is not closed on its line");
      return flow_list(text.substr(1, text.size() - 2), number);
    }
    if (text.empty() || text[0] == '&' || text[0] == '*' || text[0] == '!' || text[0] == '|' ||
        text[0] == '>' || text[0] == '{' || text[0] == '@') {
      fail(number, "put the hosts between quotes");
    }
    return scalar(text, number);
  }

  static std::string scalar(std::string_view text, std::size_t number) {
    if (text[0] != '\'' && text[0] != '"') return std::string{text};
    if (text.size() < 2 || text.back() != text[0]) fail(number, "the quote is not closed");
    return std::string{text.substr(1, text.size() - 2)};
  }

  static std::string flow_list(std::string_view text, std::size_t number) {
    std::string members;
    while (!(text = trim(text)).empty()) {
      std::size_t end = 0;
      if (text[0] == '\'' || text[0] == '"') {
        end = text.find(text[0], 1);
        if (end == text.npos) fail(number, "the quote is not closed");
        ++end;
      } else {
        end = std::min(text.find(','), text.size());
      }
      const std::string_view item = trim(text.substr(0, end));
      if (item.empty()) fail(number, "an empty item in the list");
      if (!members.empty()) members += ',';
      members += scalar(item, number);
      text = trim(text.substr(end));
      if (!text.empty() && text[0] != ',') fail(number, "',' is missing in the list");
      if (!text.empty()) text.remove_prefix(1);
    }
    return members;
  }

  std::vector<line> lines_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::pair<std::string, group_table>> read_yaml(std::string_view text) {
  return yaml_reader{text}.read();
}

}  // namespace execo::detail
