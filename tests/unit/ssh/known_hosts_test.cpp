#include "ssh/known_hosts.hpp"

#include <gtest/gtest.h>

#include "ssh/name_patterns.hpp"

namespace execo::detail {
namespace {

using verdict = known_hosts::verdict;

// Blobs need no more than their type to be taken for keys.
constexpr const char* key_a =
    "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr const char* key_b =
    "AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
constexpr const char* key_rsa = "AAAAB3NzaC1yc2EAAAADAQABAAAAAA==";
constexpr const char* ed25519 = "ssh-ed25519";

known_hosts parsed(const std::string& text) {
  known_hosts k;
  k.parse(text);
  return k;
}

std::string line(const std::string& names, const char* key = key_a) {
  return names + " " + (key == key_rsa ? "ssh-rsa" : ed25519) + " " + key + " a comment\n";
}

TEST(known_hosts, knows_a_key_by_its_name_only) {
  known_hosts k = parsed(line("alpha"));
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("ALPHA", 22, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_b), verdict::changed);
  EXPECT_EQ(k.check("beta", 22, ed25519, key_a), verdict::unknown);
  EXPECT_EQ(k.check("alpha", 22, "ssh-rsa", key_rsa), verdict::other_type);
}

TEST(known_hosts, takes_a_port_apart_from_22_as_part_of_the_name) {
  known_hosts k = parsed(line("[alpha]:2222") + line("[::1]:2200,beta", key_b));
  EXPECT_EQ(k.check("alpha", 2222, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_a), verdict::unknown);
  EXPECT_EQ(k.check("::1", 2200, ed25519, key_b), verdict::known);
  EXPECT_EQ(k.check("beta", 22, ed25519, key_b), verdict::known);
}

TEST(known_hosts, lets_a_plain_name_confirm_but_not_deny_a_key_at_another_port) {
  known_hosts k = parsed(line("alpha"));
  EXPECT_EQ(k.check("alpha", 2222, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("alpha", 2222, ed25519, key_b), verdict::unknown);
  k.add("alpha", 2222, ed25519, key_b);
  EXPECT_EQ(k.check("alpha", 2222, ed25519, key_a), verdict::changed);
}

TEST(known_hosts, accepts_any_of_several_keys) {
  known_hosts k = parsed(line("alpha", key_rsa) + line("alpha") + line("alpha", key_b));
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_b), verdict::known);
  EXPECT_EQ(k.types("alpha", 22), (std::vector<std::string_view>{"ssh-rsa", ed25519}));
}

TEST(known_hosts, matches_wildcards_and_heeds_negation) {
  known_hosts k = parsed(line("node*.x,!node7.x,a?c"));
  EXPECT_EQ(k.check("node12.x", 22, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("node7.x", 22, ed25519, key_a), verdict::unknown);
  EXPECT_EQ(k.check("abc", 22, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("ac", 22, ed25519, key_a), verdict::unknown);
}

TEST(known_hosts, reads_hashed_names) {
  // The example of sshd(8).
  known_hosts k = parsed(line("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg="));
  EXPECT_EQ(k.size(), 1U);
  EXPECT_EQ(k.check("192.168.1.61", 22, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("192.168.1.62", 22, ed25519, key_a), verdict::unknown);
}

TEST(known_hosts, never_trusts_a_revoked_key) {
  known_hosts k = parsed(line("alpha") + line("@revoked *") + line("alpha", key_b));
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_a), verdict::revoked);
  EXPECT_EQ(k.check("alpha", 2222, ed25519, key_a), verdict::revoked);
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_b), verdict::known);
}

TEST(known_hosts, tells_a_key_of_a_host_the_shortest_first) {
  known_hosts k = parsed(line("alpha,beta", key_rsa) + line("alpha") + line("[gamma]:2222", key_b) +
                         line("delta") + "@revoked " + line("*", key_b));
  EXPECT_EQ(k.key_of("alpha", 22), std::string(ed25519) + " " + key_a);
  EXPECT_EQ(k.key_of("beta", 22), std::string("ssh-rsa ") + key_rsa);
  EXPECT_EQ(k.key_of("delta", 2222), std::string(ed25519) + " " + key_a);
  EXPECT_EQ(k.key_of("gamma", 22), "");
  EXPECT_EQ(k.key_of("gamma", 2222), "") << "it is revoked";
}

TEST(known_hosts, trusts_no_certificate_authority_and_no_broken_line) {
  known_hosts k =
      parsed(line("@cert-authority alpha") + "# alpha\n\n  \nalpha\nalpha ssh-ed25519\n" +
             "alpha ssh-rsa " + key_a + "\nalpha 1024 35 1234\nalpha ssh-ed25519 ?!\n" +
             line("@other alpha") + line("|1|x|y") + line("|2|AAAA|AAAA"));
  EXPECT_EQ(k.size(), 0U);
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_a), verdict::unknown);
}

TEST(known_hosts, reads_a_last_line_without_its_end_and_lines_with_a_carriage_return) {
  known_hosts k =
      parsed("alpha ssh-ed25519 " + std::string(key_a) + "\r\n\t beta  ssh-ed25519\t" + key_b);
  EXPECT_EQ(k.check("alpha", 22, ed25519, key_a), verdict::known);
  EXPECT_EQ(k.check("beta", 22, ed25519, key_b), verdict::known);
}

TEST(known_hosts, learns_what_is_added) {
  known_hosts k;
  EXPECT_EQ(k.check("Alpha", 2222, ed25519, key_a), verdict::unknown);
  k.add("Alpha", 2222, ed25519, key_a);
  EXPECT_EQ(k.check("alpha", 2222, ed25519, key_a), verdict::known);
  EXPECT_EQ(known_hosts::entry_name("Alpha", 2222), "[alpha]:2222");
  EXPECT_EQ(known_hosts::entry_name("Alpha", 22), "alpha");
}

TEST(known_hosts, matches_patterns_with_many_stars_in_bounded_time) {
  std::string name(2000, 'a');
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  EXPECT_TRUE(matches_pattern_list(name, pattern));
  EXPECT_FALSE(matches_pattern_list(name, pattern + "b"));
  EXPECT_FALSE(matches_pattern_list("x", ",,!,"));
}

}  // namespace
}  // namespace execo::detail
