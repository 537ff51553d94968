// Which child of a root has a certificate for whom, and when it gets a new one, on a clock that the
// test moves.
#include "tree/certificate_desk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "held_clock.hpp"

namespace execo::detail {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// An authority that is told when to sign.
class led_authority final : public tree_way {
 public:
  intrusive_ptr<lifecycle> run_on(const host&, std::size_t, std::string,
                                  const std::shared_ptr<route_source>&) override {
    return {};
  }
  std::optional<connector_message> connector() const override { return std::nullopt; }
  work_item item_for(const host&) const override { return {}; }
  void answer(const host&, sign_ask_message, std::function<void(std::string)>) override {}
  void forget_answers() noexcept override {}
  bool certifies() const noexcept override { return true; }
  void certify(
      certificate_wish what,
      std::function<void(std::optional<certificate_message>, const std::string&)> done) override {
    std::string users;
    for (const std::string& user : what.users) users += (users.empty() ? "" : ",") + user;
    wishes.push_back(what.name + " for " + users);
    asked.push_back(std::move(done));
  }
  /// The first question that is open.
  void sign() {
    certificate_message made;
    made.key = "key";
    made.text = std::to_string(++signed_so_far);
    answer_first(made, {});
  }
  void refuse() { answer_first(std::nullopt, "no"); }

  std::vector<std::string> wishes;
  std::vector<std::function<void(std::optional<certificate_message>, const std::string&)>> asked;

 private:
  void answer_first(std::optional<certificate_message> made, const std::string& why) {
    ASSERT_FALSE(asked.empty());
    auto done = std::move(asked.front());
    asked.erase(asked.begin());
    done(std::move(made), why);
  }
  int signed_so_far = 0;
};

class certificates_of_children : public testing::Test, private certificate_desk_owner {
 protected:
  class counted_part final : public ref_counted {};

  ~certificates_of_children() override { desk.rest(); }
  void give(std::uint32_t link, std::uint32_t index, const std::string& user) {
    work_message work;
    work.items.emplace_back().index = index;
    work.items.back().user = user;
    desk.give(link, std::move(work));
  }
  void take_back(std::uint32_t link, std::uint32_t index) {
    revoke_message revoke;
    revoke.hosts = index_ranges(index);
    desk.take_back(link, std::move(revoke));
  }

  std::map<std::uint32_t, std::vector<std::string>> sent;  // by link
  std::vector<std::string> uncertified;
  loop on;
  loop::driver driver{on};
  test::held_clock time{on};
  led_authority authority;
  intrusive_ptr<counted_part> counted{new counted_part};
  certificate_desk desk{on, *counted, *this, authority};

