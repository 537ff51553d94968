// A process of this machine: how it ended and what it wrote, and a command that a shell reads.
#include <execo/execo.hpp>
#include <iostream>

int main() {
  execo::result ls = execo::sync_wait(execo::process("ls /").run());
  std::cout << ls.describe() << "\nstdout:\n" << ls.out << "stderr:\n" << ls.err;

  auto find = execo::process("find /tmp -maxdepth 1 -user $(id -un)").shell();
  execo::result mine = execo::sync_wait(find.run());
  return ls.ok() && mine.ok() ? 0 : 1;
}
