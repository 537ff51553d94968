// Many hosts on several threads: the hosts are spread over the rings of a context, results and
// lines come where the action was started. dump() shows what is in progress.
// ctest: fleet 40
// ctest: args {HOSTS}
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> up_hosts(execo::context& where, execo::remote up) {
  int good = 0;
  while (auto host = co_await up.next()) {
    if (good == 0) fmt::print("{}", where.dump());
    if (host->ok()) ++good;
  }
  co_return good;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  execo::context where(execo::rings(4));
  execo::host_set hosts(argv[1]);
  auto up = execo::remote("uptime", hosts).fanout(20);
  int good = execo::sync_wait(where, up_hosts(where, std::move(up)));
  fmt::print("{} of {} hosts are up\n", good, hosts.size());
  return good == static_cast<int>(hosts.size()) ? 0 : 1;
}
