// Two commands side by side, each on hosts of its own.
//   two_remotes HOSTS HOSTS
// ctest: fleet 2
// ctest: sshd 2
// ctest: args {HOST1} {HOST2}
#include <execo/execo.hpp>

execo::task<int> both(execo::host_set some, execo::host_set others) {
  auto a = execo::remote("whoami; uname", some).out(execo::inherit()).start();
  auto b = execo::remote("cd /etc; ls | wc -l", others).out(execo::inherit()).start();
  execo::action_result first = co_await a.wait();
  execo::action_result second = co_await b.wait();
  co_return first.ok() && second.ok() ? 0 : 1;
}

int main(int argc, char** argv) { return argc < 3 ? 2 : execo::sync_wait(both(argv[1], argv[2])); }
