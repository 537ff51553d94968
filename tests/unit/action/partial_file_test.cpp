// Files of outputs that are kept although they are not complete.
#include "execo/partial_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "execo/local.hpp"
#include "execo/sync_wait.hpp"
#include "temp_folder.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;

action_result run_slow(const std::string& path, partial_file what) {
  return sync_wait(local("echo begin; test $EXECO_HOST = a || exec sleep 60", {"a", "b"})
                       .shell()
                       .out(to_file(path, what))
                       .timeout(200ms)
                       .run());
}

TEST(partial_file, what_came_before_a_timeout_is_kept_on_demand) {
  test::temp_folder folder;
  action_result r = run_slow(folder / "{{{host}}}", partial_file::kept);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(folder.read("a"), "begin\n");
  EXPECT_EQ(folder.read("b"), "begin\n");
  std::size_t files = 0;
  for (const auto& one : std::filesystem::directory_iterator(folder / ".")) files += one.exists();
  EXPECT_EQ(files, 2U);
}

TEST(partial_file, else_it_is_removed) {
  test::temp_folder folder;
  (void)run_slow(folder / "{{{host}}}", partial_file::removed);
  EXPECT_EQ(folder.read("a"), "begin\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "b"));
}

TEST(partial_file, the_last_attempt_replaces_what_was_there) {
  test::temp_folder folder;
  folder.write("a", "a longer text of the run before");
  (void)run_slow(folder / "{{{host}}}", partial_file::kept);
  EXPECT_EQ(folder.read("a"), "begin\n");
}

TEST(partial_file, a_path_is_checked_at_once) {
  EXPECT_THROW((void)to_file("", partial_file::kept), std::invalid_argument);
}

}  // namespace
}  // namespace execo
