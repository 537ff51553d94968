// An experiment of several steps on several kinds of hosts, as one action with one report.
#include <fmt/format.h>

#include <execo/execo.hpp>

// Here the hosts are local processes; `remote` in place of `local` makes them ssh hosts.
execo::task<int> experiment() {
  using namespace execo;
  auto servers = sequential(local("sleep 0.1", "server[1-2]").name("install"),
                            local("sleep 0.5", "server[1-2]").name("serve"));
  auto clients = sequential(local("sleep 0.1", "client[1-4]").name("install"),
                            local("test $EXECO_HOST != client3", "client[1-4]").shell().name("ask"),
                            local("true", "client[1-4]").name("collect"))
                     .stop_on_failure();

  auto all = parallel(std::move(servers).name("servers"), std::move(clients).name("clients"));
  action_result end = co_await all.run();

  fmt::print("{}\n{}", end.describe(), report(end).to_string());
  fmt::print("not collected: {}\n", end.hosts(end_reason::not_started).to_string());
  co_return end["client3"].exit_code() == 0 && end.parts()[0].ok() ? 0 : 1;
}

int main() { return execo::sync_wait(experiment()); }
