// Several expects at once. First all are only looked at, so that one that is stopped, or that comes
// second, has used nothing up; what counts is then taken from what is there.
#include "execo/expect.hpp"
#include "execo/sleep.hpp"
#include "execo/when_all.hpp"

namespace execo {
namespace {

/// Ends with a match, at the limit, or as the last one that could still match.
task<expect_result> look_for_any(expect& one, duration limit, std::size_t& open) {
  expect_result r = co_await one.look(limit);
  // Those that are still open decide; then this one is stopped.
  if (r.how() == expect_end::end_of_stream && --open > 0) co_await sleep(duration::max());
  co_return r;
}

}  // namespace

task<std::vector<expect_result>> expect_all(std::vector<expect>& all, duration limit) {
  std::vector<expect::next_op> looks;
  looks.reserve(all.size());
  for (expect& one : all) looks.push_back(one.look(limit));
  auto seen = co_await when_all(std::move(looks));
  std::vector<expect::next_op> takes;
  takes.reserve(all.size());
  for (expect& one : all) takes.push_back(one.next(duration::zero()));
  std::vector<expect_result> results = co_await when_all(std::move(takes));
  co_return results;
}

task<any_result<expect_result>> expect_any(std::vector<expect>& all, duration limit) {
  std::size_t open = all.size();
  std::vector<task<expect_result>> looks;
  looks.reserve(all.size());
  for (expect& one : all) looks.push_back(look_for_any(one, limit, open));
  any_result<expect_result> first = co_await when_any(std::move(looks));
  if (first.value.matched()) {
    first.value = co_await all[first.index].next(duration::zero());
  } else {
    first.index = expect_result::npos;
  }
  co_return first;
}

}  // namespace execo
