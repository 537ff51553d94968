#include "ssh/caller.hpp"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace execo::detail {
namespace {

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

std::string working_directory() {
  std::unique_ptr<char, decltype(&::free)> path(::getcwd(nullptr, 0), &::free);
  // One outside of our root has no path, and begins with "(unreachable)".
  return path && path.get()[0] == '/' ? path.get() : "";
}

/// Empty if the user database does not have us.
std::string look_up(char* passwd::*field) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16 * 1024);
  bool known =
      ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found;
  return known ? found->*field : "";
}

}  // namespace

ssh_caller ssh_caller::now() {
  ssh_caller made;
  made.home_ = variable("HOME");
  made.user_ = variable("USER");
  made.directory_ = working_directory();
  made.terminal_ = variable("TERM");
  if (made.terminal_.empty()) made.terminal_ = "xterm";
  return made;
}

std::string ssh_caller::home() const {
  if (!home_.empty()) return home_;
  std::string listed = look_up(&passwd::pw_dir);
  return listed.empty() ? "/" : listed;
}

std::string ssh_caller::path_of(const std::string& given) const {
  if (given == "~") return home();
  if (given.starts_with("~/")) return home() + given.substr(1);
  bool absolute = given.empty() || given[0] == '/' || directory_.empty();
  if (absolute) return given;
  return directory_ + (directory_.ends_with('/') ? "" : "/") + given;
}

std::string ssh_caller::user() const {
  std::string listed = look_up(&passwd::pw_name);
  if (!listed.empty()) return listed;
  return user_.empty() ? "root" : user_;
}

}  // namespace execo::detail
