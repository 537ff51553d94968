#include "ssh/resolver.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <deque>

namespace execo::detail {
namespace {

struct asker {
  void answered() { ++answers; }
  int answers = 0;
  resolver::question question{delegate<>::to<&asker::answered>(this)};
};

class resolver_on_a_loop : public ::testing::Test {
 protected:
  void wait_for(const asker& a) {
    auto end = clock::now() + std::chrono::seconds(30);
    while (a.answers == 0 && clock::now() < end) on.turn(100'000'000);
  }
  loop on;
  loop::driver driver{on};
};

TEST_F(resolver_on_a_loop, answers_all_who_ask_for_a_name_and_keeps_the_answer) {
  resolver names(on);
  std::deque<asker> all(3);
  for (asker& a : all) EXPECT_TRUE(names.ask("localhost", a.question));
  for (asker& a : all) {
    wait_for(a);
    EXPECT_EQ(a.answers, 1);
    ASSERT_FALSE(a.question.addresses.empty()) << a.question.problem;
  }
  asker again;
  EXPECT_FALSE(names.ask("localhost", again.question));
  EXPECT_EQ(again.question.addresses.size(), all[0].question.addresses.size());
}

TEST(endpoint, is_written_as_a_literal_in_one_way) {
  for (const char* text : {"127.0.0.1", "10.1.2.3", "::1", "fe80::1%lo"}) {
    std::optional<endpoint> e = endpoint::of_literal(text);
    ASSERT_TRUE(e) << text;
    EXPECT_EQ(e->text(), text);
  }
  EXPECT_EQ(endpoint::of_literal("0:0:0:0:0:0:0:1")->text(), "::1");
  EXPECT_EQ(endpoint().text(), "");
}

TEST_F(resolver_on_a_loop, says_why_a_name_has_no_address) {
  resolver names(on);
  asker a;
  EXPECT_TRUE(names.ask(std::string(64, 'a'), a.question));
  wait_for(a);
  EXPECT_TRUE(a.question.addresses.empty());
  EXPECT_FALSE(a.question.problem.empty());
}

TEST_F(resolver_on_a_loop, does_not_answer_who_has_gone) {
  resolver names(on);
  asker stays;
  {
    asker gone;
    EXPECT_TRUE(names.ask("localhost", gone.question));
    EXPECT_TRUE(names.ask("localhost", stays.question));
  }
  wait_for(stays);
  EXPECT_EQ(stays.answers, 1);
}

// Literals, which getaddrinfo answers by itself: a thread that is left with another name has the
// socket of a name server open for as long as that one is silent.
TEST_F(resolver_on_a_loop, can_end_while_names_are_looked_up) {
  std::deque<asker> all(40);
  {
    resolver names(on);
    for (std::size_t i = 0; i < all.size(); ++i)
      EXPECT_TRUE(names.ask("127.0.0." + std::to_string(i), all[i].question));
    for (asker& a : all) a.question.abandon();
  }
  on.turn(0);  // what was answered before frees itself here
  on.turn(0);
}

TEST(endpoint, reads_literals_only) {
  EXPECT_FALSE(endpoint::of_literal("localhost"));
  EXPECT_FALSE(endpoint::of_literal("127"));
  EXPECT_FALSE(endpoint::of_literal(""));
  auto v4 = endpoint::of_literal("127.1.2.3");
  ASSERT_TRUE(v4);
  v4->set_port(2222);
  auto* in = reinterpret_cast<const sockaddr_in*>(v4->address());
  EXPECT_EQ(ntohl(in->sin_addr.s_addr), 0x7f010203U);
  EXPECT_EQ(ntohs(in->sin_port), 2222);
  auto v6 = endpoint::of_literal("::1");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->family(), AF_INET6);
  EXPECT_EQ(v6->size(), sizeof(sockaddr_in6));
}

}  // namespace
}  // namespace execo::detail
