#include "base/read_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace execo::detail {
namespace {

class small_file : public ::testing::Test {
 protected:
  small_file() {
    std::string pattern = ::testing::TempDir() + "read_file_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~small_file() override { std::filesystem::remove_all(folder_); }
  std::string at(const char* name) const { return folder_ + "/" + name; }
  file_read read(const std::string& path, file_kind allowed = file_kind::regular) {
    text.clear();
    problem.clear();
    return read_file(path, allowed, max_size, text, problem);
  }

  static constexpr std::size_t max_size = 1 << 20;
  std::string text;
  std::string problem;

 private:
  std::string folder_;
};

TEST_F(small_file, is_read_whole) {
  std::string bytes(max_size, 'x');
  bytes[7] = '\0';
  std::ofstream(at("whole")) << bytes;
  EXPECT_EQ(read(at("whole")), file_read::whole);
  EXPECT_EQ(text, bytes);
}

TEST_F(small_file, is_refused_with_the_reason_when_it_is_too_large_or_none) {
  std::ofstream(at("large")) << std::string(max_size + 1, 'x');
  EXPECT_EQ(read(at("large")), file_read::refused);
  EXPECT_EQ(problem, "is larger than 1 MiB");
  EXPECT_EQ(read(at("none")), file_read::missing);
  EXPECT_EQ(problem, "No such file or directory");
  EXPECT_EQ(read(at(".")), file_read::refused);
  EXPECT_EQ(problem, "Is a directory");
  EXPECT_EQ(read(at("."), file_kind::any), file_read::refused);
  EXPECT_EQ(problem, "Is a directory");
}

TEST_F(small_file, may_be_the_null_device_and_no_other) {
  EXPECT_EQ(read("/dev/null"), file_read::whole);
  EXPECT_EQ(text, "");
  EXPECT_EQ(read("/dev/zero"), file_read::refused);
  EXPECT_EQ(problem, "is not a regular file");
}

TEST_F(small_file, is_waited_for_in_a_pipe_only_if_any_kind_may_come) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(read(at("pipe")), file_read::refused);
  EXPECT_EQ(problem, "is not a regular file");
  std::thread writer([&] { std::ofstream(at("pipe")) << "through a pipe"; });
  EXPECT_EQ(read(at("pipe"), file_kind::any), file_read::whole);
  writer.join();
  EXPECT_EQ(text, "through a pipe");
}

TEST_F(small_file, is_read_on_from_where_its_descriptor_stands) {
  std::ofstream(at("rest")) << "first second";
  std::FILE* file = std::fopen(at("rest").c_str(), "re");
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(::lseek(::fileno(file), 6, SEEK_SET), 6);
  EXPECT_EQ(read_descriptor(::fileno(file), max_size, text, problem), file_read::whole);
  EXPECT_EQ(text, "second");
  std::fclose(file);
  EXPECT_EQ(read_descriptor(-1, max_size, text, problem), file_read::refused);
  EXPECT_EQ(problem, "Bad file descriptor");
}

}  // namespace
}  // namespace execo::detail
