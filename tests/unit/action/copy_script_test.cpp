// How a script of a copy reaches a host.
#include <gmock/gmock.h>

#include "action/copy_factory.hpp"
#include "program.hpp"

namespace execo::detail {
namespace {

constexpr const char* script = R"sh(mark=$1
# A comment.
say() { printf '%s %s\n' "$mark" "$*"; }
#+first
say 'a  b' "$2"
#-
#+second
for one in "$3" c; do
  say "$one"
done
#-
say end
)sh";

std::string output_of(std::string_view packed) {
  command made = script_command(packed, "name", {"*", "two\nlines"}, "shown");
  made.words[first_script_word - 1] = "M";
  test::outcome end = test::run_program(made.words);
  EXPECT_EQ(end.err, "");
  return end.out;
}

TEST(copy_scripts, run_as_they_are_written) {
  const std::string packed = packed_script(script);
  EXPECT_EQ(packed.find_first_of("\n#"), std::string::npos) << packed;
  EXPECT_EQ(output_of(packed), "M a  b *\nM two\nlines\nM c\nM end\n");
}

TEST(copy_scripts, leave_out_a_section) {
  EXPECT_EQ(output_of(packed_script(script, "first")), "M two\nlines\nM c\nM end\n");
  EXPECT_EQ(output_of(packed_script(script, "second")), "M a  b *\nM end\n");
}

TEST(copy_scripts, of_few_bytes_have_empty_parts) { EXPECT_EQ(output_of("echo x`"), "x\n"); }

}  // namespace
}  // namespace execo::detail
