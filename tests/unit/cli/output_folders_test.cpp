#include "cli/output_folders.hpp"

#include <gtest/gtest.h>

#include "command_line/usage_error.hpp"

namespace execo::cli {
namespace {

TEST(output_folders, keep_references_in_a_command) {
  const auto kept = [](const char* text) { return output_folders::with_references_kept(text); };
  EXPECT_EQ(kept(""), "");
  EXPECT_EQ(kept("echo {{{host}}}"), "echo {{{\\host}}}");
  EXPECT_EQ(kept("{{{{index}}}}"), "{{{{\\index}}}}");
  EXPECT_EQ(kept("{{{\\port}}}{{{user}}}"), "{{{\\\\port}}}{{{\\user}}}");
  EXPECT_EQ(kept("{{{hosts}}} {{host}} {{{"), "{{{hosts}}} {{host}} {{{");
}

TEST(output_folders, name_the_file_of_a_host_as_the_host_is_shown) {
  EXPECT_EQ(output_folders::names_of({host("n1"), host("root@n1:22")}),
            (std::vector<std::string>{"n1", "root@n1:22"}));
}

TEST(output_folders, are_the_same_for_all_hosts) {
  output_folders to;
  EXPECT_FALSE(to.given());
  to.err = "logs/{{{host}}}";
  EXPECT_TRUE(to.given());
  EXPECT_THROW(to.check(), command_line::usage_error);
  to.err = "logs/{odd}";
  to.check();
}

}  // namespace
}  // namespace execo::cli
