// A directory on each host, a file into it, the file back, the directory away; and a report.
//   put_get_report HOSTS FILE FOLDER
// ctest: fleet 3
// ctest: sshd 3
// ctest: args {HOSTS} /etc/hosts {FOLDER}
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> visit(execo::host_set hosts, std::string file, std::string folder) {
  std::string there = folder + "/on-{{{host}}}/";
  execo::report all("visit");
  all.add(co_await execo::remote("mkdir -p " + there, hosts).run());
  all.add(co_await execo::put(file, hosts, there).run());
  all.add(co_await execo::get(there + "*", hosts, folder + "/back").run());
  all.add(co_await execo::remote("rm -r " + there, hosts).run());
  std::cout << all.to_string();
  co_return all.ok() ? 0 : 1;
}

int main(int argc, char** argv) {
  return argc < 4 ? 2 : execo::sync_wait(visit(argv[1], argv[2], argv[3]));
}
