// What follows from the files that a host says it has.
#include "transfer/files_there.hpp"

#include <gmock/gmock.h>

namespace execo::detail {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

source_entry file_entry(const std::string& name, std::uint64_t size, std::int64_t modified) {
  source_entry made;
  made.name = name;
  made.size = size;
  made.modified = modified;
  return made;
}

source_tree small_tree() {
  source_tree tree;
  tree.tops = {"top"};
  source_entry top;
  top.what = source_entry::kind::directory;
  top.name = "top";
  tree.entries = {top, file_entry("top/a\nb", 5, 100), file_entry("top/c", 6, 200)};
  return tree;
}

constexpr entry_use sent = entry_use::sent;
constexpr entry_use kept = entry_use::kept;
constexpr entry_use left_out = entry_use::left_out;

TEST(files_there, are_asked_for_by_their_names_below_the_source) {
  source_tree tree = small_tree();
  EXPECT_EQ(names_of_files(tree), std::string("./a\nb\0./c\0", 10));
  tree.tops.push_back("other");
  EXPECT_EQ(names_of_files(tree), std::string("./top/a\nb\0./top/c\0", 18));
}

TEST(files_there, are_nothing_where_a_list_does_not_add_up) {
  EXPECT_THAT(lines_of_list("yny", "1 2\n3 4\n", 3), ElementsAre("1 2", "", "3 4"));
  for (const char* lines : {"", "1 2\n", "1 2\n3 4\n5 6\n", "1 2\n3 4"})
    EXPECT_THAT(lines_of_list("yny", lines, 3), Each(IsEmpty())) << lines;
  EXPECT_THAT(lines_of_list("yn", "1 2\n", 3), Each(IsEmpty()));
}

TEST(files_there, are_left_out_by_size_and_time) {
  files_there there;
  there.old = {"5 100", "6 201"};
  EXPECT_THAT(choose_entries(small_tree(), there, skip_rule::same_time, {}),
              ElementsAre(sent, left_out, sent));
  EXPECT_THAT(choose_entries(small_tree(), there, skip_rule::none, {}),
              ElementsAre(sent, sent, sent));
  there.old = {"5", "6 200 x"};
  EXPECT_THAT(choose_entries(small_tree(), there, skip_rule::same_time, {}),
              ElementsAre(sent, sent, sent));
}

TEST(files_there, are_left_out_by_digest) {
  files_there there;
  there.old = {"abc", ""};
  EXPECT_THAT(choose_entries(small_tree(), there, skip_rule::same_digest, {"abc", ""}),
              ElementsAre(sent, left_out, sent));
}

TEST(files_there, that_an_earlier_copy_left_count_when_they_are_whole) {
  files_there there;
  there.old = {"5 100", ""};
  there.kept = {"5 1", "3 1"};
  EXPECT_THAT(choose_entries(small_tree(), there, skip_rule::none, {}),
              ElementsAre(sent, kept, sent));
  EXPECT_THAT(choose_entries(small_tree(), there, skip_rule::same_time, {}),
              ElementsAre(sent, left_out, sent));
}

}  // namespace
}  // namespace execo::detail
