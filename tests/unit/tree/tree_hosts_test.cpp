// The hosts of a tree by number.
#include "tree/tree_hosts.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace execo::detail {
namespace {

class counting_way final : public tree_way {
 public:
  intrusive_ptr<lifecycle> run_on(const host&, std::size_t, std::string,
                                  const std::shared_ptr<route_source>&) override {
    return {};
  }
  std::optional<connector_message> connector() const override { return std::nullopt; }
  work_item item_for(const host& where) const override {
    ++asked;
    work_item made;
    made.name = where.name();
    return made;
  }
  void answer(const host&, sign_ask_message, std::function<void(std::string)>) override {}
  void forget_answers() noexcept override {}

  mutable int asked = 0;
};

TEST(tree_hosts, have_one_number_for_each_user_name_and_port) {
  counting_way way;
  tree_hosts hosts(way);
  EXPECT_EQ(hosts.index_of(host("a")), 0U);
  EXPECT_EQ(hosts.index_of(host("b")), 1U);
  EXPECT_EQ(hosts.index_of(host("a")), 0U);
  EXPECT_EQ(hosts.size(), 2U);
}

TEST(tree_hosts, find_the_way_to_one_once_while_it_is_wanted) {
  counting_way way;
  tree_hosts hosts(way);
  (void)hosts.index_of(host("a"));
  const std::uint32_t b = hosts.index_of(host("b"));
  hosts.set_stage(hosts[b], tree_stage::wanted);
  EXPECT_EQ(hosts.item_of(b).index, b);
  EXPECT_EQ(hosts.item_of(b).name, "b");
  EXPECT_EQ(way.asked, 1);
  hosts.set_stage(hosts[b], tree_stage::up);
  hosts.set_stage(hosts[b], tree_stage::wanted);
  (void)hosts.item_of(b);
  EXPECT_EQ(way.asked, 2);
}

TEST(tree_hosts, are_counted_by_stage_and_level) {
  counting_way way;
  tree_hosts hosts(way);
  for (const char* name : {"a", "b", "c", "d"}) (void)hosts.index_of(host(name));
  for (std::uint32_t index : {0U, 1U, 2U}) hosts.set_stage(hosts[index], tree_stage::wanted);
  hosts.set_up(0, 0, no_host, 1);
  hosts.set_up(1, 0, 0, 2);
  hosts.set_direct(2, failure());
  const tree_status now = hosts.status();
  EXPECT_EQ(now.hosts, 4U);
  EXPECT_EQ(now.up, 2U);
  EXPECT_EQ(now.direct, 1U);
  EXPECT_EQ(now.depth, 2U);
  EXPECT_TRUE(hosts.is_direct(host("c")));
  hosts.set_stage(hosts[1], tree_stage::unknown);
  EXPECT_EQ(hosts.status().depth, 1U);
}

}  // namespace
}  // namespace execo::detail
