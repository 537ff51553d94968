// The defaults of a user, read from a file on request and applied to the commands that need them.
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> work() {
  // load_config() reads the user's own file; this one is given as text.
  execo::config mine = execo::parse_config(R"(
timeout = "1h30m"
max_output = "64K"
[ssh]
user = "operator"
)");
  auto p = execo::process("echo limited");
  mine.apply_limits(p);
  execo::result r = co_await p.run();
  std::cout << r.out << "ssh as " << mine.ssh.user << '\n';

  try {
    execo::parse_config("fanuot = 3", "my.toml");
  } catch (const execo::config_error& error) {
    std::cout << error.what() << '\n';  // my.toml:1: unknown key 'fanuot'; ...
  }
  co_return r.ok() ? 0 : 1;
}

int main() { return execo::sync_wait(work()); }
