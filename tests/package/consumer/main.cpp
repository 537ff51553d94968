#include <execo/process.hpp>
#include <execo/sync_wait.hpp>
#include <execo/task.hpp>

static execo::task<int> say_hello() {
  auto r = co_await execo::process{"echo hello"}.run();
  co_return r.ok() && r.out == "hello\n" ? 0 : 1;
}

int main() { return execo::sync_wait(say_hello()); }
