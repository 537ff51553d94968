// The rows of bench/runtime on execo. See runtime_rows.hpp.
#include <sys/socket.h>

#include <cerrno>
#include <deque>
#include <execo/execo.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "measure.hpp"
#include "pipe_io.hpp"
#include "runtime_rows.hpp"

namespace {

using bench::stretch;
using execo::task;
using execo::test::pipe_ends;

task<int> ready(int i) { co_return i; }

void await_ready(int count, stretch& measured) {
  auto work = [&]() -> task<long> {
    long sum = 0;
    measured.begin();
    for (int i = 0; i < count; ++i) sum += co_await ready(1);
    measured.end();
    co_return sum;
  };
  bench::expect(execo::sync_wait(work()) == count);
}

void await_turn(int count, stretch& measured) {
  auto work = [&]() -> task<> {
    measured.begin();
    for (int i = 0; i < count; ++i) co_await execo::test::turn_op();
    measured.end();
  };
  execo::sync_wait(work());
}

task<> turn_often(int count) {
  for (int i = 0; i < count; ++i) co_await execo::test::turn_op();
}

void await_turn_many(int count, stretch& measured) {
  std::vector<task<>> all;
  for (int i = 0; i < 128; ++i) all.push_back(turn_often(count / 128));
  measured.begin();
  execo::sync_wait(execo::when_all(std::move(all)));
  measured.end();
}

// Room for more than comes, as a reader of a child's output has.
task<> ball(int rounds, int in, int out, bool serves) {
  char bytes[64] = "x";
  for (int i = 0; i < rounds; ++i) {
    if (serves) bench::expect(co_await execo::test::write_some(out, bytes, 1) == 1);
    bench::expect(co_await execo::test::read_some(in, bytes, sizeof bytes) == 1);
    if (!serves) bench::expect(co_await execo::test::write_some(out, bytes, 1) == 1);
  }
}

// An operation is one read and one write.
void ping_pong(int count, int pairs, stretch& measured) {
  execo::context c;
  std::deque<pipe_ends> there, back;
  std::vector<task<>> all;
  const int rounds = count / pairs / 2;
  for (int i = 0; i < pairs; ++i) {
    there.emplace_back(execo::detail::loop_of(c));
    back.emplace_back(execo::detail::loop_of(c));
    all.push_back(ball(rounds, back.back().out.get(), there.back().in.get(), true));
    all.push_back(ball(rounds, there.back().out.get(), back.back().in.get(), false));
  }
  measured.begin();
  execo::sync_wait(c, execo::when_all(std::move(all)));
  measured.end();
}

void ping_pong_2(int count, stretch& measured) { ping_pong(count, 1, measured); }
void ping_pong_128(int count, stretch& measured) { ping_pong(count, 64, measured); }

void drain(int count, stretch& measured) {
  execo::context c;
  pipe_ends p(execo::detail::loop_of(c));
  (void)::fcntl(p.in.get(), F_SETFL, 0);  // the writer's own end, in a thread that may block
  std::thread writer([&] {
    const std::vector<char> block(bench::block_bytes);
    for (int i = 0; i < count; ++i)
      bench::expect(::write(p.in.get(), block.data(), block.size()) == bench::block_bytes);
    p.in.reset();
  });
  auto work = [&]() -> task<long> {
    std::vector<char> into(bench::block_bytes);
    long sum = 0;
    measured.begin();
    for (;;) {
      const int n = co_await execo::test::read_some(p.out.get(), into.data(), into.size());
      if (n <= 0) break;
      sum += n;
    }
    measured.end();
    co_return sum;
  };
  bench::expect(execo::sync_wait(c, work()) == long{bench::block_bytes} * count);
  writer.join();
}

struct never {
  void expired() { std::abort(); }
};

void timers(int count, stretch* arm, stretch* cancel) {
  execo::context c;
  execo::detail::loop& l = execo::detail::loop_of(c);
  never nobody;
  std::deque<execo::detail::deadline_timer> all;
  for (int i = 0; i < count; ++i)
    all.emplace_back(execo::detail::delegate<>::to<&never::expired>(&nobody));
  auto work = [&]() -> task<> {
    bench::deadline_times times;
    if (arm != nullptr) arm->begin();
    for (auto& t : all) execo::detail::arm_after(l, t, std::chrono::milliseconds(times.next()));
    if (arm != nullptr) arm->end();
    if (cancel != nullptr) cancel->begin();
    for (auto& t : all) execo::detail::disarm(l, t);
    if (cancel != nullptr) cancel->end();
    co_return;
  };
  execo::sync_wait(c, work());
}

void timer_arm(int count, stretch& measured) { timers(count, &measured, nullptr); }
void timer_cancel(int count, stretch& measured) { timers(count, nullptr, &measured); }

class hopper {
 public:
  hopper(int count, execo::context& here, execo::context& there)
      : left_(count), here_(here), there_(there) {}
  void go() {
    if (left_-- == 0) {
      there_.stop();
      here_.stop();
      return;
    }
    there_.post([this] { here_.post([this] { go(); }); });
  }

