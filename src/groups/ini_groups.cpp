#include <algorithm>
#include <cctype>

#include "base/read_file.hpp"
#include "groups/group_files.hpp"
#include "hosts/text_scan.hpp"

namespace execo::detail {

std::string read_file(const std::filesystem::path& path) {
  std::string text;
  std::string problem;
  if (read_file(path.string(), file_kind::any, max_source_text, text, problem) == file_read::whole)
    return text;
  throw source_failure(problem.starts_with("is ")
                           ? path.string() + " " + problem
                           : "cannot read " + path.string() + ": " + problem);
}

namespace {

// Python's ConfigParser, which groups.conf is written for, by its rule: a line goes on with the
// value before it only if it is indented deeper than that value's key; blank lines belong to a
// value; a section or key stands once in a file; [DEFAULT] has values of all sections.
class ini_reader {
 public:
  void take(std::string_view raw) {
    ++number_;
    const std::string_view line = trim(raw);
    if (line.starts_with('#') || line.starts_with(';')) return;
    if (line.empty()) {
      if (value_) *value_ += '\n';
      return;
    }
    const std::size_t indent = raw.size() - trim_front(raw).size();
    if (value_ && indent > indent_) {
      (*value_ += '\n') += line;
      return;
    }
    indent_ = indent;
    const std::size_t close = line.front() == '[' ? line.rfind(']') : line.npos;
    if (close != line.npos && close > 1) {
      begin_section(std::string{line.substr(1, close - 1)});
    } else {
      add_value(line);
    }
  }

  std::vector<ini_section> finish() {
    for (ini_section& section : sections_) {
      section.values.insert(defaults_.begin(), defaults_.end());
      for (auto& [key, value] : section.values) value = trim(value);
    }
    return std::move(sections_);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw source_failure("line " + std::to_string(number_) + ": " + why);
  }

  void begin_section(std::string name) {
    value_ = nullptr;
    if (name == "DEFAULT") {
      values_ = &defaults_;
      return;
    }
    if (std::ranges::find(sections_, name, &ini_section::name) != sections_.end()) {
      fail("the section [" + name + "] appears twice: put its values together");
    }
    sections_.push_back({std::move(name), {}});
    values_ = &sections_.back().values;
  }

  void add_value(std::string_view line) {
    if (line.front() == '[') fail("the section is not closed: add ']'");
    if (!values_) fail("a value before the first [section]");
    const std::size_t sign = line.find_first_of(":=");
    if (sign == line.npos) fail("no 'key: value' here");
    std::string key{trim(line.substr(0, sign))};
    if (key.empty()) fail("no key before '" + std::string{line.substr(sign, 1)} + "'");
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto [at, added] = values_->emplace(std::move(key), trim(line.substr(sign + 1)));
    if (!added) fail("the key \"" + at->first + "\" appears twice in its section");
    value_ = &at->second;
  }

  std::vector<ini_section> sections_;
  std::map<std::string, std::string> defaults_;
  std::map<std::string, std::string>* values_ = nullptr;  // of the section
  std::string* value_ = nullptr;                          // the last one
  std::size_t indent_ = 0;                                // of its key
  std::size_t number_ = 0;
};

}  // namespace

std::vector<ini_section> read_ini(std::string_view text) {
  ini_reader reader;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    reader.take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.finish();
}

group_table read_group_lines(std::string_view text) {
  group_table table;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, std::min(text.find('#', at), end) - at);
    at = end + 1;
    if (trim(line).empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == line.npos) {
      throw source_failure("no \"group: hosts\" in the line \"" + std::string{trim(line)} + '"');
    }
    std::string& members = table[std::string{trim(line.substr(0, colon))}];
    members += '\n';
    members += line.substr(colon + 1);
  }
  return table;
}

}  // namespace execo::detail
