#include "command_line/text_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "command_line/usage_error.hpp"

namespace execo::command_line {
namespace {

std::string complaint(const std::string& path) {
  try {
    (void)read_text("-w", path);
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

TEST(texts_of_a_command_line, are_read_whole) {
  std::string folder = testing::TempDir() + "text_file_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/text") << std::string("n1\0n2\n", 6);
  EXPECT_EQ(read_text("-w", folder + "/text"), std::string("n1\0n2\n", 6));
  std::filesystem::remove_all(folder);
  EXPECT_EQ(read_text("-w", "/dev/null"), "");
}

TEST(texts_of_a_command_line, are_refused_with_option_path_and_reason) {
  EXPECT_EQ(complaint("/nowhere/\x1b[2J"),
            "-w '/nowhere/^[[2J' cannot be read: No such file or directory");
  EXPECT_EQ(complaint("/"), "-w '/' cannot be read: Is a directory");
  EXPECT_EQ(complaint("/dev/zero"), "-w '/dev/zero' is larger than 256 MiB");
}

}  // namespace
}  // namespace execo::command_line
