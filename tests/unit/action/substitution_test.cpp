// References in braces: what is replaced, what is not, and with what.
#include "action/substitution.hpp"

#include <gtest/gtest.h>

#include <set>

namespace execo::detail {
namespace {

std::vector<value_series> letters() {
  value_series x;
  x.name = "x";
  x.values = {"1", "2", "3"};
  value_series port = x;
  port.name = "port";
  port.values = {"8001", "8002"};
  return {x, port};
}

class substitutions : public ::testing::Test {
 protected:
  std::string of(std::string_view text, std::size_t index = 0,
                 value_form form = value_form::as_it_is) const {
    host_values values(where_, index, series_);
    values.user = "me";
    values.port = "2222";
    values.count = "40";
    values.father = "gate";
    return text_template(text, series_).text_for(values, form);
  }
  bool is_plain(std::string_view text) const { return text_template(text, series_).is_plain(); }

  host where_ = host("alpha");
  std::vector<value_series> series_ = letters();
};

TEST_F(substitutions, replace_those_of_a_host) {
  EXPECT_EQ(of("{{{host}}} {{{index}}} {{{user}}} {{{port}}}", 12), "alpha 12 me 2222");
  EXPECT_EQ(of("{{{rank}}} of {{{count}}}, by {{{father}}}", 12), "13 of 40, by gate");
  EXPECT_EQ(of("{{{host}}}{{{host}}}"), "alphaalpha");
  EXPECT_EQ(of("a{{{host}}}b"), "aalphab");
}

TEST_F(substitutions, replace_a_name_by_its_value_for_the_host_again_and_again) {
  EXPECT_EQ(of("{{x}}", 0) + of("{{x}}", 1) + of("{{x}}", 2) + of("{{x}}", 3), "1231");
  EXPECT_EQ(of("{{x}}{{port}}", 1), "28002");
  EXPECT_EQ(of("{{{port}}} is the port of the host"), "2222 is the port of the host");
}

TEST_F(substitutions, leave_all_other_braces_byte_for_byte) {
  for (const char* text : {"",
                           "{",
                           "{{",
                           "{{{",
                           "}}}",
                           "{{}}",
                           "{{{}}}",
                           "docker ps --format '{{.Names}}'",
                           "ps | awk '{print $1}'",
                           "${var} ${var:-{{}}}",
                           R"({{"a":1}})",
                           "{{y}}",
                           "{{{hosts}}}",
                           "{{host}}",
                           "{{ x }}",
                           "{{{ host }}}",
                           "{{{host}}",
                           "{{x}",
                           "{{x\n}}",
                           "{{ansible_host}}",
                           "{% if x %}{{-x}}{% endif %}",
                           "{{x|upper}}",
                           "{{x.y}}",
                           "{{\\y}}",
                           "{{\\}}",
                           "{{\\{{x",
                           "{{{x",
                           "{{$x}}",
                           "{{.x}}",
                           "{{{{",
                           "{a,b}{1..3}",
                           "\\{{y}}",
                           "{{X}}",
                           "{{{HOST}}}"}) {
    EXPECT_EQ(of(text), text);
    EXPECT_TRUE(is_plain(text)) << text;
  }
  const std::string binary("\0{{\0x}}\xff{{\x80", 10);
  EXPECT_EQ(of(binary), binary);
}

TEST_F(substitutions, find_a_reference_among_more_braces) {
  EXPECT_EQ(of("{{{x}}}"), "{1}");
  EXPECT_EQ(of("${{{x}}}"), "${1}");
  EXPECT_EQ(of("{{{{host}}}}"), "{alpha}");
  EXPECT_EQ(of("{{{{{x}}"), "{{{1");
  EXPECT_EQ(of("{{y{{x}}"), "{{y1");
  EXPECT_EQ(of("{{x}}}}"), "1}}");
}

TEST_F(substitutions, read_a_value_only_once) {
  series_[0].values = {"{{{host}}}", "{{port}}"};
  EXPECT_EQ(of("{{x}}", 0), "{{{host}}}");
  EXPECT_EQ(of("{{x}}", 1), "{{port}}");
  series_[0].values = {"{{"};
  EXPECT_EQ(of("{{x}}port}}"), "{{port}}");
}

TEST_F(substitutions, keep_a_reference_behind_a_backslash) {
  EXPECT_EQ(of("{{{\\host}}}"), "{{{host}}}");
  EXPECT_EQ(of("{{\\x}}"), "{{x}}");
  EXPECT_EQ(of("{{{\\\\host}}}"), "{{{\\host}}}");
  EXPECT_EQ(of("a{{\\x}}b{{x}}"), "a{{x}}b1");
  EXPECT_EQ(of("{{\\host}}"), "{{\\host}}") << "that is no reference without the backslash";
  EXPECT_FALSE(is_plain("{{\\x}}"));
}

TEST_F(substitutions, tell_to_what_they_refer) {
  text_template text("{{{user}}} {{x}}", series_);
  EXPECT_TRUE(text.refers_to(reference::user));
  EXPECT_TRUE(text.refers_to(reference::first_series));
  EXPECT_FALSE(text.refers_to(reference::port));
  EXPECT_TRUE(text.has_literal());
  EXPECT_FALSE(text_template("{{x}}{{x}}", series_).has_literal());
}

TEST_F(substitutions, double_percent_signs_of_values_where_tokens_follow) {
  series_[0].values = {"100%h"};
  EXPECT_EQ(of("%h {{x}}", 0, value_form::with_percent_doubled), "%h 100%%h");
}

TEST_F(substitutions, make_a_value_one_name_in_a_path) {
  EXPECT_EQ(path_component("node-1.example"), "node-1.example");
  EXPECT_EQ(path_component("a/b"), "a%2Fb");
  EXPECT_EQ(path_component(".."), "%2E.");
  EXPECT_EQ(path_component("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
  EXPECT_EQ(path_component("fe80::1%eth0"), "fe80::1%25eth0");
  EXPECT_EQ(path_component("a\nb\x7f"), "a%0Ab%7F");
  EXPECT_EQ(path_component("~ $x\\"), "~ $x\\") << "no shell reads it";
  series_[0].values = {"a/../b"};
  EXPECT_EQ(of("out/../{{x}}.log", 0, value_form::component), "out/../a%2F..%2Fb.log");
}

TEST_F(substitutions, give_different_values_different_names) {
  std::set<std::string> names;
  std::string value("  ");
  for (int a = 1; a < 256; ++a)
    for (int b = 1; b < 256; ++b) {
      value[0] = static_cast<char>(a);
      value[1] = static_cast<char>(b);
      std::string name = path_component(value);
      EXPECT_EQ(name.find('/'), name.npos);
      names.insert(std::move(name));
    }
  EXPECT_EQ(names.size(), 255U * 255U);
}

TEST(reference_names, are_those_of_variables) {
  for (const char* good : {"a", "_", "port", "A9_z"}) EXPECT_TRUE(is_reference_name(good)) << good;
  for (const char* bad : {"", "9", "a b", "a-b", "\\a", "{a}", "a.b", "\u00e9"})
    EXPECT_FALSE(is_reference_name(bad)) << bad;
}

}  // namespace
}  // namespace execo::detail
