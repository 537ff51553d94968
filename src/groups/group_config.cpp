// Finds and reads groups.conf, the files it names, and the allocations of batch systems.

#include <algorithm>
#include <cstdlib>

#include "groups/group_files.hpp"
#include "groups/group_sources.hpp"

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
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> list;
  const std::string joined = join_words(text);
  for (std::size_t at = 0; at < joined.size();) {
    const std::size_t end = std::min(joined.find(',', at), joined.size());
    if (end > at) list.push_back(joined.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

std::chrono::milliseconds seconds(const std::string& key, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0) || value > 1e9) {
    throw source_failure(key + ": \"" + text + "\" is no number of seconds");
  }
  return std::chrono::milliseconds(static_cast<long long>(value * 1000));
}

std::string find_value(const std::map<std::string, std::string>& values, const std::string& key) {
  const auto found = values.find(key);
  return found == values.end() ? std::string{} : found->second;
}

}  // namespace

void group_sources::add_section(const fs::path& directory, const std::string& name,
                                const std::map<std::string, std::string>& values) {
  const std::map<std::string, std::string> fixed{{"CFGDIR", directory.string()}};
  group_command command;
  command.map(substitute(find_value(values, "map"), fixed))
      .all(substitute(find_value(values, "all"), fixed))
      .list(substitute(find_value(values, "list"), fixed))
      .json(substitute(find_value(values, "json"), fixed))
      .directory(directory);
  for (const auto& [key, text] : values) {
    if (key == "cache_time") command.cache_time(seconds(key, text));
    if (key == "timeout") command.timeout(seconds(key, text));
    if (key == "stale_time") command.stale_time(seconds(key, text));
  }
  if (command.map_.empty() && command.json_.empty()) {
    throw source_failure("[" + name + "] has no map: it is what gives the hosts of a group");
  }
  // [a,b] is two sources made alike.
  for (const std::string& each : words(name)) add(each, command);
}

void group_sources::add_sections(const fs::path& file) {
  in_file(file, [&] {
    for (const ini_section& section : read_ini(read_file(file))) {
      if (section.name == "Main") continue;
      add_section(file.parent_path(), section.name, section.values);
    }
  });
}

void group_sources::add_yaml(const fs::path& file) {
  const auto found = in_file(file, [&] { return read_yaml(read_file(file)); });
  for (const auto& [name, table] : found) {
    const auto load = [file, source = name] {
      for (auto& [each, groups] : read_yaml(read_file(file))) {
        if (each == source) return groups;
      }
      throw source_failure(file.string() + " has no source \"" + source + "\" any more");
    };
    add(name, std::make_shared<table_source>(load, cache_times{}));
  }
}

void group_sources::add_directory(const fs::path& directory, std::chrono::milliseconds cache_time) {
  for (const fs::path& file : files_in(directory, ".yaml")) add_yaml(file);
  for (const fs::path& file : files_in(directory, ".json")) {
    const auto load = [file] { return read_json(read_file(file)); };
    add(file.stem().string(), std::make_shared<table_source>(load, cache_times{cache_time, {}}));
  }
}

void group_sources::add_file(const fs::path& groups_conf) {
  const auto sections = in_file(groups_conf, [&] { return read_ini(read_file(groups_conf)); });
  const fs::path directory = groups_conf.parent_path();
  const std::map<std::string, std::string> fixed{{"CFGDIR", directory.string()}};
  std::string chosen;
  for (const ini_section& section : sections) {
    if (section.name != "Main") continue;
    chosen = find_value(section.values, "default");
    std::string confdir = find_value(section.values, "confdir");
    if (confdir.empty()) confdir = find_value(section.values, "groupsdir");
    for (const std::string& word : words(substitute(confdir, fixed))) {
      for (const fs::path& file : files_in(directory / word, ".conf")) add_sections(file);
    }
    for (const std::string& word :
         words(substitute(find_value(section.values, "autodir"), fixed))) {
      add_directory(directory / word, cache_times{}.fresh);
    }
  }
  add_sections(groups_conf);
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
  const fs::path home = environment("HOME");
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

// The hosts this process was given, as the batch system tells: groups `all` and `job`.
void group_sources::add_allocations() {
  const auto add_allocation = [this](const std::string& name, const std::string& hosts) {
    const auto names = source_names();
    if (hosts.empty() || std::ranges::find(names, name) != names.end()) return;
    add(name, std::make_shared<table_source>(group_table{{"all", hosts}, {"job", hosts}}));
  };
  const auto hosts_in = [](const std::string& file) {
    std::error_code ignored;
    if (file.empty() || !fs::exists(file, ignored)) return std::string{};
    return in_file(file, [&] { return join_words(read_file(file)); });
  };
  add_allocation("oar", hosts_in(environment("OAR_NODEFILE")));
  add_allocation("pbs", hosts_in(environment("PBS_NODEFILE")));
  std::string slurm = environment("SLURM_JOB_NODELIST");
  if (slurm.empty()) slurm = environment("SLURM_NODELIST");
  add_allocation("slurm", slurm);
}

}  // namespace execo::detail
