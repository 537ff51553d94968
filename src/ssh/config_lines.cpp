#include "ssh/config_lines.hpp"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>

#include "base/read_file.hpp"
#include "execo/printable.hpp"
#include "execo/ssh_config.hpp"
#include "ssh/config_values.hpp"
#include "ssh/config_words.hpp"
#include "ssh/name_patterns.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_file_size = 16u << 20;
constexpr int max_depth = 16;
constexpr std::string_view system_folder = "/etc/ssh/";

using criterion = config_criterion::what;

std::optional<criterion> find_criterion(std::string_view word) {
  using entry = std::pair<std::string_view, criterion>;
  constexpr auto known = std::to_array<entry>({{"all", criterion::all},
                                               {"canonical", criterion::final_pass},
                                               {"final", criterion::wants_final_pass},
                                               {"host", criterion::host},
                                               {"originalhost", criterion::original_host},
                                               {"user", criterion::user},
                                               {"localuser", criterion::local_user},
                                               {"tagged", criterion::tagged},
                                               {"exec", criterion::command}});
  for (const auto& [name, kind] : known)
    if (name == word) return kind;
  return std::nullopt;
}

bool takes_argument(criterion kind) {
  return kind != criterion::all && kind != criterion::final_pass &&
         kind != criterion::wants_final_pass;
}

[[noreturn]] void refuse_criterion(const std::string& word) {
  throw config_value_error(fmt::format(
      "match: '{}' is not a criterion: all, canonical, final, host, originalhost, user, "
      "localuser, tagged or exec",
      printable(word)));
}

config_criterion take_criterion(std::string word, std::string_view& rest) {
  config_criterion one;
  one.negated = word.starts_with('!');
  std::string name = lower_case(std::string_view(word).substr(one.negated ? 1 : 0));
  std::optional<criterion> kind = find_criterion(name);
  if (!kind) refuse_criterion(word);
  one.kind = *kind;
  if (!takes_argument(*kind)) return one;
  one.argument = take_config_word(rest);
  if (one.argument.empty() || one.argument[0] == '#')
    throw config_value_error(fmt::format("match: the argument of '{}' is missing", name));
  bool is_name = *kind == criterion::host || *kind == criterion::original_host;
  if (is_name) one.argument = lower_case(one.argument);
  return one;
}

std::vector<config_criterion> read_criteria(std::string_view rest) {
  std::vector<config_criterion> read;
  if (!split_config_words(rest)) throw config_value_error("match: a quote has no end");
  while (true) {
    std::string word = take_config_word(rest);
    if (word.empty() || word[0] == '#') break;
    read.push_back(take_criterion(std::move(word), rest));
    if (read.back().kind != criterion::all) continue;
    bool alone = read.size() <= 2 && (rest.empty() || rest[0] == '#');
    if (!alone) throw config_value_error("match: 'all' stands alone, or after canonical or final");
    break;
  }
  if (read.empty()) throw config_value_error("match: a criterion is missing");
  return read;
}

void check_patterns(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns)
    if (pattern.empty()) throw config_value_error("host: a pattern is empty");
}

// As ssh: others must not be able to change what we do.
bool has_safe_owner(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return true;  // the reading says why
  return (about.st_uid == 0 || about.st_uid == ::getuid()) && (about.st_mode & 022) == 0;
}

std::vector<std::string> files_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths;
}

}  // namespace

config_lines config_lines::read_from(const std::string& home,
                                     const std::vector<std::string>& options,
                                     const std::string& file) {
  config_lines made(home);
  for (const std::string& option : options) made.add_option(option);
  if (file.empty()) {
    made.add_usual_file(home + "/.ssh/config", owner::user);
    made.add_usual_file("/etc/ssh/ssh_config", owner::system);
  } else if (lower_case(file) != "none") {
    made.add_given_file(file);
  }
  return made;
}

bool config_lines::has(std::size_t keyword) const noexcept {
  return std::ranges::any_of(lines_, [keyword](const config_line& line) {
    return line.kind == config_line::what::value && config_place(*line.keyword) == keyword;
  });
}

bool config_lines::has_commands() const noexcept {
  auto is_command = [](const config_criterion& one) { return one.kind == criterion::command; };
  return std::ranges::any_of(lines_, [&](const config_line& line) {
    return std::ranges::any_of(line.criteria, is_command);
  });
}

std::string config_lines::place(const config_line& line) const {
  const std::string& name = names_[line.file];
  return line.number == 0 ? name : fmt::format("{}:{}", printable(name), line.number);
}

void config_lines::fail(const config_line& line, std::string_view text) const {
  throw ssh_config_error(fmt::format("{}: {}", place(line), text));
}

