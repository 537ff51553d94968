// Finds and reads groups.conf, the files it names, and the allocations of batch systems.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <initializer_list>

#include "base/user_database.hpp"
#include "execo/host_list.hpp"
#include "execo/log.hpp"
#include "groups/group_files.hpp"
#include "groups/group_sources.hpp"
#include "hosts/text_scan.hpp"

namespace execo::detail {

namespace fs = std::filesystem;

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// What is wrong in a file, with its name.
template <class Read>
auto in_file(const fs::path& file, const Read& read) {
  try {
    return read();
  } catch (const source_failure& failure) {
    throw host_set_error(host_set_errc::group, file.string() + ": " + failure.what(),
                         file.string());
  }
}

std::vector<fs::path> files_in(const fs::path& directory, const std::string& extension) {
  std::vector<fs::path> files;
  std::error_code ignored;  // a directory that is not there has no files
  if (fs::exists(directory, ignored) && !fs::is_directory(directory, ignored)) {
    throw host_set_error(host_set_errc::group,
                         directory.string() + ": not a directory of group files",
                         directory.string());
  }
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

// [a,b] is two sources made alike.
std::vector<std::string> sources_of(std::string_view section) {
  std::vector<std::string> names;
  while (!section.empty()) {
    const std::size_t end = std::min(section.find(','), section.size());
    const std::string_view name = trim(section.substr(0, end));
    if (!name.empty()) names.emplace_back(name);
    section.remove_prefix(std::min(end + 1, section.size()));
  }
  return names;
}

// A key that means nothing here is often a mistyped one.
void warn_of_others(const fs::path& file, const ini_section& section,
                    std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : section.values) {
    if (std::ranges::find(known, key) != known.end()) continue;
    log(log_level::warning, [&] {
      return file.string() + ": [" + section.name + "] has the unknown key \"" + key + '"';
    });
  }
}

std::chrono::milliseconds seconds(const std::string& key, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0) || value > 1e9) {
    throw source_failure(key + ": \"" + text + "\" is not a number of seconds");
  }
  return std::chrono::milliseconds(static_cast<long long>(value * 1000));
}

std::string find_value(const std::map<std::string, std::string>& values, const std::string& key) {
  const auto found = values.find(key);
  return found == values.end() ? std::string{} : found->second;
}

}  // namespace

// The sources of one groups.conf and the files it names, each with the file it comes from.
class group_sources::place {
 public:
  explicit place(group_sources& into) : into_(into) {}

  void add_sections(const fs::path& file) {
    add_sections(file, in_file(file, [&] { return read_ini(read_file(file)); }));
  }

  void add_sections(const fs::path& file, const std::vector<ini_section>& sections) {
    for (const ini_section& section : sections) {
      if (section.name != "Main") in_file(file, [&] { add_section(file, section); });
    }
  }

  // YAML files of one folder may share a source.
  void add_directory(const fs::path& directory) {
    std::map<std::string, std::vector<fs::path>> files;
    for (const fs::path& file : files_in(directory, ".yaml")) {
      for (const auto& [name, table] : in_file(file, [&] { return read_yaml(read_file(file)); })) {
        files[name].push_back(file);
      }
    }
    for (const auto& [name, from] : files) {
      const auto load = [source = name, from = from] { return read_source(source, from); };
      in_file(from.back(), load);
      add(name, from.back(), std::make_shared<table_source>(load, cache_times{}));
    }
    for (const fs::path& file : files_in(directory, ".json")) {
      const auto load = [file] { return read_json(read_file(file)); };
      add(file.stem().string(), file, std::make_shared<table_source>(load, cache_times{}));
    }
  }

 private:
  template <class Source>
  void add(const std::string& name, const fs::path& file, const Source& source) {
    const auto [known, added] = origin_.emplace(name, file);
    if (!added) {
      throw host_set_error(host_set_errc::group,
                           file.string() + ": the source \"" + name + "\" is also in " +
                               known->second.string() + ": rename one of them",
                           name);
    }
    into_.add(name, source);
  }

  static group_table read_source(const std::string& name, const std::vector<fs::path>& files) {
    group_table all;
    for (const fs::path& file : files) {
      for (auto& [source, table] : read_yaml(read_file(file))) {
        if (source != name) continue;
        for (auto& [group, hosts] : table) {
          if (all.emplace(group, std::move(hosts)).second) continue;
          throw source_failure("the group \"" + group + "\" of source \"" + name +
                               "\" is in another file too");
        }
      }
    }
    return all;
  }