 private:
  int left_;
  execo::context& here_;
  execo::context& there_;
};

void hop(int count, stretch& measured) {
  execo::context here, there;
  std::thread other([&] { there.run(); });
  hopper h(count, here, there);
  here.post([&] { h.go(); });
  measured.begin();
  here.run();
  measured.end();
  other.join();
}

void make_contexts(int count, stretch& measured) {
  measured.begin();
  for (int i = 0; i < count; ++i) execo::context().poll();
  measured.end();
}

task<int> after_nothing(int i) {
  co_await execo::sleep(std::chrono::nanoseconds(0));
  co_return i;
}

// 10,000 at a time.
void all_of(int count, task<int> (*child)(int), stretch& measured) {
  auto work = [&]() -> task<> {
    measured.begin();
    for (int done = 0; done < count; done += bench::many) {
      std::vector<task<int>> all;
      all.reserve(bench::many);
      for (int i = 0; i < bench::many; ++i) all.push_back(child(i));
      const std::vector<int> values = co_await execo::when_all(std::move(all));
      bench::expect(values.back() == bench::many - 1);
    }
    measured.end();
  };
  execo::sync_wait(work());
}

void all_ready(int count, stretch& measured) { all_of(count, &ready, measured); }

void all_sleeping(int count, stretch& measured) { all_of(count, &after_nothing, measured); }

task<int> sleep_long() {
  co_await execo::sleep(std::chrono::hours(1));
  co_return 0;
}

void child_bytes(int count, stretch& measured) {
  std::vector<task<int>> all;
  const std::size_t before = bench::status_bytes("VmRSS");
  for (int i = 0; i < count; ++i) all.push_back(sleep_long());
  auto look = [&]() -> task<int> {
    for (int i = 0; i < 3; ++i) co_await execo::test::turn_op();
    measured.is(static_cast<double>(bench::status_bytes("VmRSS") - before));
    co_return 0;
  };
  auto work = [&]() -> task<> {
    auto sleeping = execo::when_all(std::move(all));
    (void)co_await execo::when_any(std::move(sleeping), look());
  };
  execo::sync_wait(work());
}

const bench::row_entry rows[] = {
    {"ready", &await_ready},       {"turn", &await_turn},       {"turn128", &await_turn_many},
    {"pipe2", &ping_pong_2},       {"pipe128", &ping_pong_128}, {"drain", &drain},
    {"arm", &timer_arm},           {"cancel", &timer_cancel},   {"hop", &hop},
    {"context", &make_contexts},   {"all-ready", &all_ready},   {"all-sleeping", &all_sleeping},
    {"child-bytes", &child_bytes},
};

}  // namespace

int main(int argc, char** argv) { return bench::run_row(rows, argc, argv); }
