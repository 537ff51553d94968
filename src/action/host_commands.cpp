#include "action/host_commands.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <compare>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

#include "action/completed_command.hpp"
#include "base/machine_name.hpp"
#include "base/shell_words.hpp"
#include "execo/printable.hpp"
#include "io/stdio_spec.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_shown = 80;
// Until it is known who that is.
constexpr std::string_view father_mark = "{{{father}}}";

std::string shown_text(std::string_view text) { return "`" + printable(text, max_shown) + "`"; }

std::string shown_host(const host& where) { return printable(where.to_string(), max_shown); }

std::size_t marks_in(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(father_mark); at != text.npos;
       at = text.find(father_mark, at + father_mark.size()))
    ++count;
  return count;
}

// Names in a path that are none: "", ".", "..".
std::size_t missing_names(std::string_view path) {
  std::size_t count = 0;
  while (true) {
    std::size_t end = path.find('/');
    std::string_view name = path.substr(0, end);
    if (name.empty() || name == "." || name == "..") ++count;
    if (end == path.npos) return count;
    path.remove_prefix(end + 1);
  }
}

// Many may write to it: /dev/null, a terminal, a FIFO.
bool is_special_file(const file_path& beside, const std::string& text) {
  struct stat there {};
  return ::fstatat(beside.directory(), text.c_str(), &there, 0) == 0 && !S_ISREG(there.st_mode);
}

/// A file that one output of one host writes. Those of one name are neighbours in order.
class claim {
 public:
  std::size_t hash;
  std::size_t host;
  std::size_t file;  // of those that each host has

  auto operator<=>(const claim& other) const noexcept = default;
};

/// Two of them with one path.
class clash {
 public:
  std::size_t first;   // host
  std::size_t second;  // host
  std::string path;
};

bool appends(const sink_spec* file) { return file->what == sink_spec::kind::append; }

// That of the first host which has one.
template <class PathOf>
std::optional<clash> first_clash(std::vector<claim> claims,
                                 const std::vector<const sink_spec*>& files, PathOf path_of) {
  std::ranges::sort(claims);
  std::optional<clash> found;
  std::string special;
  for (std::size_t i = 1; i < claims.size(); ++i) {
    const claim& one = claims[i - 1];
    const claim& other = claims[i];
    if (one.hash != other.hash || (found && found->second <= other.host)) continue;
    if (appends(files[one.file]) && appends(files[other.file])) continue;
    std::string path = path_of(other);
    if (path != path_of(one) || path == special) continue;
    if (is_special_file(files[other.file]->path, path)) {
      special = std::move(path);
    } else {
      found = clash{one.host, other.host, std::move(path)};
    }
  }
  return found;
}

}  // namespace

class host_commands::templates {
 public:
  templates(const command& what, std::span<const std::string> local_paths,
            std::span<const value_series> series);

  bool change_command() const noexcept { return changes_command_; }
  bool change_paths() const noexcept { return changes_paths_; }
  bool change_local_paths() const noexcept { return changes_local_paths_; }
  bool need_login() const noexcept { return needs_login_; }
  /// Of the command: of the words, the variables and the folder.
  std::size_t fathers() const noexcept { return fathers_; }
  bool need_father() const noexcept { return needs_father_; }
  /// Calls it with each that is part of what runs.
  template <class Visit>
  void visit_words(Visit&& visit) const {
    visit(text);
    for (const text_template& word : words) visit(word);
  }

  text_template text;
  text_template directory;
  std::vector<text_template> words;
  std::vector<text_template> variables;  // their values
  std::vector<text_template> paths;      // of the source, the output and the error
  std::vector<text_template> local_paths;

 private:
  void note(const text_template& one, bool& changes) noexcept;

  bool changes_command_ = false;
  bool changes_paths_ = false;
  bool changes_local_paths_ = false;
  bool needs_login_ = false;
  bool needs_father_ = false;
  std::size_t fathers_ = 0;
};

