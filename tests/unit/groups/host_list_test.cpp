#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "execo/host_list.hpp"
#include "execo/host_set.hpp"

namespace {

using execo::host_set_error;
using execo::list_syntax;
using execo::read_host_list;
using names = std::vector<std::string>;

TEST(host_list, keeps_the_order_of_classh_lists) {
  EXPECT_EQ(read_host_list("bar[3,2,12-13]baz, foo[0-1]bar.xxx", list_syntax::classh),
            (names{"bar3baz", "bar2baz", "bar12baz", "bar13baz", "foo0bar.xxx", "foo1bar.xxx"}));
}

TEST(host_list, refuses_a_file_without_an_end) {
  try {
    (void)read_host_list("^/dev/zero", list_syntax::pdsh);
    FAIL() << "read to the end";
  } catch (const execo::host_set_error& error) {
    EXPECT_STREQ(error.what(), "host list: /dev/zero is larger than 256 MiB");
  }
}

TEST(host_list, pads_as_slurm_does) {
  EXPECT_EQ(read_host_list("n[008-010],n[9-10],r[1-2]n[1-2],n9", list_syntax::slurm),
            (names{"n008", "n009", "n010", "n9", "n10", "r1n1", "r1n2", "r2n1", "r2n2"}));
}

TEST(host_list, counts_letters_and_excludes_as_taktuk_does) {
  EXPECT_EQ(read_host_list("n[1-2]p[a-b]/n1pb,x[y-ab]", list_syntax::taktuk),
            (names{"n1pa", "n2pa", "n2pb", "xy", "xz", "xaa", "xab"}));
  EXPECT_EQ(read_host_list("n[1-5]/n[2-4]", list_syntax::taktuk), (names{"n1", "n5"}));
}

TEST(host_list, excludes_filters_and_reads_files_as_pdsh_does) {
  EXPECT_EQ(read_host_list("n[1-12],-n3,/^n1/,-/2$/", list_syntax::pdsh),
            (names{"n1", "n10", "n11"}));
  namespace fs = std::filesystem;
  std::string name = (fs::temp_directory_path() / "execo-list-XXXXXX").string();
  const fs::path directory = ::mkdtemp(name.data());
  std::ofstream(directory / "a") << "# hosts\nn[1-2] n5\n#include b\n#include a\n";
  std::ofstream(directory / "b") << "m1  # one\n";
  std::string list = "^";
  list += (directory / "a").string();
  list += ",-n5";
  EXPECT_EQ(read_host_list(list, list_syntax::pdsh), (names{"n1", "n2", "m1"}));
  fs::remove_all(directory);
  EXPECT_THROW((void)read_host_list("^/nonexistent/hosts", list_syntax::pdsh), host_set_error);
}

TEST(host_list, refuses_control_characters_in_names) {
  using namespace std::string_view_literals;
  for (list_syntax syntax :
       {list_syntax::classh, list_syntax::slurm, list_syntax::taktuk, list_syntax::pdsh})
    for (std::string_view text : {"a\0b"sv, "a\x1b"sv, "n[1-2]\x7f"sv})
      EXPECT_THROW((void)read_host_list(text, syntax), host_set_error) << text;
}

TEST(host_list, splits_at_blanks_as_pdsh_and_slurm_do) {
  EXPECT_EQ(read_host_list("n1 n[2, 3]\tm1\n", list_syntax::slurm),
            (names{"n1", "n2", "n3", "m1"}));
  EXPECT_EQ(read_host_list("n1 n[2-3] -n2 /^n[13]$/", list_syntax::pdsh), (names{"n1", "n3"}));
}

TEST(host_list, takes_users_and_the_module_ssh_of_pdsh) {
  EXPECT_EQ(read_host_list("root@n[1-2],ssh:me@m1,ssh:m2", list_syntax::pdsh),
            (names{"root@n1", "root@n2", "me@m1", "m2"}));
  EXPECT_THROW((void)read_host_list("rsh:me@m1", list_syntax::pdsh), host_set_error);
}

TEST(host_list, includes_a_file_only_where_one_word_follows) {
  namespace fs = std::filesystem;
  std::string name = (fs::temp_directory_path() / "execo-list-XXXXXX").string();
  const fs::path directory = ::mkdtemp(name.data());
  std::ofstream(directory / "a") << "#includes are explained elsewhere\n#included b\n"
                                    "#include b c\n#include\nn1\n#include \t b\r\n";
  std::ofstream(directory / "b") << "n2\n";
  EXPECT_EQ(read_host_list("^" + (directory / "a").string(), list_syntax::pdsh),
            (names{"n1", "n2"}));
  fs::remove_all(directory);
}

TEST(host_list, refuses_what_cannot_be_meant) {
  for (const char* text :
       {"n[1", "n[2-1]", "n[a]", "n[0-4294967295]", "n[0-999]m[0-9999]", "n[]"}) {
    EXPECT_THROW((void)read_host_list(text, list_syntax::classh), host_set_error) << text;
  }
  EXPECT_THROW((void)read_host_list("/(/", list_syntax::pdsh), host_set_error);
}

}  // namespace
