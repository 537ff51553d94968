// Several commands on each host at once, with results by command and host.
#include <fmt/format.h>

#include <execo/execo.hpp>

execo::task<int> both() {
  const execo::host_set hosts("n[1-3]");
  auto all = execo::parallel(execo::local("echo up for 3 days", hosts).name("uptime"),
                             execo::local("test $EXECO_HOST != n2", hosts).shell().name("disk"));
  execo::action_result end = co_await all.run();

  const std::vector<execo::action_result> of = end.parts();  // in the order given
  for (const std::string& name : hosts)
    fmt::print("{}: {}, disk {}\n", name, of[0][name].out.substr(0, 13),
               of[1][name].ok() ? "ok" : "full");
  co_return of[0].ok() && of[1].failed_hosts() == execo::host_set("n2") ? 0 : 1;
}

int main() { return execo::sync_wait(both()); }
