// What the outputs of a whole context keep: processes side by side, and the results that are left.
#include <gmock/gmock.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "base/byte_budget.hpp"
#include "execo/when_all.hpp"
#include "fleet_fixture.hpp"
#include "loop/loop.hpp"
#include "support/file_bytes.hpp"
#include "unit/process/children.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::size_t kib = 1024;
constexpr std::size_t always = 4 * kib;

class budgets : public on_each_backend {};
EXECO_ON_EACH_BACKEND(budgets);

std::vector<result> run_all(context& c, std::vector<process> list) {
  auto work = [](std::vector<process> all) -> task<std::vector<result>> {
    std::vector<process::owned_run_op> runs;
    for (process& p : all) runs.push_back(std::move(p).run());
    auto settled = when_all(std::move(runs));
    co_return co_await std::move(settled);
  };
  return sync_wait(c, work(std::move(list)));
}

TEST_P(budgets, are_a_gibibyte_unless_set) {
  EXPECT_EQ(output_budget().bytes(), std::size_t{1} << 30);
  context c(rings(2), output_budget(5));
  context d(spawners(0), output_budget(6));
  context e(output_budget(7));
  context f(rings(2), spawners(0), output_budget(8));
  context g;
  EXPECT_EQ(detail::loop_of(c).output_budget()->limit(), 5U);
  EXPECT_EQ(detail::loop_of(d).output_budget()->limit(), 6U);
  EXPECT_EQ(detail::loop_of(e).output_budget()->limit(), 7U);
  EXPECT_EQ(detail::loop_of(f).output_budget()->limit(), 8U);
  EXPECT_EQ(detail::loop_of(g).output_budget()->limit(), std::size_t{1} << 30);
}

TEST_P(budgets, are_shared_by_processes_side_by_side_on_all_rings) {
  constexpr std::size_t limit = 300 * kib;
  constexpr std::size_t each = 100'000;
  context c(rings(3), output_budget(limit));
  std::vector<process> list;
  for (std::size_t i = 0; i < 12; ++i) {
    list.push_back(child("flood", "100000"));
    list.back().on(c.ring(i % 3));
  }
  std::vector<result> all = run_all(c, std::move(list));
  std::size_t kept = 0;
  for (const result& r : all) {
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_EQ(r.out.size() + r.out_dropped(), each);
    EXPECT_GE(r.out.size(), always) << "each keeps something";
    bool whole = r.out.size() == each;
    EXPECT_EQ(r.output_complete(), whole);
    EXPECT_EQ(r.dropped_by(), whole ? output_limit::none : output_limit::context);
    kept += r.out.size();
  }
  EXPECT_LE(kept, limit + 12 * always);
  EXPECT_EQ(c.kept_output(), kept);
  all.clear();
  EXPECT_EQ(c.kept_output(), 0U);
}

TEST_P(budgets, that_are_spent_are_named_as_the_limit) {
  context c(output_budget(0));
  result r = sync_wait(c, process("seq 10000; seq 10000 >&2").shell().run());
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.out.size(), always);
  EXPECT_EQ(r.err.size(), always);
  EXPECT_EQ(r.out_dropped(), 48'894 - always);
  EXPECT_FALSE(r.output_complete());
  EXPECT_EQ(r.dropped_by(), output_limit::context);
  EXPECT_THAT(r.describe(),
              EndsWith("; 44798 bytes of its stdout were left out; 44798 bytes of its "
                       "stderr were left out, since the output budget of the context "
                       "was spent"));
  EXPECT_THAT(r.dump(), HasSubstr("\ndropped:  by the limit of its context\n"));
  EXPECT_EQ(to_string(r.dropped_by()), "context");
  result own = sync_wait(c, process("seq 10000").max_output(3).run());
  EXPECT_EQ(own.dropped_by(), output_limit::stream);
  EXPECT_THAT(own.describe(), EndsWith("; 48891 bytes of its stdout were left out"));
  result counted = sync_wait(c, process("seq 10000").max_output(0).run());
  EXPECT_EQ(counted.dropped_by(), output_limit::none);
  EXPECT_TRUE(counted.output_complete());
  result strict = sync_wait(c, process("seq 10000").require_complete_output().run());
  EXPECT_EQ(strict.how(), end_reason::output_failed);
  EXPECT_THAT(strict.error_context(), HasSubstr("the output budget of the context was spent"));
}

