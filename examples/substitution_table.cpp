// Six hosts, and a target for each of them from three, which begin again after the last one.
//   substitution_table SIX_HOSTS
// ctest: fleet 6
// ctest: sshd 6
// ctest: args {HOSTS}
#include <execo/execo.hpp>
#include <iostream>

int main(int argc, char** argv) {
  auto table = execo::remote("echo '{{{host}}} -> {{target}}'", argc > 1 ? argv[1] : "[a-f]");
  table.subst("target", {1, 2, 3});
  execo::action_result end = execo::sync_wait(table.run());
  for (const execo::host_result& r : end.all()) std::cout << r.out;
  return end.all().back().out.ends_with(" -> 3\n") ? 0 : 1;
}
