// Machines that forbid parts of the kernel: a seccomp filter on one thread plays them.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "execo/context.hpp"
#include "execo/process.hpp"
#include "execo/sync_wait.hpp"
#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

/// From here on these system calls of the calling thread fail with `error`.
bool deny(std::initializer_list<long> calls, int error) {
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0));  // seccomp_data::nr
  for (long call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void on_a_thread(const std::function<void()>& work) { std::thread(work).join(); }

void run_a_process_on(const std::string& backend_words) {
  context c;
  EXPECT_NE(c.backend().find(backend_words), std::string::npos) << c.backend();
  auto r = sync_wait(c, process("sh -c 'echo hi; sleep 0.05; exit 3'").run());
  EXPECT_EQ(r.status().code(), 3) << r.describe();
  EXPECT_EQ(r.out, "hi\n");
}

TEST(fallback, without_io_uring_it_is_epoll_and_says_why) {
  forced_backend none("");
  for (int error : {EPERM, ENOSYS}) {
    on_a_thread([error] {
      ASSERT_TRUE(deny({SYS_io_uring_setup}, error));
      run_a_process_on(std::string("epoll (io_uring: ") + std::strerror(error));
    });
  }
}

TEST(fallback, a_forced_backend_that_cannot_be_had_is_refused) {
  on_a_thread([] {
    forced_backend uring("uring");
    ASSERT_TRUE(deny({SYS_io_uring_setup}, EPERM));
    EXPECT_THROW(context(), std::invalid_argument);
  });
}

TEST(fallback, an_unknown_backend_is_refused) {
  forced_backend unknown("kqueue");
  EXPECT_THROW(context(), std::invalid_argument);
}

TEST(fallback, epoll_sleeps_on_kernels_and_filters_without_epoll_pwait2) {
  for (int error : {EPERM, ENOSYS}) {
    on_a_thread([error] {
      forced_backend epoll("epoll");
      ASSERT_TRUE(deny({SYS_epoll_pwait2}, error));
      loop_harness h;
      struct flag {
        bool set = false;
        void raise() { set = true; }
      } struck;
      detail::timer t(detail::callback<>::to<&flag::raise>(&struck));
      h.loop.arm_after(t, std::chrono::milliseconds(200));
      ASSERT_TRUE(h.turn_until([&] { return struck.set; }));
      EXPECT_LE(h.turns, 20) << "the loop spins";
    });
  }
}

// Container runtimes answer clone3 with ENOSYS, because a filter cannot look into its arguments.
TEST(fallback, children_start_without_clone3) {
  on_a_thread([] {
    ASSERT_TRUE(deny({SYS_clone3}, ENOSYS));
    auto r = sync_wait(process("sh -c 'echo hi; exit 3'").run());
    EXPECT_EQ(r.status().code(), 3) << r.describe();
    EXPECT_EQ(r.out, "hi\n");
  });
}

}  // namespace
}  // namespace execo::test
