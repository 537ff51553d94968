// What a server costs that takes few logins at a time: the time of one command on many hosts that
// are one private OpenSSH sshd, with MaxStartups 10:30:60 and without a limit, in turn; direct,
// where the hosts are names of one address and where each has an address of its own, and behind a
// bastion.
//
//   admission [--hosts N] [--rounds N] [--window N]
#include <cstdio>
#include <cstdlib>
#include <execo/execo.hpp>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "measure.hpp"
#include "sshd_fixture.hpp"

namespace {

const std::string busy = "MaxStartups 10:30:60\n";
const std::string unlimited = "MaxStartups 10000\n";

// Where the hosts are, and how they are reached.
class road {
 public:
  std::string title;
  bool one_address = false;  // all hosts are names of it
  bool has_hop = false;
  std::string of_targets;  // the limit of a contender's servers
  std::string of_hop;
};

class contender {
 public:
  explicit contender(const road& by)
      : road_(by), targets_(by.of_targets), hop_(by.has_hop ? by.of_hop : unlimited) {
    options_.port = targets_.port();
    options_.user = targets_.user();
    options_.identities = {targets_.identity(), hop_.identity()};
    options_.host_key_policy = execo::host_keys::ignore;
    options_.reuse = false;
    options_.config_file = targets_.directory() + "/ssh_config";
    std::ofstream file(options_.config_file);
    if (by.one_address) file << "Host 127.10.*\nHostName 127.0.0.1\n";
    if (by.has_hop)
      options_.jump.push_back(hop_.user() + "@127.0.0.1:" + std::to_string(hop_.port()));
  }

  void run(const execo::host_set& hosts, std::size_t window) {
    bench::usage before = bench::usage::now();
    execo::remote action("true", hosts);
    action.fanout(window).ssh(options_);
    execo::action_result r = execo::sync_wait(action.run());
    wall_.push_back((bench::usage::now() - before).wall);
    for (const execo::host_result& one : r.all()) {
      if (one.ok()) continue;
      if (failed_++ == 0) std::printf("%s: %s\n", road_.title.c_str(), one.describe().c_str());
    }
  }
  double median() const { return bench::summary(wall_).median(); }
  void print(const contender& without_limit) const {
    std::printf("%-40s wall s %-24s without a limit %-24s x %-6.2f failed %d\n",
                road_.title.c_str(), bench::summary(wall_).text(2).c_str(),
                bench::summary(without_limit.wall_).text(2).c_str(),
                median() / without_limit.median(), failed_);
  }

 private:
  road road_;
  execo::test::sshd_fixture targets_;
  execo::test::sshd_fixture hop_;
  execo::ssh_options options_;
  std::vector<double> wall_;
  int failed_ = 0;
};

void run(int hosts, int rounds, int window) {
  if (!execo::test::sshd_fixture::available()) throw std::runtime_error("no sshd");
  std::string set;
  for (int i = 0; i < hosts; ++i)
    set += (i == 0 ? "127.10." : ",127.10.") + std::to_string(i / 250) + "." +
           std::to_string(i % 250 + 1);
  execo::host_set all(set);
  std::printf("`true` on %d hosts that are one sshd, window %d, %d rounds\n", hosts, window,
              rounds);
  for (road with : {road{"direct, names of one address", true, false, busy, unlimited},
                    road{"direct, an address each", false, false, busy, unlimited},
                    road{"behind a bastion, names of one address", true, true, busy, unlimited},
                    road{"behind a bastion, an address each", false, true, busy, unlimited},
                    road{"behind a bastion with the limit", false, true, unlimited, busy}}) {
    road without = with;
    without.of_targets = without.of_hop = unlimited;
    contender limited(with), free(without);
    for (int i = 0; i < rounds; ++i) {
      limited.run(all, static_cast<std::size_t>(window));
      free.run(all, static_cast<std::size_t>(window));
    }
    limited.print(free);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::fanout_sizes sizes{500, 3};
  sizes.read(argc, argv);
  try {
    run(sizes.hosts, sizes.rounds, sizes.window);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "admission: %s\n", e.what());
    return 1;
  }
}