host_commands::templates::templates(const command& what, std::span<const std::string> local,
                                    std::span<const value_series> series)
    : text(what.text, series), directory(what.directory, series) {
  for (const std::string& word : what.words) words.emplace_back(word, series);
  for (const auto& [name, value] : what.environment) variables.emplace_back(value, series);
  const source_spec* from = stdio_access::of(what.in);
  if (from != nullptr && !from->path.text.empty()) paths.emplace_back(from->path.text, series);
  for (const sink* to : {&what.out, &what.err})
    if (const sink_spec* spec = stdio_access::of(*to))
      visit_files(*spec,
                  [&](const sink_spec& file) { paths.emplace_back(file.path.text, series); });

  visit_words([this](const text_template& one) { note(one, changes_command_); });
  note(directory, changes_command_);
  for (const text_template& one : variables) note(one, changes_command_);
  visit_words(
      [this](const text_template& one) { fathers_ += one.references_to(reference::father); });
  for (const text_template& one : variables) fathers_ += one.references_to(reference::father);
  fathers_ += directory.references_to(reference::father);
  for (const text_template& one : paths) note(one, changes_paths_);
  for (const std::string& path : local) local_paths.emplace_back(path, series);
  for (const text_template& one : local_paths) note(one, changes_local_paths_);
}

void host_commands::templates::note(const text_template& one, bool& changes) noexcept {
  if (!one.is_plain()) changes = true;
  if (one.refers_to(reference::user) || one.refers_to(reference::port)) needs_login_ = true;
  if (one.refers_to(reference::father)) needs_father_ = true;
}

host_commands::host_commands(command of_all) : what(std::move(of_all)) {}
host_commands::~host_commands() = default;

void host_commands::set_values(std::string_view name, value_list values) {
  auto refuse = [name](std::string_view why) {
    throw std::invalid_argument(fmt::format("subst {}: {}", shown_text(name), why));
  };
  if (!is_reference_name(name))
    refuse("a name has letters, digits and '_', and begins with none of the digits");
  if (values.texts().empty()) refuse("there are no values");
  for (const std::string& value : values.texts())
    if (value.find('\0') != value.npos) refuse("a NUL byte in a value");
  value_series made;
  made.name = name;
  made.has_hosts = values.has_hosts();
  made.values = std::move(values).take();
  auto known = std::ranges::find(series_, name, &value_series::name);
  if (known == series_.end()) {
    series_.push_back(std::move(made));
  } else {
    *known = std::move(made);
  }
}

void host_commands::prepare() {
  if (!make && what.shell_text().empty()) throw std::invalid_argument("the command is empty");
  if (!keeps_braces_) {
    auto read = std::make_unique<const templates>(what, local_paths, series_);
    bool changes = read->change_command() || read->change_paths() || read->change_local_paths();
    if (changes) templates_ = std::move(read);
  }
  shared_paths_ = std::make_shared<const std::vector<std::string>>(local_paths);
  stdio_ = taken_stdio::now(what, surroundings::caller::goes_on);
  shared_ = std::make_shared<const command>(std::move(what));
}

std::string host_commands::text() const {
  // What a copy runs says little of what it copies.
  return make || !local_paths.empty() ? name() : (is_prepared() ? *shared_ : what).shell_text();
}

std::string host_commands::name() const {
  const command& all = is_prepared() ? *shared_ : what;
  return make && all.given_name.empty() ? "a command for each host" : all.name();
}

host_values host_commands::values_for(const host& where, std::size_t index,
                                      const execution_factory& by) const {
  host_values values(where, index, series_);
  values.count = std::to_string(count);
  if (templates_ && templates_->need_father())
    values.father = by.reaches_all_itself() ? machine_name() : std::string(father_mark);
  if (templates_ && templates_->need_login()) {
    login_place login = by.login_to(where);
    values.user = std::move(login.user);
    values.port = std::to_string(login.port);
  }
  return values;
}

command host_commands::command_for(const host_values& values, const execution_factory& by) const {
  command own = *shared_;
  if (!templates_ || !templates_->change_command()) return own;
  const command_place place = by.place();
  value_form form = place == command_place::here_with_tokens ? value_form::with_percent_doubled
                                                             : value_form::as_it_is;
  own.text = templates_->text.text_for(values, form);
  for (std::size_t i = 0; i < own.words.size(); ++i)
    own.words[i] = templates_->words[i].text_for(values, form);
  for (std::size_t i = 0; i < own.environment.size(); ++i)
    own.environment[i].second = templates_->variables[i].text_for(values);
  own.directory = place == command_place::elsewhere ? templates_->directory.text_for(values)
                                                    : path_for(templates_->directory, values);
  return own;
}

std::string host_commands::path_for(const text_template& path, const host_values& values) {
  std::string text = path.text_for(values, value_form::component);
  if (missing_names(text) > missing_names(path.given()))
    throw std::invalid_argument(fmt::format("path {}: a value is empty, so {} has no such name",
                                            shown_text(path.given()), shown_text(text)));
  return text;
}

