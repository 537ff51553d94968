// Servers and clients on the same hosts: each client talks to the server of another host.
//   remote_iperf HOST1 HOST2 ...
// ctest: fleet 2
// ctest: sshd 2
// ctest: args {HOST1} {HOST2}
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> iperf(std::vector<execo::host> hosts) {
  std::vector<execo::host> targets(hosts.rbegin(), hosts.rend());
  auto servers = execo::remote("iperf -s", hosts).start();
  auto clients = execo::remote("iperf -c {{targets}}", hosts).subst("targets", targets);
  co_await execo::sleep(std::chrono::seconds(1));
  execo::action_result done = co_await clients.run();
  servers.kill();
  std::cout << execo::report(co_await servers.wait()).add(done).to_string();
  co_return done.ok() ? 0 : 1;
}

int main(int argc, char** argv) { return execo::sync_wait(iperf({argv + 1, argv + argc})); }
