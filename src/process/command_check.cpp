#include "process/command_check.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {
namespace {

void refuse_nul(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    throw std::invalid_argument("a NUL byte in a command, its directory or its environment");
}

void refuse_bad_variable(std::string_view name) {
  if (name.empty() || name.find('=') != name.npos)
    throw std::invalid_argument("'" + std::string(name) +
                                "' is no name of an environment variable");
  refuse_nul(name);
}

void refuse_bad_name(const std::string& name) {
  if (name.empty()) throw std::invalid_argument("an empty name of a user or a group");
  refuse_nul(name);
}

void check_descriptors(const spawn_attributes& wanted) {
  constexpr int most = 1 << 20;  // the most descriptors a process may have, by default
  std::vector<int> targets;
  for (const passed_descriptor& passed : wanted.descriptors) {
    if (passed.ours < 0 || passed.theirs < 3 || passed.theirs >= most)
      throw std::invalid_argument("pass_fd: no such descriptor, or one of the standard streams");
    targets.push_back(passed.theirs);
  }
  std::ranges::sort(targets);
  if (std::ranges::adjacent_find(targets) != targets.end())
    throw std::invalid_argument("pass_fd: two descriptors for one number");
}

void check_attributes(const command& what) {
  const spawn_attributes& wanted = what.attributes;
  for (const std::string& name : wanted.removed_variables) refuse_bad_variable(name);
  if (wanted.user) refuse_bad_name(*wanted.user);
  if (wanted.group) refuse_bad_name(*wanted.group);
  for (const std::string& name : wanted.groups.value_or(std::vector<std::string>()))
    refuse_bad_name(name);
  refuse_nul(wanted.cgroup);
  if (wanted.nice && (*wanted.nice < -20 || *wanted.nice > 19))
    throw std::invalid_argument("a nice value is from -20 to 19");
  check_descriptors(wanted);
  if (wanted.process_group == 0) return;
  bool session = wanted.new_session || wanted.pty || what.kill_scope() == kill_scope::session;
  if (wanted.process_group < 0 || session || what.kill_scope() == kill_scope::group)
    throw std::invalid_argument(
        "process_group: a group of others has no session, no terminal and no scope of this one");
}

}  // namespace

void check_local(const command& what) {
  std::vector<std::string> argv = what.argv();
  if (argv.empty()) throw std::invalid_argument("the command is empty");
  for (const std::string& word : argv) refuse_nul(word);
  refuse_nul(what.directory);
  for (const auto& [name, value] : what.environment) {
    refuse_bad_variable(name);
    refuse_nul(value);
  }
  check_attributes(what);
}

}  // namespace execo::detail