void config_lines::add_text(std::string_view text, const std::string& name, owner whose) {
  position at;
  at.file = static_cast<std::uint32_t>(names_.size());
  at.whose = whose;
  names_.push_back(name);
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++at.number;
    add_line(line.substr(0, line.find('\0')), at);
  }
}

void config_lines::add_option(std::string_view line) {
  position at;
  at.file = static_cast<std::uint32_t>(names_.size());
  at.command_line = true;
  names_.push_back(fmt::format("-o '{}'", printable(line)));
  add_line(line, at);
}

void config_lines::add_usual_file(const std::string& path, owner whose) {
  trust how = whose == owner::user ? trust::checked : trust::unchecked;
  (void)read(path, whose, how);
}

void config_lines::add_given_file(const std::string& path) {
  if (!read(path, owner::user, trust::unchecked))
    throw ssh_config_error(fmt::format("{}: No such file or directory", printable(path)));
}

bool config_lines::read(const std::string& path, owner whose, trust how) {
  std::string text, problem;
  file_read result = read_file(path, file_kind::any, max_file_size, text, problem);
  if (result == file_read::missing) return false;
  if (result == file_read::refused)
    throw ssh_config_error(fmt::format("{}: {}", printable(path), problem));
  if (how == trust::checked && !has_safe_owner(path))
    throw ssh_config_error(fmt::format(
        "{}: belongs to or can be written by another user; chmod go-w it", printable(path)));
  add_text(text, path, whose);
  return true;
}

void config_lines::add_line(std::string_view text, const position& at) {
  std::size_t start = std::min(text.find_first_not_of(config_blanks), text.size());
  text.remove_prefix(start);
  text = text.substr(0, text.find_last_not_of(" \t\r\n\f") + 1);
  std::string keyword = lower_case(take_config_word(text));
  if (keyword.empty() || keyword[0] == '#') return;
  try {
    add_checked(keyword, text, at);
  } catch (const config_value_error& error) {
    config_line wrong;
    wrong.file = at.file;
    wrong.number = at.number;
    fail(wrong, error.what());
  }
}

void config_lines::add_checked(std::string_view keyword, std::string_view rest,
                               const position& at) {
  if (rest.empty())
    throw config_value_error(fmt::format("{}: the value is missing", printable(keyword)));
  config_line line;
  line.file = at.file;
  line.number = at.number;
  line.keyword = find_config_keyword(keyword);
  if (line.keyword == nullptr) {
    line.kind = config_line::what::unknown;
    line.values.emplace_back(keyword);
    lines_.push_back(std::move(line));
    return;
  }
  config_kind kind = line.keyword->kind;
  bool structure =
      kind == config_kind::host || kind == config_kind::match || kind == config_kind::include;
  if (structure && at.command_line)
    throw config_value_error(fmt::format("{}: stands in files alone", keyword));
  if (kind == config_kind::match) {
    line.kind = config_line::what::match;
    line.criteria = read_criteria(rest);
  } else {
    line.values = read_config_values(*line.keyword, rest);
  }
  if (kind == config_kind::include) return include(line, at);
  if (kind == config_kind::host) {
    line.kind = config_line::what::host;
    check_patterns(line.values);
  }
  if (structure || !line.values.empty()) lines_.push_back(std::move(line));
}

void config_lines::include(const config_line& line, const position& at) {
  if (depth_ == max_depth)
    fail(line, "include: more than 16 files inside each other; does one include itself?");
  for (const std::string& given : line.values) {
    if (given.empty()) fail(line, "include: a path is empty");
    bool from_home = given[0] == '~';
    if (from_home && at.whose == owner::system)
      fail(line, fmt::format("include '{}': a file of the system begins with /", printable(given)));
    if (given == "~" || given.starts_with("~/")) {
      include_pattern(home_ + given.substr(1), line, at);
    } else if (given[0] == '/' || from_home) {
      include_pattern(given, line, at);
    } else {
      std::string folder = at.whose == owner::user ? home_ + "/.ssh/" : std::string(system_folder);
      include_pattern(folder + given, line, at);
    }
  }
}

void config_lines::include_pattern(const std::string& pattern, const config_line& line,
                                   const position& at) {
  for (const std::string& path : files_of(pattern)) {
    config_line edge = line;
    edge.values.clear();
    edge.kind = config_line::what::file_begins;
    lines_.push_back(edge);
    ++depth_;
    (void)read(path, at.whose, trust::checked);
    --depth_;
    edge.kind = config_line::what::file_ends;
    lines_.push_back(std::move(edge));
  }
}

}  // namespace execo::detail