  void add_section(const fs::path& file, const ini_section& section) {
    const fs::path directory = file.parent_path();
    const auto text = [&](const char* key) {
      return substitute(find_value(section.values, key), {{"CFGDIR", directory.string()}});
    };
    group_command command;
    command.map(text("map")).all(text("all")).list(text("list")).directory(directory);
    command.map_all(text("mapall")).reverse(text("reverse")).json(text("json"));
    for (const auto& [key, value] : section.values) {
      if (key == "cache_time") command.cache_time(seconds(key, value));
      if (key == "timeout") command.timeout(seconds(key, value));
      if (key == "stale_time") command.stale_time(seconds(key, value));
    }
    warn_of_others(
        file, section,
        {"map", "all", "list", "mapall", "reverse", "json", "cache_time", "timeout", "stale_time"});
    if (command.map_.empty() && command.map_all_.empty() && command.json_.empty()) {
      throw source_failure("[" + section.name + "] has no map, which lists the hosts of a group");
    }
    for (const std::string& name : sources_of(section.name)) add(name, file, command);
  }

  group_sources& into_;
  std::map<std::string, fs::path> origin_;
};

void group_sources::add_file(const fs::path& groups_conf) {
  const auto sections = in_file(groups_conf, [&] { return read_ini(read_file(groups_conf)); });
  const fs::path directory = groups_conf.parent_path();
  place here{*this};
  std::string chosen;
  for (const ini_section& section : sections) {
    if (section.name != "Main") continue;
    warn_of_others(groups_conf, section, {"default", "confdir", "groupsdir", "autodir"});
    const auto folders = [&](const char* key) {
      const std::string text = find_value(section.values, key);
      return words_of(substitute(text, {{"CFGDIR", directory.string()}}));
    };
    chosen = find_value(section.values, "default");
    const char* confdir = section.values.contains("groupsdir") ? "groupsdir" : "confdir";
    for (const std::string& word : folders(confdir)) {
      for (const fs::path& file : files_in(directory / word, ".conf")) here.add_sections(file);
    }
    for (const std::string& word : folders("autodir")) here.add_directory(directory / word);
  }
  here.add_sections(groups_conf, sections);
  if (chosen.empty()) return;
  const auto names = source_names();
  if (std::ranges::find(names, chosen) == names.end()) {
    throw host_set_error(
        host_set_errc::group_source,
        groups_conf.string() + ": Default group source not found: \"" + chosen + "\"", chosen);
  }
  set_default(chosen);
}

void group_sources::add_standard() {
  const fs::path home = home_folder();
  fs::path config = environment("XDG_CONFIG_HOME");
  if (config.empty() && !home.empty()) config = home / ".config";
  std::vector<fs::path> places{"/etc/clustershell"};
  if (!home.empty()) places.push_back(home / ".local/etc/clustershell");
  if (!config.empty()) places.push_back(config / "clustershell");
  if (const std::string own = environment("CLUSTERSHELL_CFGDIR"); !own.empty()) {
    places.emplace_back(own);
  }
  if (!config.empty()) places.push_back(config / "execo");
  for (const fs::path& place : places) {
    std::error_code ignored;  // what cannot be seen is not there
    if (fs::exists(place / "groups.conf", ignored)) add_file(place / "groups.conf");
  }
  add_allocations();
}

// The hosts this process was given, as the batch system says: groups `all` and `job`.
void group_sources::add_allocations() {
  const auto add_allocation = [this](const std::string& name, const std::string& given,
                                     const std::function<std::string(const std::string&)>& read) {
    const auto names = source_names();
    if (given.empty() || std::ranges::find(names, name) != names.end()) return;
    const auto load = [given, read] {
      const std::string hosts = read(given);
      return group_table{{"all", hosts}, {"job", hosts}};
    };
    add(name, std::make_shared<table_source>(load, cache_times{}));
  };
  const auto node_file = [](const char* variable) {
    const std::string file = environment(variable);
    std::error_code ignored;
    return fs::exists(file, ignored) ? file : std::string{};
  };
  const auto read_nodes = [](const std::string& file) { return read_file(file); };
  add_allocation("oar", node_file("OAR_NODEFILE"), read_nodes);
  add_allocation("pbs", node_file("PBS_NODEFILE"), read_nodes);
  std::string slurm = environment("SLURM_JOB_NODELIST");
  if (slurm.empty()) slurm = environment("SLURM_NODELIST");
  add_allocation("slurm", slurm, [](const std::string& list) {
    try {
      return host_set::from_names(read_host_list(list, list_syntax::slurm)).to_string();
    } catch (const host_set_error& error) {
      throw source_failure(error.what());
    }
  });
}

}  // namespace execo::detail
