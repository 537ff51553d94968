#include "ssh/caller.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <memory>

#include "base/user_database.hpp"

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

}  // namespace

variable_list variable_list::now() {
  variable_list made;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    made.text_ += *each;
    made.text_ += '\0';
  }
  return made;
}

std::optional<std::string_view> variable_list::find(std::string_view name) const noexcept {
  std::optional<std::string_view> found;
  visit([&](std::string_view each, std::string_view value) {
    if (!found && each == name) found = value;
  });
  return found;
}

ssh_caller ssh_caller::now() {
  ssh_caller made;
  made.home_ = home_folder();
  if (made.home_.empty()) made.home_ = "/";
  made.user_ = variable("USER");
  made.directory_ = working_directory();
  made.agent_ = variable("SSH_AUTH_SOCK");
  made.terminal_ = variable("TERM");
  if (made.terminal_.empty()) made.terminal_ = "xterm";
  made.shell_ = variable("SHELL");
  if (made.shell_.empty()) made.shell_ = "/bin/sh";
  made.variables_ = variable_list::now();
  return made;
}

ssh_caller ssh_caller::without_surroundings() const {
  ssh_caller made = *this;
  made.around_.reset();
  return made;
}

ssh_caller ssh_caller::ready_to_start() const {
  ssh_caller made = *this;
  if (!made.around_) made.around_ = surroundings::now(surroundings::caller::goes_on);
  return made;
}

std::string ssh_caller::path_of(const std::string& given) const {
  if (given == "~") return home();
  if (given.starts_with("~/")) return home() + given.substr(1);
  bool absolute = given.empty() || given[0] == '/' || directory_.empty();
  if (absolute) return given;
  return directory_ + (directory_.ends_with('/') ? "" : "/") + given;
}

std::string ssh_caller::user() const {
  int error = 0;
  std::optional<user_entry> listed = find_user(::geteuid(), error);
  if (listed && !listed->name.empty()) return listed->name;
  return user_.empty() ? "root" : user_;
}

}  // namespace execo::detail