taken_stdio host_commands::stdio_for(const host_values& values) const {
  std::size_t next = 0;
  return stdio_.with_paths([&](std::string& path) {
    const text_template& given = templates_->paths[next++];
    // Where it begins may be in front of it.
    path.replace(path.size() - given.given().size(), path.npos, path_for(given, values));
  });
}

std::size_t host_commands::files_of_each() const {
  std::size_t count = 0;
  for (const sink_spec* spec : {stdio_.out(), stdio_.err()})
    if (spec != nullptr) visit_files(*spec, [&count](const sink_spec&) { ++count; });
  return count;
}

bool host_commands::local_paths_differ() const noexcept {
  return templates_ && templates_->change_local_paths();
}

std::vector<std::string> host_commands::local_paths_for(const host_values& values) const {
  std::vector<std::string> made;
  made.reserve(templates_->local_paths.size());
  for (const text_template& path : templates_->local_paths) made.push_back(path_for(path, values));
  return made;
}

host_commands::run host_commands::run_on(const host& where, std::size_t index, unsigned attempt,
                                         const execution_factory& by) const {
  run made;
  made.what = shared_;
  made.stdio = stdio_;
  made.local_paths = shared_paths_;
  if (!templates_ && !make) return made;
  host_values values = values_for(where, index, by);
  if (make) {
    command own =
        completed_command(make(target(where, index, attempt)), command_for(values, by), where);
    made.what = std::make_shared<const command>(std::move(own));
  } else if (templates_->change_command()) {
    made.what = std::make_shared<const command>(command_for(values, by));
  }
  if (templates_ && templates_->fathers() > 0 && !by.reaches_all_itself())
    made.father_mark = father_mark;
  if (templates_ && templates_->change_paths()) made.stdio = stdio_for(values);
  if (local_paths_differ())
    made.local_paths = std::make_shared<const std::vector<std::string>>(local_paths_for(values));
  return made;
}

std::string host_commands::name_for(const host& where, std::size_t index,
                                    const execution_factory& by) const {
  if (make || !templates_ || !templates_->change_command()) return name();
  try {
    return command_for(values_for(where, index, by), by).name();
  } catch (const std::invalid_argument&) {
    return name();
  }
}

void host_commands::check(const std::vector<host>& hosts, const std::vector<std::size_t>& positions,
                          const execution_factory& by) const {
  if (templates_)
    for (std::size_t i = 0; i < hosts.size(); ++i)
      check_host(hosts[i], positions.empty() ? i : positions[i], by);
  check_files(hosts, positions, by);
  if (writes_local_path) check_local_path(hosts, positions, by);
}

// In a tree it is put in when its host is reached.
void host_commands::check_father(const host& where, const execution_factory& by) const {
  if (!templates_->need_father() || by.reaches_all_itself()) return;
  auto in_paths = [](const std::vector<text_template>& all) {
    return std::ranges::any_of(
        all, [](const text_template& one) { return one.refers_to(reference::father); });
  };
  if (in_paths(templates_->paths) || in_paths(templates_->local_paths) || !local_paths.empty())
    throw std::invalid_argument(
        fmt::format("{}: {} is not known in a tree until the host is reached: it is for commands "
                    "there, not for paths",
                    shown_host(where), father_mark));
}

// Else what is to stay as it is would be replaced, too.
void host_commands::check_marks(const host_values& values, const host& where,
                                const execution_factory& by) const {
  if (templates_->fathers() == 0 || by.reaches_all_itself()) return;
  const command own = command_for(values, by);
  std::size_t found = marks_in(own.text) + marks_in(own.directory);
  for (const std::string& word : own.words) found += marks_in(word);
  for (const auto& [name, value] : own.environment) found += marks_in(value);
  if (found == templates_->fathers()) return;
  throw std::invalid_argument(
      fmt::format("{}: in a tree {} cannot be kept as it is beside one that is replaced",
                  shown_host(where), father_mark));
}

void host_commands::check_host(const host& where, std::size_t index,
                               const execution_factory& by) const {
  check_father(where, by);
  host_values values = values_for(where, index, by);
  check_marks(values, where, by);
  bool is_text = true;  // the first one is
  templates_->visit_words([&](const text_template& one) {
    one.visit([&](reference what) { check_value(what, values, where, is_text); });
    is_text = false;
  });
  const text_template& text = templates_->text;
  if (!make && templates_->words.empty() && !text.has_literal() && text.text_for(values).empty())
    throw std::invalid_argument(shown_host(where) + ": the command is empty");
  if (by.place() != command_place::elsewhere) (void)path_for(templates_->directory, values);
  for (const text_template& path : templates_->paths) (void)path_for(path, values);
  for (const text_template& path : templates_->local_paths) (void)path_for(path, values);
}

