// A user's program that runs local processes alone: it links execo::core and needs
// nothing for ssh. These are the headers that core has.
#include <execo/as_completed.hpp>
#include <execo/attributes.hpp>
#include <execo/awaitable.hpp>
#include <execo/channel.hpp>
#include <execo/command.hpp>
#include <execo/completions.hpp>
#include <execo/connection.hpp>
#include <execo/context.hpp>
#include <execo/expect.hpp>
#include <execo/generator.hpp>
#include <execo/handler.hpp>
#include <execo/host.hpp>
#include <execo/log.hpp>
#include <execo/outcome.hpp>
#include <execo/patterns.hpp>
#include <execo/printable.hpp>
#include <execo/process.hpp>
#include <execo/resume_on.hpp>
#include <execo/retry.hpp>
#include <execo/run.hpp>
#include <execo/run_stats.hpp>
#include <execo/scope.hpp>
#include <execo/signals.hpp>
#include <execo/sleep.hpp>
#include <execo/start.hpp>
#include <execo/status.hpp>
#include <execo/stdio.hpp>
#include <execo/stop_policy.hpp>
#include <execo/stream.hpp>
#include <execo/sync_wait.hpp>
#include <execo/task.hpp>
#include <execo/time.hpp>
#include <execo/timeout.hpp>
#include <execo/when_all.hpp>
#include <execo/when_any.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>

namespace {

using namespace std::chrono_literals;

execo::task<bool> say_hello() {
  auto r = co_await execo::process{"echo hello"}.run();
  co_return r.ok() && r.out == "hello\n";
}

execo::task<bool> hold_a_dialogue() {
  auto p = execo::process("sh -c 'echo ready; cat'").in(execo::pipe()).start();
  execo::expect seen(p.out());
  seen.on("re(a)dy");
  auto found = co_await seen.next(30s);
  p.in().close();
  auto r = co_await p.wait();
  co_return found.text() == "ready" && r.ok();
}

execo::task<bool> end_in_time() {
  auto late = co_await execo::timeout(execo::sleep(1h), 10ms);
  co_return !late;
}

// The error is thrown inside the library and caught outside.
execo::task<bool> fail() {
  auto r = co_await execo::process{"false"}.run();
  try {
    r.check();
  } catch (const execo::process_error&) {
    co_return true;
  }
  co_return false;
}

execo::task<int> all() {
  auto [said, talked, ended, failed] =
      co_await execo::when_all(say_hello(), hold_a_dialogue(), end_in_time(), fail());
  std::printf("said %d, talked %d, ended %d, failed %d\n", said, talked, ended, failed);
  co_return said&& talked&& ended&& failed ? 0 : 1;
}

}  // namespace

int main() { return execo::sync_wait(all()); }
