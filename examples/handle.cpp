// Starts a process, observes it and ends it: start, kill, wait.
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<int> handle() {
  auto p = execo::process("sleep 60").kill_timeout(2s).start();
  co_await execo::sleep(50ms);
  fmt::print("running: {}\n", p.running());

  p.kill();  // SIGTERM, and SIGKILL two seconds later if that is not enough
  execo::result end = co_await p.wait();
  fmt::print("{}\n", end.describe());
  co_return end.killed() ? 0 : 1;
}

int main() { return execo::sync_wait(handle()); }