// What names of hosts and users are is not the caller's to say: they may come from a file of groups
// or an inventory. In text they would be read by a shell, and any quotes may be around them.
void host_commands::check_value(reference what, const host_values& values, const host& where,
                                bool is_text) const {
  bool is_foreign = what == reference::host || what == reference::user;
  if (what == reference::father) is_foreign = values.of(what) != father_mark;
  if (const value_series* series = series_of(what)) is_foreign = series->has_hosts;
  if (!is_foreign) return;
  std::string_view value = values.of(what);
  if (value.starts_with('-'))
    throw std::invalid_argument(fmt::format("{}: {} would be an option in the command",
                                            shown_host(where), shown_text(value)));
  if (is_text && !is_inert(value))
    throw std::invalid_argument(fmt::format(
        "{}: {} means something to a shell, and the text of a command is read by one: give the "
        "command as words (--argv), which are quoted, or the value in a variable of the "
        "environment",
        shown_host(where), shown_text(value)));
}

const value_series* host_commands::series_of(reference what) const noexcept {
  if (what < reference::first_series) return nullptr;
  return &series_[static_cast<std::size_t>(what) -
                  static_cast<std::size_t>(reference::first_series)];
}

// A file of its own for each host and output, unless all append to it.
void host_commands::check_files(const std::vector<host>& hosts,
                                const std::vector<std::size_t>& positions,
                                const execution_factory& by) const {
  std::vector<const sink_spec*> files;
  for (const sink_spec* spec : {stdio_.out(), stdio_.err()})
    if (spec != nullptr) visit_files(*spec, [&](const sink_spec& file) { files.push_back(&file); });
  if (std::ranges::all_of(files, appends)) return;

  // Those of the sinks are the last ones.
  const text_template* paths = nullptr;
  if (templates_) paths = templates_->paths.data() + (templates_->paths.size() - files.size());
  auto path_of = [&](const claim& one) {
    const std::string& text = files[one.file]->path.text;
    if (paths == nullptr || paths[one.file].is_plain()) return text;
    const text_template& path = paths[one.file];
    return text.substr(0, text.size() - path.given().size()) +
           path_for(path, values_for(hosts[one.host],
                                     positions.empty() ? one.host : positions[one.host], by));
  };

  std::vector<claim> claims;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    for (std::size_t file = 0; file < files.size(); ++file) {
      bool is_plain = paths == nullptr || paths[file].is_plain();
      if (i > 1 && is_plain) continue;  // the others have it, too
      claim one{0, i, file};
      one.hash = std::hash<std::string>()(path_of(one));
      claims.push_back(one);
    }
  std::optional<clash> found = first_clash(std::move(claims), files, path_of);
  if (!found) return;
  std::string first = shown_host(hosts[found->first]);
  if (found->first == found->second)
    throw std::invalid_argument(
        fmt::format("{}: {} would be the file of two outputs: give them two names, or merged()",
                    first, shown_text(found->path)));
  throw std::invalid_argument(
      fmt::format("{} would be the file of {} and of {}: use {} or {} in its name, or append()",
                  shown_text(found->path), first, shown_host(hosts[found->second]), "{{{host}}}",
                  "{{{index}}}"));
}

// A place of its own for each host.
void host_commands::check_local_path(const std::vector<host>& hosts,
                                     const std::vector<std::size_t>& positions,
                                     const execution_factory& by) const {
  const bool differs = local_paths_differ();
  auto place_of = [&](std::size_t i) {
    const std::size_t index = positions.empty() ? i : positions[i];
    return differs ? path_for(templates_->local_paths.front(), values_for(hosts[i], index, by))
                   : path_component(hosts[i].name());
  };
  std::vector<std::pair<std::size_t, std::size_t>> places;  // hash, host
  places.reserve(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i)
    places.emplace_back(std::hash<std::string>()(place_of(i)), i);
  std::ranges::sort(places);
  for (std::size_t i = 1; i < places.size(); ++i) {
    const auto& [hash, first] = places[i - 1];
    const auto& [other_hash, second] = places[i];
    if (hash != other_hash || place_of(first) != place_of(second)) continue;
    throw std::invalid_argument(
        fmt::format("{} would be the place of the files of {} and of {}: use {} or {} in its name",
                    shown_text(place_of(second)), shown_host(hosts[first]),
                    shown_host(hosts[second]), "{{{host}}}", "{{{index}}}"));
  }
}

}  // namespace execo::detail
