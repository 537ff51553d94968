// execo inside a libuv program, on its one thread: a poll handle for the context's descriptor and a
// timer for its deadlines.
// ctest: needs execo_libuv
#include <fmt/format.h>
#include <uv.h>

#include <execo/execo.hpp>

class uv_host {
 public:
  uv_host(uv_loop_t* loop, execo::context& guest) : guest_(guest) {
    uv_poll_init(loop, &handle_, guest.native_handle());
    uv_timer_init(loop, &timer_);
    handle_.data = timer_.data = this;
    uv_poll_start(&handle_, UV_READABLE,
                  [](uv_poll_t* h, int, int) { static_cast<uv_host*>(h->data)->pump(); });
    pump();
  }
  // The handles are closed in the next turn of the loop; this object has to see it.
  void close() {
    closed_ = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  }

 private:
  void pump() {
    guest_.poll();
    int wait = guest_.poll_timeout();
    if (closed_ || wait < 0) return;
    uv_timer_start(
        &timer_, [](uv_timer_t* t) { static_cast<uv_host*>(t->data)->pump(); }, wait, 0);
  }

  execo::context& guest_;
  uv_poll_t handle_{};
  uv_timer_t timer_{};
  bool closed_ = false;
};

int main() {
  uv_loop_t loop;
  uv_loop_init(&loop);
  execo::context guest;
  uv_host host(&loop, guest);

  // The program's own work: it ends when the process has ended and the timer has ticked.
  struct program {
    uv_host& host;
    int ticks = 0;
    bool done = false;
  } self{host};
  uv_timer_t ticker;
  uv_timer_init(&loop, &ticker);
  ticker.data = &self;
  uv_timer_start(
      &ticker,
      [](uv_timer_t* t) {
        program& p = *static_cast<program*>(t->data);
        if (++p.ticks < 4 || !p.done) return;
        p.host.close();
        uv_close(reinterpret_cast<uv_handle_t*>(t), nullptr);
      },
      10, 10);

  auto run = execo::start(guest, execo::process("sh -c 'sleep 0.2; echo hello'").run(),
                          [&](execo::outcome<execo::result> end) {
                            fmt::print("{}", end.value().out);
                            self.done = true;
                          });
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return run.done() ? 0 : 1;
}
