// A command on nodes with a time limit: equal outputs together, return codes, who timed out.
//   task_shell NODES
// ctest: fleet 4
// ctest: sshd 4
// ctest: args {HOSTS}
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> shell(execo::host_set nodes) {
  auto worker = execo::remote("uname", nodes).timeout(std::chrono::seconds(5));
  worker.on_end([](const execo::ended_command& c) {
    if (!c.result.ok()) std::cout << c.host.name() << ": " << c.result.describe() << "\n";
  });
  execo::action_result end = co_await worker.run();
  for (const execo::output_group& g : end.by_output())
    std::cout << g.hosts.to_string() << ": " << g.sample.out;
  execo::host_set late = end.hosts(execo::end_reason::timed_out);
  std::cout << "largest code " << end.max_code() << ", " << late.size() << " timed out\n";
  co_return end.ok() ? 0 : 1;
}

int main(int argc, char** argv) { return argc < 2 ? 2 : execo::sync_wait(shell(argv[1])); }
