// Threads for work that blocks, and what becomes of it when they are not needed any more.
#include "loop/helper_threads.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "loop_harness.hpp"

namespace execo::test {
namespace {

using detail::helper_job;
using detail::helper_threads;
using detail::work_at_end;

// The signals between a job and its test: it runs, it may return, it was destroyed.
class told {
 public:
  std::promise<void> works, go_on, gone;
  std::thread::id finished_on;
};

class waiting_job final : public helper_job {
 public:
  explicit waiting_job(std::shared_ptr<told> to) : to_(std::move(to)) {}
  ~waiting_job() override { to_->gone.set_value(); }

 private:
  void work() noexcept override {
    to_->works.set_value();
    to_->go_on.get_future().wait();
  }
  void finished() noexcept override { to_->finished_on = std::this_thread::get_id(); }

  std::shared_ptr<told> to_;
};

class helpers : public testing::Test {
 protected:
  std::shared_ptr<told> submit() {
    auto job = std::make_shared<told>();
    threads->submit(std::make_unique<waiting_job>(job));
    return job;
  }

  detail::loop loop;
  detail::loop::driver driver{loop};
  std::optional<helper_threads> threads;
};

TEST_F(helpers, finish_their_work_on_the_loop) {
  threads.emplace(loop, 2);
  std::shared_ptr<told> job = submit();
  job->works.get_future().wait();
  job->go_on.set_value();
  auto gone = job->gone.get_future();
  while (gone.wait_for(std::chrono::seconds(0)) != std::future_status::ready) loop.turn(1'000'000);
  EXPECT_EQ(job->finished_on, std::this_thread::get_id());
}

TEST_F(helpers, are_not_waited_for_in_the_middle_of_work_that_may_be_left) {
  threads.emplace(loop, 1, work_at_end::left);
  std::shared_ptr<told> at_work = submit();
  at_work->works.get_future().wait();
  std::shared_ptr<told> not_begun = submit();
  threads.reset();
  // Discarded at once; what is left ends on its own thread.
  not_begun->gone.get_future().get();
  at_work->go_on.set_value();
  at_work->gone.get_future().get();
  EXPECT_EQ(at_work->finished_on, std::thread::id());
  EXPECT_EQ(not_begun->finished_on, std::thread::id());
}

TEST_F(helpers, that_wait_for_work_end_at_once_also_when_work_may_be_left) {
  threads.emplace(loop, 3, work_at_end::left);
  std::shared_ptr<told> job = submit();
  job->go_on.set_value();
  auto gone = job->gone.get_future();
  while (gone.wait_for(std::chrono::seconds(0)) != std::future_status::ready) loop.turn(1'000'000);
  threads.reset();
}

}  // namespace
}  // namespace execo::test
