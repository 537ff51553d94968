#include "process/prepare.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <array>
#include <charconv>

#include "base/user_database.hpp"
#include "process/process_table.hpp"

namespace execo::detail {
namespace {

std::optional<unsigned> number_in(const std::string& text) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = error == std::errc() && end == text.data() + text.size();
  // The highest number is the system calls' "leave it as it is".
  return whole && value != ~0U ? std::optional<unsigned>(value) : std::nullopt;
}

// An entry of the user or group database is of any size.
constexpr std::size_t first_entry = 1024;
constexpr std::size_t max_entry = 1 << 20;

struct known_user {
  bool found = false;
  std::string name;
  uid_t user = 0;
  gid_t group = 0;
};

known_user look_up_user(const std::string& text, int& error) {
  known_user known;
  std::optional<unsigned> number = number_in(text);
  std::optional<user_entry> listed = number ? find_user(*number, error) : find_user(text, error);
  if (listed) {
    known.found = true;
    known.name = listed->name;
    known.user = listed->user;
    known.group = listed->group;
    return known;
  }
  if (!number && error == 0) error = EINVAL;
  known.user = number.value_or(0);
  return known;
}

bool look_up_group(const std::string& text, gid_t& group, int& error) {
  if (auto number = number_in(text)) {
    group = *number;
    return true;
  }
  std::vector<char> buffer(first_entry);
  for (;;) {
    ::group entry{};
    ::group* found = nullptr;
    error = ::getgrnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < max_entry) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (found != nullptr) group = entry.gr_gid;
    if (found == nullptr && error == 0) error = EINVAL;
    return found != nullptr;
  }
}

std::vector<gid_t> groups_of(const known_user& user, gid_t primary) {
  int count = 64;
  std::vector<gid_t> groups;
  for (int round = 0; round < 2; ++round) {
    groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(user.name.c_str(), primary, groups.data(), &count) >= 0) break;
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

bool prepare_identity(const spawn_attributes& wanted, child_settings& settings,
                      spawn_result& problem) {
  int error = 0;
  if (wanted.group) {
    gid_t group = 0;
    if (!look_up_group(*wanted.group, group, error))
      return problem.fail("look up group", *wanted.group, error);
    settings.group = group;
    settings.group_name = *wanted.group;
  }
  if (wanted.groups) {
    settings.groups.emplace();
    for (const std::string& name : *wanted.groups) {
      gid_t group = 0;
      if (!look_up_group(name, group, error)) return problem.fail("look up group", name, error);
      settings.groups->push_back(group);
    }
  }
  if (!wanted.user) return true;
  known_user user = look_up_user(*wanted.user, error);
  if (!user.found && error != 0 && !number_in(*wanted.user))
    return problem.fail("look up user", *wanted.user, error);
  if (!user.found && !wanted.group)
    return problem.fail("look up the group of user", *wanted.user, EINVAL);
  settings.user = user.user;
  settings.user_name = *wanted.user;
  if (!settings.group) settings.group = user.group;
  // Another user with our supplementary groups would have rights of ours.
  if (!settings.groups && user.found) settings.groups = groups_of(user, *settings.group);
  if (!settings.groups) settings.groups = std::vector<gid_t>(1, *settings.group);
  return true;
}

const char* limit_name(int resource) noexcept {
  static constexpr std::array<const char*, 16> names{
      "CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
      "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};
  bool known = resource >= 0 && static_cast<std::size_t>(resource) < names.size();
  return known ? names[static_cast<std::size_t>(resource)] : "of an unknown resource";
}

bool prepare_cgroup(const command& what, child_settings& settings, prepared_child& held,
                    spawn_result& problem) {
  const std::string& wanted = what.attributes.cgroup;
  bool leaf = what.kill_scope() == kill_scope::cgroup;
  if (wanted.empty() && !leaf) return true;
  std::string directory = cgroup_directory(wanted);
  if (directory.empty()) {
    problem.unsupported = true;
    return problem.fail("cgroup", wanted.empty() ? "no cgroup v2 is mounted" : wanted, ENOTSUP);
  }
  if (leaf) {
    int error = held.leaf.make(directory);
    problem.unsupported = error != 0;
    if (error != 0) return problem.fail("make a cgroup in", directory, error);
    directory = held.leaf.path();
  }
  held.cgroup.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!held.cgroup) return problem.fail("cgroup", directory, errno);
  settings.cgroup = held.cgroup.get();
  settings.cgroup_name = directory;
  return true;
}

// Without it what a command leaves would be left, and nothing would say so.
bool prepare_scope(const command& what, spawn_result& problem) {
  kill_scope scope = what.kill_scope();
  bool looks = scope == kill_scope::session || scope == kill_scope::subreaper;
  if (!looks || has_process_table()) return true;
  problem.unsupported = true;
  return problem.fail("kill_scope", "wants a /proc that shows this process", ENOTSUP);
}

}  // namespace

bool prepare(const command& what, child_settings& settings, prepared_child& held,
             spawn_result& problem) {
  const spawn_attributes& wanted = what.attributes;
  settings.umask = wanted.umask;
  settings.nice = wanted.nice;
  for (const resource_limit& limit : wanted.limits)
    settings.limits.push_back(
        placed_limit{limit.resource, {limit.soft, limit.hard}, limit_name(limit.resource)});
  settings.terminal = wanted.pty;
  settings.new_session =
      wanted.new_session || wanted.pty || what.kill_scope() == kill_scope::session;
  settings.process_group = wanted.process_group;
  settings.monitored = what.kill_scope() == kill_scope::subreaper;
  return prepare_scope(what, problem) && prepare_identity(wanted, settings, problem) &&
         prepare_cgroup(what, settings, held, problem);
}

bool open_terminal(const spawn_attributes& wanted, unique_fd& ours, unique_fd& theirs,
                   spawn_result& problem) {
  constexpr int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  ours.reset(::posix_openpt(flags));
  if (!ours) return problem.fail("posix_openpt", "", errno);
  if (::grantpt(ours.get()) != 0 || ::unlockpt(ours.get()) != 0)
    return problem.fail("unlockpt", "", errno);
  winsize size{};
  size.ws_row = wanted.pty_rows;
  size.ws_col = wanted.pty_columns;
  (void)::ioctl(ours.get(), TIOCSWINSZ, &size);
  // Through our end: by its name it may be another one's, in another mount of /dev/pts.
  theirs.reset(::ioctl(ours.get(), TIOCGPTPEER, flags));
  if (!theirs) return problem.fail("open a terminal", "", errno);
  return true;
}

}  // namespace execo::detail
