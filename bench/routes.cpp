// What a hop costs: client CPU for each host, of one command on many hosts of a private OpenSSH
// sshd, direct and through one hop and three, in turn. The servers' share is not in it.
//
//   routes [--hosts N] [--rounds N] [--window N]
#include <cstdio>
#include <cstdlib>
#include <execo/execo.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "measure.hpp"
#include "sshd_fixture.hpp"

namespace {

class contender {
 public:
  contender(std::string title, int hops, const execo::test::sshd_fixture& server)
      : title_(std::move(title)) {
    options_.port = server.port();
    options_.user = server.user();
    options_.identities.push_back(server.identity());
    options_.host_key_policy = execo::host_keys::ignore;
    options_.reuse = false;
    for (int i = 1; i <= hops; ++i)
      options_.jump.push_back(server.user() + "@127.9.0." + std::to_string(i) + ":" +
                              std::to_string(server.port()));
  }

  void run(const execo::host_set& hosts, std::size_t window) {
    bench::usage before = bench::usage::now();
    execo::sync_wait(all(hosts, window));
    bench::usage used = bench::usage::now() - before;
    cpu_.push_back(used.own * 1e3 / static_cast<double>(hosts.size()));
    wall_.push_back(used.wall);
  }
  double median() const { return bench::summary(cpu_).median(); }
  void print(const contender& first) const {
    std::printf("%-14s client CPU ms/host %-26s x direct %-6.2f wall s %s\n", title_.c_str(),
                bench::summary(cpu_).text(3).c_str(), median() / first.median(),
                bench::summary(wall_).text(2).c_str());
  }

 private:
  execo::task<> all(execo::host_set hosts, std::size_t window) {
    execo::remote action("true", hosts);
    action.fanout(window).ssh(options_);
    execo::action_result r = co_await action.run();
    r.check();
  }

  std::string title_;
  execo::ssh_options options_;
  std::vector<double> cpu_;
  std::vector<double> wall_;
};

void run(int hosts, int rounds, int window) {
  if (!execo::test::sshd_fixture::available()) throw std::runtime_error("no sshd");
  execo::test::sshd_fixture server;
  std::string set;
  for (int i = 0; i < hosts; ++i)
    set += (i == 0 ? "127.10." : ",127.10.") + std::to_string(i / 250) + "." +
           std::to_string(i % 250 + 1);
  execo::host_set all(set);
  std::vector<contender> contenders;
  contenders.emplace_back("direct", 0, server);
  contenders.emplace_back("one hop", 1, server);
  contenders.emplace_back("three hops", 3, server);
  std::printf("`true` on %d hosts, window %d, %d rounds\n", hosts, window, rounds);
  for (int i = 0; i < rounds; ++i)
    for (contender& c : contenders) c.run(all, static_cast<std::size_t>(window));
  for (const contender& c : contenders) c.print(contenders.front());
}

}  // namespace

int main(int argc, char** argv) {
  bench::fanout_sizes sizes{300, 5};
  sizes.read(argc, argv);
  try {
    run(sizes.hosts, sizes.rounds, sizes.window);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "routes: %s\n", e.what());
    return 1;
  }
}