TEST_P(budgets, have_room_again_when_results_are_gone) {
  context c(output_budget(100 * kib));
  auto run = [&c] { return sync_wait(c, child("flood", "90000").run()); };
  auto first = std::make_unique<result>(run());
  EXPECT_EQ(first->out.size(), 90'000U);
  EXPECT_LT(run().out.size(), 20'000U);
  result moved = std::move(*first);
  first.reset();
  EXPECT_EQ(c.kept_output(), 90'000U);
  std::string text = std::move(moved.out);
  EXPECT_LT(run().out.size(), 20'000U) << "the result is there yet";
  moved = result();
  EXPECT_EQ(c.kept_output(), 0U);
  result second = run();
  EXPECT_EQ(second.out.size(), 90'000U);
  result copy = second;
  second = result();
  EXPECT_EQ(c.kept_output(), 0U);
  EXPECT_EQ(copy.out.size(), 90'000U);
}

TEST_P(budgets, are_charged_for_what_a_process_that_is_kept_holds) {
  context c(output_budget(100 * kib));
  {
    process p = child("flood", "1000");
    result copy = sync_wait(c, p.run());
    EXPECT_EQ(copy.out.size(), 1000U);
    EXPECT_EQ(c.kept_output(), 1000U) << "once: the copy is the caller's own";
  }
  EXPECT_EQ(c.kept_output(), 0U);
}

TEST_P(budgets, get_all_back_from_what_hands_over_no_result) {
  context c(output_budget(100 * kib));
  auto work = [&]() -> task<> {
    process p = process("seq 1000; exec sleep 60").shell().out(capture()).start();
    auto line = co_await p.out().next_line();
    EXPECT_EQ(line, "1");
    EXPECT_GT(c.kept_output(), 0U);
  };
  sync_wait(c, work());
  EXPECT_EQ(c.kept_output(), 0U);
}

TEST_P(budgets, outlive_their_context_with_the_results) {
  detail::intrusive_ptr<detail::byte_budget> budget;
  auto r = std::make_unique<result>();
  std::optional<process> kept;
  {
    context c(rings(2), output_budget(100 * kib));
    budget = detail::intrusive_ptr<detail::byte_budget>(detail::loop_of(c).output_budget());
    *r = sync_wait(c, child("flood", "1000").run());
    kept = child("flood", "200");
    (void)sync_wait(c, kept->run());
  }
  EXPECT_EQ(budget->used(), 1200U);
  EXPECT_EQ(r->out.size(), 1000U);
  r.reset();
  EXPECT_EQ(budget->used(), 200U);
  kept.reset();
  EXPECT_EQ(budget->used(), 0U);
}

TEST_P(budgets, that_are_spent_lose_no_byte_of_a_spill_and_of_a_reader) {
  scratch_directory folder;
  std::string path = folder.path() + "/rest";
  context c(output_budget(0));
  std::string all = run_child("random", "1M", "3").out;
  result r =
      sync_wait(c, child("random", "1M", "3").out(capture(512 * kib, overflow::spill(path))).run());
  std::string rest = file_bytes(path);
  EXPECT_EQ(r.out.size(), always);
  EXPECT_TRUE(r.out + rest == all);
  EXPECT_EQ(r.out_dropped(), 0U);
  auto read = []() -> task<std::string> {
    process p = child("random", "1M", "3").err(null());
    p.start();
    std::string text = co_await p.out().read_all();
    result end = co_await p.wait();
    EXPECT_EQ(end.out.size(), always);
    co_return text;
  };
  EXPECT_TRUE(sync_wait(c, read()) == all);
}

TEST_P(budgets, that_are_spent_end_a_run_only_at_its_own_limit) {
  context c(output_budget(0));
  result r = sync_wait(c, child("flood", "9000").out(capture(9000, overflow::kill())).run());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.dropped_by(), output_limit::context);
  result more = sync_wait(c, child("flood", "9001").out(capture(9000, overflow::kill())).run());
  EXPECT_EQ(more.how(), end_reason::output_failed);
  EXPECT_EQ(more.error(), std::errc::file_too_large);
  EXPECT_THAT(more.describe(), HasSubstr("more than 9000 bytes of output"));
}

TEST_P(budgets, keep_the_last_words_by_head_and_tail) {
  context c(output_budget(0));
  auto ends = capture(512 * kib, overflow::head_and_tail());
  result r = sync_wait(c, process("seq 100000; echo the cause").shell().out(ends).run());
  EXPECT_EQ(r.out.size(), 2 * always);
  EXPECT_THAT(r.out, EndsWith("\n100000\nthe cause\n"));
}

TEST_P(budgets, are_charged_for_what_the_reader_of_a_block_left) {
  context c(output_budget(0));
  result r = sync_wait(c, process("seq 3000").out(capture(64 * kib, overflow::block())).run());
  EXPECT_EQ(r.out.size(), 13'893U) << "nothing is dropped";
  EXPECT_TRUE(r.output_complete());
  EXPECT_EQ(c.kept_output(), r.out.size());
}

}  // namespace
}  // namespace execo::test
