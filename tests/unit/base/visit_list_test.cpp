#include "base/visit_list.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace execo::detail {
namespace {

struct item : list_node {
  explicit item(int n) : number(n) {}
  int number;
};

class visit : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 4; ++i) {
      items.push_back(std::make_unique<item>(i));
      items.back()->link_before(all);
    }
  }
  std::vector<int> run(const std::function<void(item&)>& then) {
    std::vector<int> seen;
    visit_list<item>(all, [&](item& i) {
      seen.push_back(i.number);
      then(i);
    });
    return seen;
  }

  list_node all;
  std::vector<std::unique_ptr<item>> items;
};

TEST_F(visit, comes_to_each_node_in_order_and_keeps_the_order) {
  EXPECT_EQ(run([](item&) {}), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(run([](item&) {}), (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(visit, passes_over_nodes_that_have_left_or_were_destroyed) {
  auto then = [this](item& i) {
    if (i.number == 0) items[1]->unlink();
    if (i.number == 0) items[2].reset();
  };
  EXPECT_EQ(run(then), (std::vector<int>{0, 3}));
}

TEST_F(visit, may_destroy_the_node_that_it_has_come_to) {
  EXPECT_EQ(run([this](item& i) { items[i.number].reset(); }), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_FALSE(all.linked());
}

TEST_F(visit, does_not_come_to_nodes_that_join_meanwhile) {
  item late(9);
  auto then = [&](item& i) {
    if (i.number == 1) late.link_before(all);
  };
  EXPECT_EQ(run(then), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(run([](item&) {}), (std::vector<int>{0, 1, 9, 2, 3}));
}

}  // namespace
}  // namespace execo::detail
