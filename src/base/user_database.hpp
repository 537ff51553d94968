// The users that this machine knows: passwd(5), NSS.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace execo::detail {

class user_entry {
 public:
  std::string name;
  std::string home;
  uid_t user = 0;
  gid_t group = 0;
};

/// nullopt: not listed, and `error` is 0, or the errno of the look-up.
std::optional<user_entry> find_user(uid_t number, int& error);
std::optional<user_entry> find_user(const std::string& name, int& error);

/// $HOME, or the home directory of the effective user in the database; empty if there is neither.
/// Thread: that of the caller of the public function, since no other may read environ.
std::string home_folder();

}  // namespace execo::detail
