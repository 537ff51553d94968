// One command on many hosts: results as they complete, then what they had in common.
//   fan_out HOSTS [PORT KEYFILE]
// ctest: build only
#include <fmt/format.h>

#include <execo/execo.hpp>

using namespace std::chrono_literals;

execo::task<int> fan_out(execo::host_set hosts, execo::ssh_options how) {
  auto up = execo::remote("uname -r", hosts).timeout(20s).fanout(128).ssh(std::move(how));
  execo::output_gatherer same;
  bool ok = true;
  while (auto h = co_await up.next()) {
    ok = ok && h->ok();
    if (!h->ok()) fmt::print(stderr, "{}\n", h->describe());
    same.add(std::move(*h));
  }
  for (const execo::output_group& g : same.groups())
    fmt::print("{} ({} hosts): {}", g.hosts.to_string(), g.count, g.sample.out);
  co_return ok ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  execo::ssh_options how;
  how.host_key_policy = execo::host_keys::accept_new;
  if (argc > 3) {
    how.port = std::stoi(argv[2]);
    how.identities.emplace_back(argv[3]);
    how.host_key_policy = execo::host_keys::ignore;
  }
  return execo::sync_wait(fan_out(execo::host_set(argv[1]), std::move(how)));
}
