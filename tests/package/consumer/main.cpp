// A program of somebody else's: a task, a process, and a command for a host that refuses the
// connection, each with the end it has to have.
#include <execo/execo.hpp>

#include <chrono>
#include <cstdio>

static execo::task<bool> say_hello() {
  auto r = co_await execo::process{"echo hello"}.run();
  co_return r.ok() && r.out == "hello\n";
}

static execo::task<bool> reach_nobody() {
  execo::ssh_options how;
  how.port = 1;  // tcpmux: nobody has it
  how.limits.establish = std::chrono::seconds(10);
  auto up = execo::remote("true", execo::host_set("127.0.0.1")).ssh(how);
  auto all = co_await up.run();
  co_return all.stats().count(execo::end_reason::connect_failed) == 1;
}

static execo::task<int> both() {
  auto [said, refused] = co_await execo::when_all(say_hello(), reach_nobody());
  std::printf("said %d, refused %d\n", said, refused);
  co_return said&& refused ? 0 : 1;
}

int main() { return execo::sync_wait(both()); }
