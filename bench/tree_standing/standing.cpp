#include "tree_standing/standing.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "measure.hpp"

namespace bench {
namespace {

using execo::task;

const std::string helper = EXECO_BIN_DIR "/bench/wake_processes";
constexpr const char* shell = "/bin/sh";

class standing_plan {
 public:
  int hosts = 0;
  int rounds = 0;
  std::string set() const { return "n[1-" + std::to_string(hosts) + "]"; }
};

class standing_figures {
 public:
  double deploy = 0;
  std::vector<double> wall, cpu_us;  // of a command on all
  std::size_t depth = 0, arity = 0;
  std::size_t root_bytes = 0;
};

task<> run_all(const execo::tree_network& net, const standing_plan& plan, standing_figures& found) {
  const usage before = usage::now();
  execo::remote all("true", plan.set());
  all.via(net);
  execo::action_result done = co_await all.run();
  const usage spent = usage::now() - before;
  if (!done.ok()) throw std::runtime_error(done.describe());
  found.wall.push_back(spent.wall);
  found.cpu_us.push_back(spent.own * 1e6 / plan.hosts);
}

task<> measure(const standing_plan& plan, standing_figures& found) {
  execo::ssh_options way;
  way.connector = "local";
  execo::tree_network net(plan.set(), execo::tree(), way);
  const usage before = usage::now();
  std::vector<execo::tree_host> hosts = co_await net.deploy();
  found.deploy = (usage::now() - before).wall;
  for (const execo::tree_host& one : hosts)
    if (!one.up) throw std::runtime_error(one.error_context);
  for (int i = 0; i < plan.rounds; ++i) {
    co_await run_all(net, plan, found);
  }
  found.root_bytes = status_bytes("VmRSS");
  execo::tree_stats stats = co_await net.close();
  found.depth = stats.depth;
  found.arity = stats.arity;
}

std::vector<double> seconds_of(std::vector<std::string> words) {
  execo::result done = execo::run(execo::command(std::move(words)));
  done.check();
  std::vector<double> all;
  std::istringstream lines(done.out);
  for (double one = 0; lines >> one;) all.push_back(one);
  return all;
}

}  // namespace

void measure_standing_tree(int hosts, int rounds) {
  (void)::setenv("SHELL", shell, 1);
  standing_plan plan;
  plan.hosts = hosts;
  plan.rounds = rounds;
  standing_figures found;
  execo::sync_wait(measure(plan, found));
  std::vector<double> starts;
  for (int i = 0; i < rounds; ++i)
    for (double one : seconds_of({helper, "--start", std::to_string(hosts), "4", shell}))
      starts.push_back(one);
  const summary wake(seconds_of(
      {helper, std::to_string(hosts), std::to_string(found.arity), std::to_string(rounds)}));
  const summary wall(found.wall), cpu(found.cpu_us), start(starts);
  std::printf("a tree of %d agents that stands: up in %.2f s, depth %zu, arity %zu; root %.0f MB\n",
              hosts, found.deploy, found.depth, found.arity, mib(found.root_bytes));
  std::printf("  `true` on all             wall %-22s s, CPU of the root %s us a host\n",
              wall.text(2).c_str(), cpu.text(1).c_str());
  std::printf("  %d times sh alone      wall %-22s s: ratio %.2f\n", hosts, start.text(2).c_str(),
              wall.median() / start.median());
  std::printf("  as many processes woken   wall %-22s s: ratio %.2f\n", wake.text(3).c_str(),
              wall.median() / wake.median());
}

}  // namespace bench
