// A command on hosts behind a bastion, as another user once it is there.
//   through_hops SET [HOPS [USER]]     HOPS as ssh -J has them: me@bastion,inner:2222
// ctest: fleet 5
// ctest: args {HOSTS}
#include <execo/execo.hpp>

#include <cstdio>
#include <iostream>
#include <string>
#include <utility>

// Asked for once, however many hosts want it.
execo::secret ask(const std::string& question) {
  std::string line;
  std::cerr << question << ' ';
  std::getline(std::cin, line);  // a real program turns the echo off
  return execo::secret(std::move(line));
}

int main(int argc, char** argv) {
  using namespace execo;
  if (argc < 2) {
    std::fprintf(stderr, "usage: through_hops SET [HOPS [USER]]\n");
    return 2;
  }
  ssh_options how;
  if (argc > 2) how.jump = jump_hosts(argv[2]);
  if (argc > 3) {
    how.become = argv[3];
    how.become_password = secret_prompt([](const std::string& what) { return ask(what); });
  }
  action_result all = sync_wait(remote("id -un; uptime -p 2>/dev/null || true", argv[1]).ssh(how));
  for (const host_result& r : all.all())
    std::printf("%s: %s", r.host.name().c_str(), r.ok() ? r.out.c_str() : r.describe().c_str());
  return all.ok() ? 0 : 1;
}
