// What the hosts of actions keep of their output, in all.
#include <gtest/gtest.h>

#include <optional>

#include "base/byte_budget.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kib = 1024;
constexpr std::size_t always = 4 * kib;
constexpr std::size_t each = 50'000;

class budgets_of_actions : public on_each_backend {
 protected:
  budgets_of_actions() {
    hosts_.behaviour = [](const host&) {
      script s;
      s.out = std::string(each, 'x');
      s.err = "why";
      return s;
    };
  }
  fake_action on_hosts(std::size_t count) {
    fake_action a(hosts_, count);
    a.state().chosen = &detail::loop_of(context_);
    return a;
  }
  static std::size_t bytes_of(const action_result& r) {
    std::size_t bytes = 0;
    for (const host_result& h : r.all()) bytes += h.out.size() + h.err.size();
    return bytes;
  }

  static constexpr std::size_t limit = 1024 * kib;
  fake_hosts hosts_;
  context context_{output_budget(limit)};
};
EXECO_ON_EACH_BACKEND(budgets_of_actions);

TEST_P(budgets_of_actions, are_kept_with_something_for_each_host) {
  fake_action a = on_hosts(100);
  action_result all = sync_wait(context_, a.run());
  EXPECT_TRUE(all.ok());
  EXPECT_GT(all.stats().incomplete, 0U);
  for (const host_result& r : all.all()) {
    EXPECT_GE(r.out.size(), always);
    EXPECT_EQ(r.out.size() + r.out_dropped(), each);
    EXPECT_EQ(r.err, "why");
  }
  EXPECT_EQ(context_.kept_output(), bytes_of(all));
  EXPECT_LE(context_.kept_output(), limit + 100 * (always + 3));
  EXPECT_GT(context_.kept_output(), limit / 2);
}

TEST_P(budgets_of_actions, are_shared_by_actions_side_by_side_and_free_again_after_them) {
  {
    fake_action first = on_hosts(60);
    fake_action second = on_hosts(60);
    auto both = when_all(first.run(), second.run());
    auto [one, two] = sync_wait(context_, std::move(both));
    EXPECT_EQ(context_.kept_output(), bytes_of(one) + bytes_of(two));
    EXPECT_LE(context_.kept_output(), limit + 120 * (always + 3));
    fake_action third = on_hosts(1);
    EXPECT_EQ(sync_wait(context_, third.run()).all()[0].out.size(), always)
        << "what a result holds is not taken from it";
  }
  EXPECT_EQ(context_.kept_output(), 0U);
  fake_action again = on_hosts(10);
  EXPECT_EQ(bytes_of(sync_wait(context_, again.run())), 10 * (each + 3));
}

TEST_P(budgets_of_actions, have_room_for_results_that_are_taken_and_dropped) {
  fake_action a = on_hosts(300);
  a.fanout(10);
  std::size_t whole = 0;
  auto work = [&]() -> task<> {
    while (auto r = co_await a.next()) whole += r->out.size() == each ? 1u : 0u;
  };
  sync_wait(context_, work());
  EXPECT_EQ(whole, 300U) << "15 MB in all, of which few are kept at a time";
  EXPECT_EQ(context_.kept_output(), 0U);
}

TEST_P(budgets_of_actions, hold_equal_outputs_once_when_they_are_gathered) {
  fake_action a = on_hosts(300);
  a.fanout(10);
  output_gatherer gatherer;
  auto work = [&]() -> task<> {
    while (auto r = co_await a.next()) gatherer.add(std::move(*r));
  };
  sync_wait(context_, work());
  EXPECT_EQ(context_.kept_output(), each + 3);
  std::vector<output_group> groups = std::move(gatherer).groups();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].count, 300U);
  EXPECT_EQ(context_.kept_output(), each + 3);
  groups.clear();
  EXPECT_EQ(context_.kept_output(), 0U);
}

TEST_P(budgets_of_actions, get_all_back_when_the_last_handle_goes_in_the_middle) {
  hosts_.behaviour = [](const host& where) {
    script s;
    s.out = std::string(each, 'x');
    s.takes = where.name() == "h0" ? duration(1h) : duration(1ms);
    return s;
  };
  {
    std::optional<fake_action> a(on_hosts(8));
    auto work = [&]() -> task<> {
      for (int i = 0; i < 3; ++i) (void)co_await a->next();
      EXPECT_GT(context_.kept_output(), 0U);
      a.reset();
    };
    sync_wait(context_, work());
  }
  EXPECT_EQ(context_.kept_output(), 0U);
}

TEST_P(budgets_of_actions, stay_charged_by_results_that_outlive_the_context) {
  std::optional<action_result> all;
  detail::intrusive_ptr<detail::byte_budget> budget;
  {
    context c(output_budget(10 * each));
    budget = detail::intrusive_ptr<detail::byte_budget>(detail::loop_of(c).output_budget());
    fake_action a(hosts_, 3);
    a.state().chosen = &detail::loop_of(c);
    all = sync_wait(c, a.run());
  }
  EXPECT_EQ(budget->used(), 3 * (each + 3));
  action_result shared = *all;
  all.reset();
  EXPECT_EQ(budget->used(), 3 * (each + 3)) << "copies of an action_result share its results";
  shared = action_result();
  EXPECT_EQ(budget->used(), 0U);
}

}  // namespace
}  // namespace execo::test
