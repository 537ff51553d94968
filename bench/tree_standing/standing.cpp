#include "tree_standing/standing.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "measure.hpp"

namespace bench {
namespace {

using execo::task;
using namespace std::chrono_literals;

const std::string helper = EXECO_BIN_DIR "/bench/wake_processes";
constexpr const char* shell = "/bin/sh";
constexpr auto idle_time = 30s;

class standing_plan {
 public:
  int hosts = 0;
  int rounds = 0;
  std::string set() const { return "n[1-" + std::to_string(hosts) + "]"; }
};

/// Processor time of the agents, and how many processes they are.
class agents_now {
 public:
  agents_now() {
    std::vector<pid_t> left = child_pids();
    while (!left.empty()) {
      const std::string folder = "/proc/" + std::to_string(left.back());
      left.pop_back();
      double ns = 0;
      std::ifstream(folder + "/schedstat") >> ns;
      seconds += ns * 1e-9;
      for (pid_t child : child_pids(folder)) left.push_back(child);
    }
  }
  double seconds = 0;
};

class standing_figures {
 public:
  double deploy = 0;
  // Each beside what it is compared with, one after the other in each round.
  std::vector<double> ping, wake;
  std::vector<double> wall, cpu_us, alone, by_all;
  double idle_agents = 0, idle_root = 0;
  std::size_t depth = 0, arity = 0;
  std::size_t root_bytes = 0;
};

std::string shape_of(const std::vector<execo::tree_host>& hosts) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < hosts.size(); ++i) places.emplace(hosts[i].host.name(), i);
  std::ostringstream lines;
  for (const execo::tree_host& one : hosts) {
    if (one.parent.empty())
      lines << "-1\n";
    else
      lines << places.at(one.parent) << '\n';
  }
  return lines.str();
}

task<double> ask_all(const execo::tree_network& net, const standing_plan& plan) {
  const usage before = usage::now();
  execo::tree_answers answers = co_await net.ping(100s);
  if (answers.answered != static_cast<std::size_t>(plan.hosts) || !answers.ok())
    throw std::runtime_error(std::to_string(answers.answered) + " answers");
  co_return (usage::now() - before).wall;
}

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

task<> stand_idle(standing_figures& found) {
  // What the last command has left to do.
  co_await execo::sleep(2s);
  const agents_now before;
  const usage root = usage::now();
  co_await execo::sleep(idle_time);
  found.idle_root = (usage::now() - root).own;
  found.idle_agents = agents_now().seconds - before.seconds;
}

/// A file with the shape of the tree, for the helper.
class shape_file {
 public:
  explicit shape_file(const std::string& lines) { std::ofstream(path_) << lines; }
  shape_file(const shape_file&) = delete;
  shape_file& operator=(const shape_file&) = delete;
  ~shape_file() {
    std::error_code none;
    std::filesystem::remove(path_, none);
  }
  std::string path() const { return path_; }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("execo-tree-shape-" + std::to_string(::getpid()));
};

/// What the helper prints last.
task<double> seconds_of(std::vector<std::string> words) {
  words.insert(words.begin(), helper);
  execo::process run{execo::command(std::move(words))};
  execo::result done = co_await run.run();
  done.check();
  double last = 0;
  std::istringstream lines(done.out);
  for (double one = 0; lines >> one;) last = one;
  co_return last;
}

task<> measure_round(const execo::tree_network& net, const standing_plan& plan,
                     const shape_file& shape, standing_figures& found) {
  // The second wave of each: the first finds nothing in the caches, or no page in place.
  (void)co_await ask_all(net, plan);
  const double ping = co_await ask_all(net, plan);
  found.ping.push_back(ping);
  const std::vector<std::string> waves{shape.path(), "2"};
  const double wake = co_await seconds_of(waves);
  found.wake.push_back(wake);
  co_await run_all(net, plan, found);
  const std::string hosts = std::to_string(plan.hosts);
  const std::vector<std::string> starts{"--start", hosts, "4", shell};
  const double alone = co_await seconds_of(starts);
  found.alone.push_back(alone);
  const std::vector<std::string> waves_of_starts{shape.path(), "2", shell};
  const double by_all = co_await seconds_of(waves_of_starts);
  found.by_all.push_back(by_all);
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
  const shape_file shape(shape_of(hosts));
  for (int i = 0; i < plan.rounds; ++i) co_await measure_round(net, plan, shape, found);
  found.root_bytes = status_bytes("VmRSS");
  co_await stand_idle(found);
  execo::tree_stats stats = co_await net.close();
  found.depth = stats.depth;
  found.arity = stats.arity;
}

void print_row(const char* title, const summary& wall, const std::string& rest) {
  std::printf("  %-38s wall %-22s s%s\n", title, wall.text(3).c_str(), rest.c_str());
}

std::string ratio_of(const summary& ours, const summary& theirs) {
  char text[32];
  std::snprintf(text, sizeof text, ": ratio %.2f", ours.median() / theirs.median());
  return text;
}

}  // namespace

void measure_standing_tree(int hosts, int rounds) {
  (void)::setenv("SHELL", shell, 1);
  standing_plan plan;
  plan.hosts = hosts;
  plan.rounds = rounds;
  standing_figures found;
  execo::sync_wait(measure(plan, found));
  const summary ping(found.ping), wake(found.wake);
  const summary wall(found.wall), cpu(found.cpu_us), alone(found.alone), by_all(found.by_all);
  std::printf("a tree of %d agents that stands: up in %.2f s, depth %zu, arity %zu; root %.0f MB\n",
              hosts, found.deploy, found.depth, found.arity, mib(found.root_bytes));
  print_row("an empty message to all", ping, "");
  print_row("as many processes woken", wake, ratio_of(ping, wake));
  print_row("`true` on all", wall, ", CPU of the root " + cpu.text(1) + " us a host");
  print_row("sh for each, four at a time", alone, ratio_of(wall, alone));
  print_row("sh by each of the processes woken", by_all, ratio_of(wall, by_all));
  std::printf("  idle for %d s: CPU of an agent %.1f us a second, of the root %.1f ms a second\n",
              static_cast<int>(idle_time.count()),
              found.idle_agents * 1e6 / hosts / static_cast<double>(idle_time.count()),
              found.idle_root * 1e3 / static_cast<double>(idle_time.count()));
}

}  // namespace bench
