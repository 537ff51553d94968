#include "execo/dialogue.hpp"

#include <memory>
#include <utility>

#include "action/action_access.hpp"
#include "execo/expect.hpp"
#include "execo/host_process.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"

namespace execo {
namespace {

using steady = std::chrono::steady_clock;

/// A limit for several steps.
class time_left {
 public:
  explicit time_left(duration limit) noexcept : limit_(limit), begun_(steady::now()) {}
  duration now() const noexcept {
    if (limit_ == duration::max()) return limit_;
    return limit_ - (steady::now() - begun_);
  }

 private:
  duration limit_;
  steady::time_point begun_;
};

/// What a host's output has, and where it is searched; the latter only once the host has begun.
struct looked_at {
  looked_at() = default;
  std::unique_ptr<expect> search;
  expect_result seen;
};

detail::host_process_op process_at(action& of, std::size_t index) {
  return detail::action_access::host_at(of, index).process();
}

task<std::error_code> write_to(action& to, std::size_t index, const std::string& bytes,
                               const time_left& left) {
  auto begun = co_await timeout(process_at(to, index), left.now());
  if (!begun) co_return std::make_error_code(std::errc::timed_out);
  std::optional<host_process>& found = *begun;
  if (!found) co_return std::make_error_code(std::errc::broken_pipe);
  writer input = found->in();
  try {
    auto taken = co_await timeout(input.write(bytes), left.now());
    if (!taken || *taken < bytes.size()) co_return std::make_error_code(std::errc::timed_out);
  } catch (const std::system_error& error) {
    co_return error.code();
  }
  co_return std::error_code();
}

task<void> close_at(action& to, std::size_t index) {
  std::optional<host_process> found = co_await process_at(to, index);
  if (!found) co_return;
  writer input = found->in();
  input.close();
}

reader output_of(const host_process& from, stream which) {
  if (which == stream::out) return from.out();
  return from.err();
}

task<looked_at> look_at(action& from, std::size_t index, const patterns& what, stream which,
                        const time_left& left) {
  looked_at made;
  auto begun = co_await timeout(process_at(from, index), left.now());
  if (!begun) co_return made;
  std::optional<host_process>& found = *begun;
  if (!found) {
    made.seen = expect_result(expect_end::end_of_stream);
    co_return made;
  }
  made.search = std::make_unique<expect>(output_of(*found, which), what);
  made.seen = co_await made.search->look(left.now());
  co_return made;
}

task<expect_result> take(looked_at& from) {
  if (!from.search) co_return std::move(from.seen);
  expect_result taken = co_await from.search->next(duration::zero());
  co_return taken;
}

// Coroutines of this file alone, for what their frames hold.

task<std::vector<std::error_code>> write_everywhere(action& to, std::string bytes, duration limit) {
  const time_left left(limit);
  const std::size_t hosts = detail::action_access::core(to).size();
  std::vector<task<std::error_code>> writes;
  writes.reserve(hosts);
  for (std::size_t i = 0; i < hosts; ++i) writes.push_back(write_to(to, i, bytes, left));
  std::vector<std::error_code> outcomes = co_await when_all(std::move(writes));
  co_return outcomes;
}

// As for many processes: first all are only looked at, so that a stop uses nothing up.
task<std::vector<expect_result>> expect_everywhere(action& from, patterns what, duration limit,
                                                   stream which) {
  const time_left left(limit);
  const std::size_t hosts = detail::action_access::core(from).size();
  std::vector<task<looked_at>> looks;
  looks.reserve(hosts);
  for (std::size_t i = 0; i < hosts; ++i) looks.push_back(look_at(from, i, what, which, left));
  std::vector<looked_at> seen = co_await when_all(std::move(looks));
  std::vector<task<expect_result>> takes;
  takes.reserve(hosts);
  for (looked_at& one : seen) takes.push_back(take(one));
  std::vector<expect_result> results = co_await when_all(std::move(takes));
  co_return results;
}

}  // namespace

task<std::vector<std::error_code>> write_all(action& to, std::string bytes, duration limit) {
  return write_everywhere(to, std::move(bytes), limit);
}

task<void> close_all(action& to) {
  const std::size_t hosts = detail::action_access::core(to).size();
  std::vector<task<void>> closes;
  closes.reserve(hosts);
  for (std::size_t i = 0; i < hosts; ++i) closes.push_back(close_at(to, i));
  co_await when_all(std::move(closes));
}

task<std::vector<expect_result>> expect_all(action& from, patterns what, duration limit,
                                            stream which) {
  return expect_everywhere(from, std::move(what), limit, which);
}

}  // namespace execo
