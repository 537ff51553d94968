// A local command, then one on many hosts, with each result as it completes.
// ctest: fleet 20
// ctest: args {HOSTS}
#include <execo/execo.hpp>
#include <iostream>

execo::task<int> ask(std::string hosts) {
  auto here = co_await execo::process{"uname -r"}.run();
  std::cout << "here: " << here.out;

  auto there = execo::remote("uname -r", execo::host_set{hosts}).fanout(128);
  while (auto h = co_await there.next())
    std::cout << (h->ok() ? h->host.name() + ": " + h->out : h->describe() + "\n");
  co_return here.ok() ? 0 : 1;
}

int main(int argc, char** argv) {
  return execo::sync_wait(ask(argc > 1 ? argv[1] : "node[1-200]"));
}
