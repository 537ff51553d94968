// A fleet that takes passwords, and counts them.
#pragma once

#include <signal.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "execo/connection.hpp"
#include "fleet_fixture.hpp"

namespace execo::test {

inline constexpr const char* right_one = "correct horse";

/// A fleet whose users have that password, or another one.
class password_fleet {
 public:
  password_fleet(const std::string& hosts, const std::string& methods,
                 std::vector<std::string> more = {}, const std::string& password = right_one)
      : fleet_(hosts, with_usual(methods, std::move(more), password)) {}

  const fleet_fixture& fleet() const noexcept { return fleet_; }
  ssh_options options() const {
    ssh_options made;
    made.config_file = "none";
    made.agent = "none";
    made.user = "ops";
    made.port = fleet_.port();
    made.identities = {fleet_.identity()};
    made.known_hosts = fleet_.known_hosts();
    return made;
  }
  /// How many passwords and answers came. Ends it.
  int secrets() {
    std::string said = fleet_.end(SIGTERM).err;
    std::size_t end = said.find(" passwords and answers");
    if (end == said.npos) return 0;
    return std::stoi(said.substr(said.rfind(' ', end - 1) + 1));
  }

 private:
  std::vector<std::string> with_usual(const std::string& methods, std::vector<std::string> more,
                                      const std::string& password) {
    std::string file = folder_.path() + "/password";
    std::ofstream(file) << password << "\n";
    std::vector<std::string> all{"--auth", methods,  "--password-file", file,
                                 "--exec", "canned", "--stats"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  scratch_directory folder_;
  fleet_fixture fleet_;
};

}  // namespace execo::test
