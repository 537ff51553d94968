// execo without coroutines: a callback, and a future.
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

int main() {
  // On the default context, which has a thread of its own. The handle owns the run.
  auto run = execo::start(execo::process("sleep 60").run(), [](execo::outcome<execo::result> end) {
    fmt::print("{}\n", end.value().describe());
  });
  run.request_stop();
  run.join();

  std::future<execo::result> future = execo::as_future(execo::process("echo hello").run());
  fmt::print("{}", future.get().out);
  return run.done() ? 0 : 1;
}
