/// What a child gets besides its words and streams: spawn_attributes, kill_scope. The setters are
/// those of command_options.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execo/detail/text_of.hpp"

namespace execo {

/// Which processes get the signals of a command and are ended with it.
enum class kill_scope : std::uint8_t {
  process,    ///< only the command
  group,      ///< its process group
  session,    ///< all processes of its session, which is new
  subreaper,  ///< all its descendants; a fork of this process supervises it
  cgroup,     ///< all processes in a cgroup made for the command: none escapes
};

/// The bare word: "group", "cgroup", ...
std::string_view to_string(kill_scope which) noexcept;

/// The value that means no limit.
inline constexpr std::uint64_t no_limit = RLIM_INFINITY;

/// One resource limit of a child, as setrlimit(2) has it.
class resource_limit {
 public:
  resource_limit(int which, std::uint64_t now, std::uint64_t most) noexcept
      : resource(which), soft(now), hard(most) {}
  int resource;  // RLIMIT_NOFILE, ...
  std::uint64_t soft;
  std::uint64_t hard;
};

/// One descriptor that a child gets in addition to 0, 1 and 2.
class passed_descriptor {
 public:
  passed_descriptor(int here, int there) noexcept : ours(here), theirs(there) {}
  int ours;
  int theirs;
};

/// The values that the setters of command_options collected.
class spawn_attributes {
 public:
  spawn_attributes() = default;

  /// The first attribute that only a local command can have, empty if there is none.
  std::string_view local_only() const noexcept;

  bool clear_environment = false;
  std::vector<std::string> removed_variables;
  std::optional<mode_t> umask;
  std::optional<std::string> user;   // a name or a number; none: as ours
  std::optional<std::string> group;  // likewise; none: the user's
  std::optional<std::vector<std::string>> groups;
  std::optional<int> nice;
  std::vector<resource_limit> limits;
  std::string cgroup;  // from the root of cgroup v2; empty: ours
  bool new_session = false;
  pid_t process_group = 0;  // 0: one of its own
  bool pty = false;
  unsigned short pty_rows = 0;
  unsigned short pty_columns = 0;
  std::vector<passed_descriptor> descriptors;
};

}  // namespace execo
