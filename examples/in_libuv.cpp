// execo inside a libuv program, on one thread.
// ctest: needs execo_libuv
#include <fmt/format.h>

#include <execo/execo.hpp>
#include <execo/interop/libuv.hpp>

int main() {
  uv_loop_t loop;
  uv_loop_init(&loop);
  execo::context guest;
  execo::uv_host host(loop, guest);

  // The program's own work: it ends when the process has ended and the timer has ticked.
  struct program {
    execo::uv_host& host;
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
