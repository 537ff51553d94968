// A server on one host and a client on another one; the server is ended when the client is done.
//   process_iperf HOST1 HOST2
// ctest: fleet 2
// ctest: sshd 2
// ctest: args {HOST1} {HOST2}
#include <execo/execo.hpp>

execo::task<int> iperf(execo::host server, execo::host client) {
  auto a = execo::ssh_process("iperf -s", server).start();
  co_await execo::sleep(std::chrono::seconds(1));
  auto b = execo::ssh_process("iperf -c " + server.name(), client).out(execo::inherit());
  execo::result end = co_await b.run();
  a.kill();
  co_return end.ok() ? 0 : 1;
}

int main(int argc, char** argv) { return argc < 3 ? 2 : execo::sync_wait(iperf(argv[1], argv[2])); }
