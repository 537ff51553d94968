// A folder for the files of a test of groups.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "execo/groups.hpp"

namespace execo::test {

namespace fs = std::filesystem;

class groups_folder : public testing::Test {
 protected:
  groups_folder() {
    std::string name = (fs::temp_directory_path() / "execo-groups-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~groups_folder() override { fs::remove_all(directory_); }

  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }

  // How often a command that appends to this file has run.
  std::size_t calls() const {
    std::error_code ignored;
    const auto size = fs::file_size(directory_ / "calls", ignored);
    return ignored ? 0 : static_cast<std::size_t>(size);
  }
  std::string count_call() const { return "printf x >> " + (directory_ / "calls").string() + "; "; }

  fs::path directory_;
};

/// What a question throws.
std::string error_of(const auto& ask) {
  try {
    ask();
    return "no error";
  } catch (const host_set_error& error) {
    return error.what();
  }
}

}  // namespace execo::test
