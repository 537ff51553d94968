#include "execo/secret.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/secret_store.hpp"

namespace execo {
namespace {

using detail::secret_store;

template <class T>
concept printable_value = requires(std::ostream& to, const T& value) {
  to << value;
};
static_assert(!printable_value<secret>);

secret made(std::string text) { return secret(std::move(text)); }

TEST(secret, holds_what_it_was_given_and_leaves_nothing_of_it_behind) {
  std::string text = "a long passphrase that is on the heap";
  const char* where = text.data();
  std::size_t size = text.size();
  secret s(std::move(text));
  EXPECT_EQ(s.reveal(), "a long passphrase that is on the heap");
  EXPECT_EQ(std::string(where, size), std::string(size, '\0'));
  EXPECT_EQ(s.reveal().data()[s.reveal().size()], '\0');
  EXPECT_EQ(secret().reveal(), "");
}

TEST(secret, is_equal_to_its_copies_only) {
  secret one = made("same");
  secret copy = one;
  EXPECT_EQ(one, copy);
  EXPECT_NE(one, made("same"));
}

TEST(secret, that_is_too_long_is_refused_and_wiped) {
  EXPECT_EQ(made(std::string(4000, 'x')).reveal().size(), 4000U);
  std::string text(4001, 'x');
  EXPECT_THROW(secret{std::move(text)}, std::invalid_argument);
}

TEST(secret_prompt, asks_once_for_each_thing) {
  std::vector<std::string> asked;
  secret_prompt prompt([&asked](const std::string& text) -> std::optional<secret> {
    asked.push_back(text);
    return made("x");
  });
  auto any = [](const secret&) { return true; };
  for (const char* what : {"a", "b", "a"}) {
    std::optional<secret> found = secret_store::find(prompt, what, std::string(what) + ": ", any);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->reveal(), "x");
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"a: ", "b: "}));
}

TEST(secret_prompt, asks_three_times_for_an_answer_that_fits) {
  int asked = 0;
  secret_prompt prompt([&asked](const std::string&) -> std::optional<secret> {
    return made(std::to_string(++asked));
  });
  auto is_third = [](const secret& s) { return s.reveal() == "3"; };
  EXPECT_TRUE(secret_store::find(prompt, "a", "", is_third));
  auto never = [](const secret&) { return false; };
  EXPECT_FALSE(secret_store::find(prompt, "b", "", never));
  EXPECT_EQ(asked, 6);
  EXPECT_FALSE(secret_store::find(prompt, "b", "", never)) << "not asked for again";
  EXPECT_EQ(asked, 6);
}

TEST(secret_prompt, is_not_asked_again_when_it_had_no_answer) {
  int asked = 0;
  secret_prompt none([&asked](const std::string&) -> std::optional<secret> {
    ++asked;
    return std::nullopt;
  });
  secret_prompt throws([&asked](const std::string&) -> std::optional<secret> {
    ++asked;
    throw std::runtime_error("no terminal");
  });
  auto any = [](const secret&) { return true; };
  for (const secret_prompt& prompt : {none, throws})
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(secret_store::find(prompt, "a", "", any));
  EXPECT_EQ(asked, 2);
}

TEST(secret_prompt, asks_once_for_all_threads) {
  int asked = 0;  // under the lock of the prompt
  secret_prompt prompt([&asked](const std::string&) -> std::optional<secret> {
    ++asked;
    return made("x");
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&prompt] {
      EXPECT_TRUE(secret_store::find(prompt, "a", "", [](const secret&) { return true; }));
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(asked, 1);
}

TEST(secret_prompt, is_equal_to_its_copies_only) {
  auto ask = [](const std::string&) -> std::optional<secret> { return std::nullopt; };
  secret_prompt one(ask);
  secret_prompt copy = one;
  EXPECT_EQ(one, copy);
  EXPECT_NE(one, secret_prompt(ask));
  EXPECT_FALSE(secret_prompt());
  EXPECT_FALSE(secret_prompt(secret_prompt::question()));
}

}  // namespace
}  // namespace execo
