#include "execo/run_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "temp_folder.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(run_directory, has_the_name_and_the_local_time_of_its_start) {
  temp_folder folder;
  const run_directory run("latency", folder / "results");
  std::ofstream(run / "out.txt") << "42";
  EXPECT_TRUE(run.path().is_absolute());
  EXPECT_TRUE(fs::is_directory(run.path()));
  EXPECT_EQ(run.path().parent_path(), fs::path(folder / "results"));
  EXPECT_THAT(run.path().filename().string(),
              MatchesRegex("latency_20[0-9]{6}_[0-9]{6}_[+-][0-9]{4}"));
  EXPECT_TRUE(fs::exists(run.path() / "out.txt"));
}

TEST(run_directory, is_what_the_link_last_leads_to) {
  temp_folder folder;
  const run_directory first("a", folder / ".");
  EXPECT_EQ(fs::canonical(folder / "last"), fs::canonical(first.path()));
  const run_directory second("b", folder / ".");
  EXPECT_EQ(fs::canonical(folder / "last"), fs::canonical(second.path()));
  EXPECT_TRUE(fs::read_symlink(folder / "last").is_relative()) << "the folder can be moved";
  std::size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(folder / ".")) entries += entry.exists() ? 1 : 0;
  EXPECT_EQ(entries, 3U);
}

TEST(run_directory, is_another_one_for_each_run) {
  temp_folder folder;
  std::mutex mutex;
  std::set<fs::path> made;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i)
    callers.emplace_back([&] {
      for (int n = 0; n < 10; ++n) {
        fs::path path = fs::canonical(run_directory("same", folder / ".").path());
        std::lock_guard lock(mutex);
        made.insert(std::move(path));
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(made.size(), 80U);
  EXPECT_EQ(made.count(fs::canonical(folder / "last")), 1U);
}

TEST(run_directory, replaces_no_file_of_the_user) {
  temp_folder folder;
  folder.write("last", "mine");
  try {
    run_directory run("a", folder / ".");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/last: is in the place of the link"));
  }
  EXPECT_EQ(folder.read("last"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "."), {}), 1);
}

TEST(run_directory, refuses_names_and_places_that_cannot_be) {
  temp_folder folder;
  for (std::string_view name : {"", ".hidden", "a/b", ".."})
    EXPECT_THROW(run_directory(name, folder / "."), std::invalid_argument) << name;
  folder.write("file", "");
  EXPECT_THROW(run_directory("a", folder / "file/below"), std::system_error);
}

}  // namespace
}  // namespace execo::test