 private:
  void send_errand(std::uint32_t link, tree_links::errand what) override {
    std::string text = "another";
    if (const auto* work = std::get_if<work_message>(&what))
      text = "work " + std::to_string(work->items.front().index);
    if (const auto* revoke = std::get_if<revoke_message>(&what))
      text = "revoke " + std::to_string(revoke->hosts.front());
    if (const auto* made = std::get_if<certificate_message>(&what))
      text = "certificate " + made->text;
    sent[link].push_back(text);
  }
  std::string name_of_link(std::uint32_t link) override { return "link " + std::to_string(link); }
  void hosts_uncertified(std::uint32_t link, const index_ranges& hosts,
                         const std::string& why) override {
    hosts.for_each([&](std::uint32_t index) {
      uncertified.push_back(std::to_string(link) + ": " + std::to_string(index) + ": " + why);
    });
  }
};

TEST_F(certificates_of_children, come_before_their_first_hosts) {
  give(1, 7, "ann");
  take_back(1, 7);
  EXPECT_THAT(sent[1], IsEmpty());
  authority.sign();
  EXPECT_THAT(sent[1], ElementsAre("certificate 1", "work 7", "revoke 7"));
  give(1, 8, "ann");
  take_back(1, 8);
  EXPECT_THAT(sent[1], ElementsAre("certificate 1", "work 7", "revoke 7", "work 8", "revoke 8"));
  EXPECT_THAT(authority.wishes, ElementsAre("link 1 for ann"));
}

TEST_F(certificates_of_children, are_for_the_users_of_their_own_hosts) {
  give(1, 7, "ann");
  give(2, 8, "bob");
  authority.sign();
  authority.sign();
  give(2, 9, "carl");
  give(2, 10, "bob");
  EXPECT_THAT(sent[2], ElementsAre("certificate 2", "work 8"));
  authority.sign();
  EXPECT_THAT(sent[1], ElementsAre("certificate 1", "work 7"));
  EXPECT_THAT(sent[2],
              ElementsAre("certificate 2", "work 8", "certificate 3", "work 9", "work 10"));
  EXPECT_THAT(authority.wishes,
              ElementsAre("link 1 for ann", "link 2 for bob", "link 2 for bob,carl"));
}

TEST_F(certificates_of_children, are_asked_for_again_where_a_user_came_meanwhile) {
  give(1, 7, "ann");
  give(1, 8, "bob");
  authority.sign();
  EXPECT_THAT(sent[1], ElementsAre("certificate 1"));
  authority.sign();
  EXPECT_THAT(sent[1], ElementsAre("certificate 1", "certificate 2", "work 7", "work 8"));
}

TEST_F(certificates_of_children, are_renewed_before_they_end) {
  give(1, 7, "ann");
  give(2, 8, "bob");
  authority.sign();
  authority.sign();
  time.pass(239s);
  EXPECT_THAT(authority.asked, IsEmpty());
  for (int round = 1; round <= 3; ++round) {
    time.pass(1s);
    ASSERT_EQ(authority.asked.size(), 2U);
    authority.sign();
    authority.sign();
    EXPECT_EQ(sent[1].back(), "certificate " + std::to_string(2 * round + 1));
    EXPECT_EQ(sent[2].back(), "certificate " + std::to_string(2 * round + 2));
    time.pass(239s);
  }
}

TEST_F(certificates_of_children, are_not_renewed_for_one_that_has_gone) {
  give(1, 7, "ann");
  give(2, 8, "bob");
  authority.sign();
  authority.sign();
  desk.forget(1);
  time.pass(240s);
  EXPECT_EQ(authority.wishes.back(), "link 2 for bob");
  EXPECT_EQ(authority.asked.size(), 1U);
}

TEST_F(certificates_of_children, are_not_for_the_next_child_with_the_same_link) {
  give(1, 7, "ann");
  desk.forget(1);
  give(1, 8, "bob");
  authority.sign();
  EXPECT_THAT(sent[1], IsEmpty());
  authority.sign();
  EXPECT_THAT(sent[1], ElementsAre("certificate 2", "work 8"));
}

TEST_F(certificates_of_children, that_are_refused_leave_their_hosts_to_the_root_for_minutes) {
  give(1, 7, "ann");
  take_back(1, 7);
  authority.refuse();
  EXPECT_TRUE(desk.is_refused());
  EXPECT_THAT(uncertified, ElementsAre("1: 7: no"));
  EXPECT_THAT(sent[1], ElementsAre("revoke 7"));
  time.pass(240s);
  EXPECT_FALSE(desk.is_refused());
  give(1, 8, "ann");
  authority.sign();
  EXPECT_THAT(sent[1], ElementsAre("revoke 7", "certificate 1", "work 8"));
}

TEST_F(certificates_of_children, that_are_not_renewed_are_good_until_they_end) {
  give(1, 7, "ann");
  authority.sign();
  time.pass(240s);
  authority.refuse();
  EXPECT_THAT(uncertified, IsEmpty());
  give(1, 8, "ann");
  EXPECT_THAT(sent[1], ElementsAre("certificate 1", "work 7", "work 8"));
  time.pass(240s);
  authority.sign();
  EXPECT_EQ(sent[1].back(), "certificate 2");
  EXPECT_FALSE(desk.is_refused());
}

}  // namespace
}  // namespace execo::detail
