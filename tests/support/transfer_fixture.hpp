// Files that are copied to and from the hosts of a fleet: it runs the scripts as an ssh server
// does.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fleet_fixture.hpp"
#include "program.hpp"
#include "random_bytes.hpp"

namespace execo::test {

inline constexpr std::size_t kib = 1024;

inline std::string bytes_of(std::uint64_t seed, std::size_t size) {
  return random_bytes(seed).take(size);
}

/// Files and directories of a test.
class copied_files {
 protected:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::vector<std::string> names(const std::string& of) const {
    std::vector<std::string> found;
    for (const auto& one : std::filesystem::directory_iterator(path(of)))
      found.push_back(one.path().filename().string());
    std::ranges::sort(found);
    return found;
  }
  bool is_same(const std::string& one, const std::string& other) const {
    outcome end = run_program({"diff", "-r", "--no-dereference", path(one), path(other)});
    if (end.code != 0) ADD_FAILURE() << end.out << end.err;
    return end.code == 0;
  }
  void make_tree() const {
    file("tree/a", "first\n");
    file("tree/sub/.hidden", "h");
    file("tree/sub/a b'c\"d$e\n", bytes_of(3, 300 * kib));
    file("tree/sub/empty", "");
    std::filesystem::create_directories(path("tree/none"));
    std::filesystem::create_symlink("../a", path("tree/sub/link"));
    std::filesystem::permissions(path("tree/a"), std::filesystem::perms(0750));
  }

  scratch_directory folder_;
};

class transfer : public ::testing::Test, protected copied_files {
 protected:
  ssh_options how() const {
    ssh_options options;
    options.port = fleet_.port();
    options.identities.push_back(fleet_.identity());
    options.known_hosts = fleet_.known_hosts();
    return options;
  }
  host_result put_one(std::vector<std::string> sources, const std::string& to) const {
    return sync_wait(put(std::move(sources), "127.6.0.1", to).ssh(how()).run()).all().front();
  }
  host_result get_one(std::vector<std::string> sources, const std::string& to) const {
    return sync_wait(get(std::move(sources), "127.6.0.1", to).ssh(how()).run()).all().front();
  }
  /// Where a receiver keeps what has come of `source` on its way to `target`.
  std::string kept_folder(const std::string& source, const std::string& target) const {
    outcome sum = run_program({"sha256sum", path(source)});
    outcome of_target =
        run_program({"/bin/sh", "-c", "printf %s \"$1\" | cksum | tr -dc 0-9", "sh", path(target)});
    return std::filesystem::path(target).parent_path().string() + "/.execo-" +
           sum.out.substr(0, 64) + "-" + of_target.out;
  }
  fleet_fixture fleet_{"127.6.0.[1-20]"};
};

/// What the failure of a copy is about.
inline void expect_failure(const host_result& r, std::errc why, const std::string& about) {
  EXPECT_EQ(r.how(), end_reason::transfer_failed) << r.describe();
  EXPECT_EQ(r.error(), why) << r.describe();
  EXPECT_THAT(r.describe(), ::testing::HasSubstr(about));
  EXPECT_FALSE(r.ok());
}

}  // namespace execo::test
