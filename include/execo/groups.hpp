#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <execo/host_set.hpp>

#include "execo/detail/compiler.hpp"

namespace execo {

namespace detail {
class group_sources;
}

/// A group source that runs commands. The shell runs each of them with empty standard input; its
/// output is a list of hosts or groups separated by blanks, newlines or commas; `#` begins a
/// comment.
/// `$GROUP` and `$NODE` are replaced by the group and the host in question, `$SOURCE` by the name
/// of the source.
class group_command {
 public:
  /// Prints the hosts of $GROUP.
  group_command& map(std::string command) & { return map_ = std::move(command), *this; }
  group_command map(std::string command) && { return map_ = std::move(command), *this; }
  /// Prints all hosts.
  group_command& all(std::string command) & { return all_ = std::move(command), *this; }
  group_command all(std::string command) && { return all_ = std::move(command), *this; }
  /// Prints the names of all groups: words, each of which may be a set of names, rack[1-4].
  group_command& list(std::string command) & { return list_ = std::move(command), *this; }
  group_command list(std::string command) && { return list_ = std::move(command), *this; }
  /// Prints all groups and their hosts at once, in lines of `group: hosts`. `map` and `list` are
  /// then not used, except `map` for groups that are missing there.
  group_command& map_all(std::string command) & { return map_all_ = std::move(command), *this; }
  group_command map_all(std::string command) && { return map_all_ = std::move(command), *this; }
  /// Prints the names of the groups that have the host $NODE. Run for each host of a set to find
  /// its groups, unless there are fewer groups than hosts.
  group_command& reverse(std::string command) & { return reverse_ = std::move(command), *this; }
  group_command reverse(std::string command) && { return reverse_ = std::move(command), *this; }
  /// Prints all groups and their hosts at once, as JSON: {"group": ["host", ...]} or an Ansible
  /// inventory. No other command may be set then.
  group_command& json(std::string command) & { return json_ = std::move(command), *this; }
  group_command json(std::string command) && { return json_ = std::move(command), *this; }
  /// Where the commands run; the current directory if not set.
  group_command& directory(std::filesystem::path path) & {
    return directory_ = std::move(path), *this;
  }
  group_command directory(std::filesystem::path path) && {
    return directory_ = std::move(path), *this;
  }
  /// How long a command may take before it is killed and counts as failed.
  group_command& timeout(std::chrono::milliseconds time) & { return timeout_ = time, *this; }
  group_command timeout(std::chrono::milliseconds time) && { return timeout_ = time, *this; }
  /// How long an answer is used before the command runs again.
  group_command& cache_time(std::chrono::milliseconds time) & { return cache_ = time, *this; }
  group_command cache_time(std::chrono::milliseconds time) && { return cache_ = time, *this; }
  /// How much longer an answer may be used while the command fails.
  group_command& stale_time(std::chrono::milliseconds time) & { return stale_ = time, *this; }
  group_command stale_time(std::chrono::milliseconds time) && { return stale_ = time, *this; }

 private:
  friend class detail::group_sources;
  std::string map_, all_, list_, map_all_, reverse_, json_;
  std::filesystem::path directory_;
  std::chrono::milliseconds timeout_{30'000};
  std::chrono::milliseconds cache_{3'600'000};
  std::chrono::milliseconds stale_{0};
};

/// A group that contains hosts of a given set.
class group_match {
 public:
  group_match(std::string group, host_set common, std::size_t size)
      : group(std::move(group)), common(std::move(common)), size(size) {}

  std::string group;  ///< with `@` and, if a source was given, its name: @rack1
  host_set common;    ///< the hosts of the set that are in the group
  std::size_t size;   ///< number of hosts in the group
};

/// Named groups of hosts, from files, commands and the environment, for `@group` in host sets.
///
/// A value: changing a copy does not change the others. Copies share cached answers. Thread: any
/// for const members. Calls wait for
/// commands, up to their timeout: resolve groups before the event loop runs.
class groups {
 public:
  groups();

  /// The sources found in the standard places: `groups.conf` in /etc/clustershell,
  /// ~/.local/etc/clustershell, ~/.config/clustershell, $CLUSTERSHELL_CFGDIR and ~/.config/execo,
  /// later ones winning, and the allocation of the batch system this process runs in (`oar`, `pbs`,
  /// `slurm`). Read once, when first needed; host_set{"@group"} uses these.
  ///
  /// Every object knows the runs that have a journal as well, without listing them, unless it has a
  /// source of that name: `@last:failed`, `@run/ID:unknown` (see journal::hosts(), remember_run()).
  ///
  /// Throws: host_set_error if a configuration file cannot be read.
  [[nodiscard]] static groups standard();
  /// The sources of one `groups.conf`.
  ///
  /// Throws: host_set_error.
  [[nodiscard]] static groups from_file(const std::filesystem::path& groups_conf);

  /// Adds a source, or replaces the one of that name.
  groups& add(const std::string& source, const std::map<std::string, std::string>& members);
  groups& add(const std::string& source, const group_command& command);
  /// Throws: host_set_error if the text is not JSON of one of the two kinds (see group_command).
  groups& add_json(const std::string& source, std::string_view text);
  /// Chooses the source of names without one.
  ///
  /// Throws: host_set_error if there is no such source.
  groups& set_default(const std::string& source);

  /// The names of the sources, the default one first.
  [[nodiscard]] std::vector<std::string> sources() const;
  /// The names of the groups of a source, sorted. An empty source is the default one, here and
  /// below. A name that cannot be written after `@` is left out, with a warning in the log.
  ///
  /// Throws: host_set_error, as all that follow: for a source that does not exist (group_source),
  /// cannot answer (group) or has no way to (no_list).
  [[nodiscard]] std::vector<std::string> names(std::string_view source = {}) const;
  /// The hosts of a group.
  ///
  /// Throws: host_set_error (no_group) if there is no such group in a file, JSON or a map, or in
  /// the list of a source with commands.
  [[nodiscard]] host_set members(std::string_view group, std::string_view source = {}) const;
  /// All hosts of a source.
  [[nodiscard]] host_set all(std::string_view source = {}) const;
  /// Reads a host set with these groups; names without a source belong to the given one.
  [[nodiscard]] host_set read(std::string_view text, std::string_view source = {}) const;
  /// The groups that share hosts with a set, by name. A group that cannot be read is left out, with
  /// a warning in the log.
  [[nodiscard]] std::vector<group_match> matches(const host_set& hosts,
                                                 std::string_view source = {}) const;
  /// Only their names, without source. If the source has `reverse`, no other command runs.
  [[nodiscard]] std::vector<std::string> names_of(const host_set& hosts,
                                                  std::string_view source = {}) const;
  /// A set as text, with the names of whole groups in place of their hosts, the largest groups
  /// first. Groups do not overlap. A source that cannot answer has no groups.
  [[nodiscard]] std::string regroup(const host_set& hosts, std::string_view source = {},
                                    const fold_style& style = {}) const;

 private:
  friend class detail::group_sources;
  explicit groups(std::shared_ptr<detail::group_sources> sources) noexcept;
  detail::group_sources& own();

  std::shared_ptr<detail::group_sources> sources_;
};

static_assert(!std::is_aggregate_v<groups> && !std::is_aggregate_v<group_command> &&
              !std::is_aggregate_v<group_match>);

}  // namespace execo
