// The number of CPUs of each host: a file for each host, and the hosts that have as many.
//   check_cluster_cpu HOSTS FOLDER
// ctest: fleet 3
// ctest: sshd 3
// ctest: args {HOSTS} {FOLDER}
#include <execo/execo.hpp>
#include <filesystem>
#include <iostream>

execo::task<int> check(execo::host_set hosts, std::string folder) {
  auto file = execo::to_file(folder + "/{{{host}}}.out");
  auto count = execo::remote("grep -c ^processor /proc/cpuinfo", hosts);
  count.out(execo::tee(execo::capture(), file));
  execo::action_result end = co_await count.run();
  for (const execo::output_group& g : end.by_output())
    std::cout << g.count << " hosts have " << g.sample.out;
  std::string first = folder + "/" + end.all().front().host.name() + ".out";
  co_return end.ok() && std::filesystem::file_size(first) > 0 ? 0 : 1;
}

int main(int argc, char** argv) { return argc < 3 ? 2 : execo::sync_wait(check(argv[1], argv[2])); }
