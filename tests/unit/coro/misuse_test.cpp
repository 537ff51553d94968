// What people get wrong ends in an exception or in words, never in silence.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "base/fd.hpp"
#include "execo/process.hpp"
#include "execo/scope.hpp"
#include "execo/start.hpp"
#include "execo/when_all.hpp"
#include "unit/coro/driven.hpp"
#include "unit/coro/probe.hpp"
#include "unit/coro/shorter_driver_wait.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

class misuse : public on_each_backend {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};
EXECO_ON_EACH_BACKEND(misuse);

std::string message_of(auto&& call) {
  try {
    call();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_P(misuse, a_task_awaited_twice_is_a_logic_error) {
  auto work = []() -> task<std::string> {
    auto t = ready(1);
    EXPECT_EQ(co_await std::move(t), 1);
    try {
      (void)co_await std::move(t);
    } catch (const std::logic_error& error) {
      co_return error.what();
    }
    co_return "nothing was thrown";
  };
  EXPECT_THAT(sync_wait(work()), HasSubstr("awaited before"));
}

TEST_P(misuse, a_task_moved_from_is_a_logic_error_in_every_combinator) {
  auto gone = [] {
    task<int> t = ready(1);
    task<int> other = std::move(t);
    return t;
  };
  EXPECT_THROW(sync_wait(gone()), std::logic_error);
  EXPECT_THROW(sync_wait(when_all(gone(), ready(2))), std::logic_error);
  driven other;
  EXPECT_THROW(as_future(other.get(), gone()).get(), std::logic_error);
}

TEST_P(misuse, a_second_thread_that_drives_a_context_is_refused) {
  driven other;
  as_future(other.get(), ready(1)).get();  // it runs
  EXPECT_THAT(message_of([&] { other.get().run(); }), HasSubstr("one thread at a time"));
  EXPECT_THAT(message_of([&] { other.get().poll(); }), HasSubstr("one thread at a time"));
  EXPECT_THAT(message_of([&] { sync_wait(other.get(), nothing()); }),
              HasSubstr("one thread at a time"));
  EXPECT_EQ(as_future(other.get(), ready(7)).get(), 7);
}

TEST_P(misuse, a_context_destroyed_while_a_thread_runs_it_says_so_and_ends) {
  auto c = std::make_unique<context>();
  std::thread other([&where = *c] { where.run(); });
  as_future(*c, ready(1)).get();  // it runs
  CaptureStderr();
  c.reset();
  other.join();
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("destroyed while another thread drives it"));
}

/// The standard error, while this lives: gtest's capture is blind between two looks at it.
class overheard_stderr {
 public:
  overheard_stderr() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category());
    out_.reset(ends[0]);
    const detail::unique_fd in(ends[1]);
    before_.reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    (void)::dup2(in.get(), STDERR_FILENO);
  }
  overheard_stderr(const overheard_stderr&) = delete;
  overheard_stderr& operator=(const overheard_stderr&) = delete;
  ~overheard_stderr() { (void)::dup2(before_.get(), STDERR_FILENO); }

  /// Waits for it.
  bool says(const std::string& words) {
    while (text_.find(words) == text_.npos) {
      pollfd more{out_.get(), POLLIN, 0};
      if (::poll(&more, 1, 30'000) != 1) return false;
      char bytes[512];
      const ssize_t n = ::read(out_.get(), bytes, sizeof bytes);
      if (n <= 0) return false;
      text_.append(bytes, static_cast<std::size_t>(n));
    }
    return true;
  }

 private:
  detail::unique_fd out_;
  detail::unique_fd before_;
  std::string text_;
};

TEST_P(misuse, a_future_of_a_context_that_nobody_drives_says_so) {
  shorter_driver_wait now;
  context c;
  auto future = as_future(c, ready(3));
  std::atomic<bool> got{false};
  overheard_stderr errors;
  std::thread waiting([&] {
    EXPECT_EQ(future.get(), 3);
    got = true;
  });
  EXPECT_TRUE(errors.says("nobody drives"));
  EXPECT_FALSE(got);
  c.poll();
  waiting.join();
}

TEST_P(misuse, a_join_on_a_context_that_nobody_drives_says_so) {
  shorter_driver_wait now;
  context c;
  auto run = start(c, ready(3), [](outcome<int>) {});
  overheard_stderr errors;
  std::thread waiting([&] { run.join(); });
  EXPECT_TRUE(errors.says("nobody drives"));
  c.poll();
  waiting.join();
}

using misuse_death = misuse;
EXECO_ON_EACH_BACKEND(misuse_death);

TEST_P(misuse_death, what_a_callback_of_start_throws_is_written_down) {
  EXPECT_DEATH(
      {
        context c;
        auto run =
            start(c, ready(1), [](outcome<int>) { throw std::runtime_error("boom in start"); });
        sync_wait(c, sleep(1h));
      },
      "a callback given to start\\(\\) threw: boom in start");
}

TEST_P(misuse_death, what_a_posted_function_throws_is_written_down) {
  EXPECT_DEATH(
      {
        context c;
        c.post([] { throw std::runtime_error("boom in post"); });
        c.poll();
      },
      "a function given to post\\(\\) threw: boom in post");
  EXPECT_DEATH(
      {
        context c;
        c.ring(0).post([] { throw 5; });
        c.poll();
      },
      "a function given to post\\(\\) threw: not a std::exception");
}

TEST_P(misuse_death, a_scope_that_is_not_joined_is_named) {
  auto work = []() -> task<> {
    scope s;
    s.spawn(sleep(1h));
    co_return;
  };
  EXPECT_DEATH(sync_wait(work()), "co_await scope.join\\(\\)");
}

TEST_P(misuse_death, a_context_destroyed_from_inside_is_named) {
  EXPECT_DEATH(
      {
        auto* c = new context;
        c->post([c] { delete c; });
        c->poll();
      },
      "destroyed by what runs on it");
}

}  // namespace
}  // namespace execo::test
