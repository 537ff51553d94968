// The rows of bench/runtime on libuv: callbacks in place of coroutines, so that the rows which
// measure coroutines alone are missing. See runtime_rows.hpp.
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <deque>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime_rows.hpp"

namespace {

using bench::stretch;

void check(int error) {
  if (error < 0) throw std::system_error(-error, std::system_category(), "libuv");
}

/// A loop that closes what still lives on it.
class event_loop {
 public:
  event_loop() { check(uv_loop_init(&loop_)); }
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;
  ~event_loop() {
    uv_walk(
        &loop_,
        [](uv_handle_t* h, void*) {
          if (uv_is_closing(h) == 0) uv_close(h, nullptr);
        },
        nullptr);
    run();
    bench::expect(uv_loop_close(&loop_) == 0);
  }
  void run() { (void)uv_run(&loop_, UV_RUN_DEFAULT); }
  uv_loop_t* get() { return &loop_; }

 private:
  uv_loop_t loop_{};
};

/// A callback in each turn, a given number of times.
class turner {
 public:
  turner(event_loop& loop, int count) : left_(count) {
    check(uv_idle_init(loop.get(), &idle_));
    idle_.data = this;
    check(uv_idle_start(&idle_, [](uv_idle_t* h) { static_cast<turner*>(h->data)->turn(); }));
  }

 private:
  void turn() {
    if (--left_ == 0) (void)uv_idle_stop(&idle_);
  }

  uv_idle_t idle_{};
  int left_;
};

void turn(int count, int many, stretch& measured) {
  std::deque<turner> all;
  event_loop loop;
  for (int i = 0; i < many; ++i) all.emplace_back(loop, count / many);
  measured.begin();
  loop.run();
  measured.end();
}

void turn_1(int count, stretch& measured) { turn(count, 1, measured); }
void turn_128(int count, stretch& measured) { turn(count, 128, measured); }

/// Writes a byte for each that it reads; who serves begins.
class player {
 public:
  player(event_loop& loop, int in, int out, int rounds, bool serves, int& playing)
      : left_(rounds), serves_(serves), playing_(playing) {
    check(uv_pipe_init(loop.get(), &in_, 0));
    check(uv_pipe_init(loop.get(), &out_, 0));
    check(uv_pipe_open(&in_, in));
    check(uv_pipe_open(&out_, out));
    in_.data = out_.data = write_.data = this;
    ++playing_;
  }
  void begin() {
    check(uv_read_start(
        reinterpret_cast<uv_stream_t*>(&in_),
        [](uv_handle_t* h, std::size_t, uv_buf_t* into) {
          player* self = static_cast<player*>(h->data);
          *into = uv_buf_init(self->bytes_, sizeof self->bytes_);
        },
        [](uv_stream_t* h, ssize_t n, const uv_buf_t*) {
          bench::expect(n == 1 || n == 0);
          if (n == 1) static_cast<player*>(h->data)->hit();
        }));
    if (serves_) strike();
  }

 private:
  void hit() {
    --left_;
    if (!serves_ || left_ > 0) strike();
    if (left_ == 0 && --playing_ == 0) uv_stop(in_.loop);
  }
  void strike() {
    bench::expect(!writes_);
    writes_ = true;
    uv_buf_t ball = uv_buf_init(&ball_, 1);
    check(uv_write(&write_, reinterpret_cast<uv_stream_t*>(&out_), &ball, 1,
                   [](uv_write_t* w, int) { static_cast<player*>(w->data)->writes_ = false; }));
  }

