// The results of a command on many hosts: counts, failures, equal outputs.
//   results HOSTS [PORT KEYFILE]
// ctest: fleet 20
// ctest: args {HOSTS}
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::ssh_options connection(int port, std::string key_file) {
  execo::ssh_options how;
  how.user = "root";
  how.port = port;
  how.identities.push_back(std::move(key_file));
  how.host_key_policy = execo::host_keys::accept_new;
  how.limits.establish = 10s;  // from the name to the login
  return how;
}

// The last host of twenty fails on purpose.
execo::task<bool> ask(execo::host_set hosts, execo::ssh_options how) {
  execo::action_result end =
      co_await execo::remote("test ${FLEET_HOST##*.} != 20 && uname -s", hosts)
          .ssh(std::move(how))
          .fanout(128)
          .timeout(20s)
          .run();

  fmt::print("{} of {} hosts ok\n", end.stats().ok, end.stats().hosts);
  for (const execo::host_result* h : end.failed()) fmt::print("{}\n", h->describe());
  for (const execo::output_group& g : end.by_output())
    fmt::print("{} ({} hosts): {}\n", g.hosts.to_string(), g.count, g.sample.out);
  co_return end.stats().count(execo::end_reason::exited) == end.stats().hosts;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  execo::ssh_options how;
  if (argc > 3) how = connection(std::stoi(argv[2]), argv[3]);
  return execo::sync_wait(ask(execo::host_set(argv[1]), std::move(how))) ? 0 : 1;
}
