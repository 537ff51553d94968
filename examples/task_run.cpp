// A local command, one on nodes, a copy and one on a single node, all at the same time.
//   task_run NODES NODE FILE DESTINATION
// ctest: fleet 4
// ctest: sshd 4
// ctest: args {HOSTS} {HOST1} /etc/hosts {FOLDER}/of-{{{host}}}
#include <execo/execo.hpp>

execo::task<int> run(execo::host_set nodes, execo::host node, std::string file, std::string to) {
  auto here = execo::local("uname");
  auto there = execo::remote("uname", nodes).timeout(std::chrono::seconds(5));
  auto copy = execo::put(file, nodes, to);
  auto worker = execo::remote("/bin/echo alright", node).out(execo::inherit());
  auto all = execo::parallel(std::move(here), std::move(there), std::move(copy), std::move(worker));
  execo::action_result end = co_await all.run();
  co_return end.ok() ? 0 : 1;
}

int main(int argc, char** argv) {
  return argc < 5 ? 2 : execo::sync_wait(run(argv[1], argv[2], argv[3], argv[4]));
}
