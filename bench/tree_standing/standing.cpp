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
  std::vector<double> ping;          // of an empty message to all
  std::vector<double> wall, cpu_us;  // of a command on all
  double idle_agents = 0, idle_root = 0;
  std::size_t depth = 0, arity = 0;
  std::size_t root_bytes = 0;
  std::string shape;  // as wake_processes wants it
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

task<> ask_all(const execo::tree_network& net, const standing_plan& plan, standing_figures& found) {
  const usage before = usage::now();
  execo::tree_answers answers = co_await net.ping(100s);
  found.ping.push_back((usage::now() - before).wall);
  if (answers.answered != static_cast<std::size_t>(plan.hosts) || !answers.ok())
    throw std::runtime_error(std::to_string(answers.answered) + " answers");
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

task<> measure(const standing_plan& plan, standing_figures& found) {
  execo::ssh_options way;
  way.connector = "local";
  execo::tree_network net(plan.set(), execo::tree(), way);
  const usage before = usage::now();
  std::vector<execo::tree_host> hosts = co_await net.deploy();
  found.deploy = (usage::now() - before).wall;
  for (const execo::tree_host& one : hosts)
    if (!one.up) throw std::runtime_error(one.error_context);
  found.shape = shape_of(hosts);
  for (int i = 0; i < plan.rounds; ++i) co_await ask_all(net, plan, found);
  for (int i = 0; i < plan.rounds; ++i) co_await run_all(net, plan, found);
  found.root_bytes = status_bytes("VmRSS");
  co_await stand_idle(found);
  execo::tree_stats stats = co_await net.close();
  found.depth = stats.depth;
  found.arity = stats.arity;
}

summary seconds_of(std::vector<std::string> words) {
  execo::result done = execo::run(execo::command(std::move(words)));
  done.check();
  std::vector<double> all;
  std::istringstream lines(done.out);
  for (double one = 0; lines >> one;) all.push_back(one);
  return summary(all);
}

summary starts_of(const standing_plan& plan) {
  std::vector<double> all;
  for (int i = 0; i < plan.rounds; ++i)
    all.push_back(seconds_of({helper, "--start", std::to_string(plan.hosts), "4", shell}).median());
  return summary(all);
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
  const shape_file file(found.shape);
  const summary ping(found.ping), wall(found.wall), cpu(found.cpu_us);
  const summary wake = seconds_of({helper, file.path(), std::to_string(rounds)});
  const summary alone = starts_of(plan);
  const summary by_all = seconds_of({helper, file.path(), std::to_string(rounds), shell});
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
