// A client begins when its server says that it listens, not after a guess.
//   process_expect HOST1 HOST2
// ctest: fleet 2
// ctest: sshd 2
// ctest: args {HOST1} {HOST2}
#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<int> iperf(execo::host where, execo::host from) {
  // On a terminal it writes its lines at once.
  auto server = execo::ssh_process("iperf -s", where).pty(24, 80).start();
  auto ready = execo::expect(server.out()).on("listening");
  execo::expect_result said = co_await ready.next(30s);
  if (!said.matched()) co_return 1;
  auto client = execo::ssh_process("iperf -c " + where.name(), from).out(execo::inherit());
  execo::result end = co_await client.run();
  co_return end.ok() ? 0 : 1;
}

int main(int argc, char** argv) { return argc < 3 ? 2 : execo::sync_wait(iperf(argv[1], argv[2])); }
