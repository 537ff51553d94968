#include "base/user_database.hpp"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace execo::detail {
namespace {

// An entry is of any size.
constexpr std::size_t first_entry_size = 1024;
constexpr std::size_t max_entry_size = 1 << 20;

// `look_up` is getpwuid_r() or getpwnam_r() with its key.
template <class LookUp>
std::optional<user_entry> find(const LookUp& look_up, int& error) {
  std::vector<char> buffer(first_entry_size);
  for (;;) {
    passwd entry{};
    passwd* found = nullptr;
    error = look_up(&entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < max_entry_size) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (found == nullptr) return std::nullopt;
    user_entry listed;
    listed.name = entry.pw_name;
    listed.home = entry.pw_dir != nullptr ? entry.pw_dir : "";
    listed.user = entry.pw_uid;
    listed.group = entry.pw_gid;
    return listed;
  }
}

}  // namespace

std::optional<user_entry> find_user(uid_t number, int& error) {
  auto look_up = [number](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwuid_r(number, entry, buffer, size, found);
  };
  return find(look_up, error);
}

std::optional<user_entry> find_user(const std::string& name, int& error) {
  auto look_up = [&name](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
  };
  return find(look_up, error);
}

std::string home_folder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  int error = 0;
  std::optional<user_entry> listed = find_user(::geteuid(), error);
  return listed ? listed->home : std::string();
}

}  // namespace execo::detail