  uv_pipe_t in_{};
  uv_pipe_t out_{};
  uv_write_t write_{};
  char bytes_[64]{};
  char ball_ = 'x';
  int left_;
  bool serves_;
  bool writes_ = false;
  int& playing_;
};

void ping_pong(int count, int pairs, stretch& measured) {
  std::deque<player> all;
  event_loop loop;
  int playing = 0;
  const int rounds = count / pairs / 2;
  for (int i = 0; i < pairs; ++i) {
    const bench::pipe_numbers there, back;
    all.emplace_back(loop, back.out, there.in, rounds, true, playing);
    all.emplace_back(loop, there.out, back.in, rounds, false, playing);
  }
  measured.begin();
  for (player& p : all) p.begin();
  loop.run();
  measured.end();
  bench::expect(playing == 0);
}

void ping_pong_2(int count, stretch& measured) { ping_pong(count, 1, measured); }
void ping_pong_128(int count, stretch& measured) { ping_pong(count, 64, measured); }

void drain(int count, stretch& measured) {
  struct reader {
    uv_pipe_t out{};
    std::vector<char> into = std::vector<char>(bench::block_bytes);
    long sum = 0;
  } r;
  event_loop loop;
  const bench::pipe_numbers ends;
  std::thread writer([&] { bench::write_blocks(ends.in, count); });
  check(uv_pipe_init(loop.get(), &r.out, 0));
  check(uv_pipe_open(&r.out, ends.out));
  r.out.data = &r;
  measured.begin();
  check(uv_read_start(
      reinterpret_cast<uv_stream_t*>(&r.out),
      [](uv_handle_t* h, std::size_t, uv_buf_t* into) {
        auto& bytes = static_cast<reader*>(h->data)->into;
        *into = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
      },
      [](uv_stream_t* h, ssize_t n, const uv_buf_t*) {
        if (n >= 0) {
          static_cast<reader*>(h->data)->sum += n;
        } else {
          uv_close(reinterpret_cast<uv_handle_t*>(h), nullptr);
        }
      }));
  loop.run();
  measured.end();
  bench::expect(r.sum == long{bench::block_bytes} * count);
  writer.join();
}

void timers(int count, stretch* arm, stretch* cancel) {
  std::deque<uv_timer_t> all(static_cast<std::size_t>(count));
  event_loop loop;
  for (uv_timer_t& t : all) check(uv_timer_init(loop.get(), &t));
  bench::deadline_times times;
  if (arm != nullptr) arm->begin();
  for (uv_timer_t& t : all)
    check(uv_timer_start(
        &t, [](uv_timer_t*) { std::abort(); }, static_cast<std::uint64_t>(times.next()), 0));
  if (arm != nullptr) arm->end();
  if (cancel != nullptr) cancel->begin();
  for (uv_timer_t& t : all) (void)uv_timer_stop(&t);
  if (cancel != nullptr) cancel->end();
}

void timer_arm(int count, stretch& measured) { timers(count, &measured, nullptr); }
void timer_cancel(int count, stretch& measured) { timers(count, nullptr, &measured); }

/// The side of a hop that runs on one loop.
class hopper {
 public:
  hopper(event_loop& loop, int count) : left_(count) {
    check(uv_async_init(loop.get(), &async_,
                        [](uv_async_t* h) { static_cast<hopper*>(h->data)->arrive(); }));
    async_.data = this;
  }
  void meet(hopper& other) { other_ = &other; }
  void call() { (void)uv_async_send(&async_); }

 private:
  void arrive() {
    if (left_-- > 0) other_->call();
    if (left_ <= 0) uv_stop(async_.loop);
  }

  uv_async_t async_{};
  hopper* other_ = nullptr;
  int left_;
};

void hop(int count, stretch& measured) {
  event_loop here, there;
  hopper first(here, count), second(there, count);
  first.meet(second);
  second.meet(first);
  std::thread other([&] { there.run(); });
  measured.begin();
  first.call();
  here.run();
  measured.end();
  other.join();
}

const bench::row_entry rows[] = {
    {"turn", &turn_1},           {"turn128", &turn_128}, {"pipe2", &ping_pong_2},
    {"pipe128", &ping_pong_128}, {"drain", &drain},      {"arm", &timer_arm},
    {"cancel", &timer_cancel},   {"hop", &hop},
};

}  // namespace

int main(int argc, char** argv) { return bench::run_row(rows, argc, argv); }
