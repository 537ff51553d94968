// What one host of a tree costs the machine that it is on: processor time from the start of its
// agent to the end, with the command `true`, and memory and processes of its agent while a command
// runs. All hosts are shells of this machine. Agents of others that run beside it are counted, too.
//
//   agent_cost [--hosts N] [--rounds N]
#include <unistd.h>

#include <execo/execo.hpp>
#include <string_view>

#include "measure.hpp"
#include "process_memory.hpp"

namespace {

namespace fs = std::filesystem;

execo::remote on_hosts(const std::string& text, int count) {
  execo::ssh_options way;
  way.connector = "local";
  return execo::remote(text, "node[1-" + std::to_string(count) + "]").ssh(way).via(execo::tree());
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "agent_cost: %s\n", what.c_str());
  std::exit(1);
}

bool is_agent(const fs::path& process) {
  std::ifstream text(process / "comm");
  std::string name;
  return std::getline(text, name) && name == "execo-agent";
}

class footprint {
 public:
  double pss = 0;  // KiB
  int processes = 0;

  static footprint of_agents() {
    footprint found;
    std::error_code gone;
    for (const auto& entry : fs::directory_iterator("/proc", gone)) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || !is_agent(entry.path())) continue;
      const bench::process_memory its = bench::process_memory::of(pid);
      found.pss += static_cast<double>(its.own_kb + its.file_kb);
      ++found.processes;
    }
    return found;
  }
};

void time_round(int hosts, std::vector<double>& whole, std::vector<double>& root) {
  const bench::usage begin = bench::usage::now();
  const execo::action_result all = execo::sync_wait(on_hosts("true", hosts).run());
  const bench::usage spent = bench::usage::now() - begin;
  if (!all.ok()) fail(all.describe());
  whole.push_back(spent.cpu() / hosts * 1e3);
  root.push_back(spent.own / hosts * 1e3);
}

void memory_round(int hosts, std::vector<double>& pss, std::vector<double>& kernel,
                  std::vector<double>& processes) {
  const auto before = static_cast<double>(bench::kernel_kb());
  int up = 0;
  execo::remote running = on_hosts("echo up; exec sleep 1000", hosts);
  running.on_line([&](const execo::output_line&) {
    if (++up < hosts) return;
    // First: to look at processes takes memory of the kernel.
    kernel.push_back((static_cast<double>(bench::kernel_kb()) - before) / hosts);
    const footprint found = footprint::of_agents();
    pss.push_back(found.pss / hosts);
    processes.push_back(static_cast<double>(found.processes) / hosts);
    running.kill();
  });
  (void)execo::sync_wait(running.run());
  if (up != hosts) fail("not all hosts came up");
}

}  // namespace

int main(int argc, char** argv) {
  bench::fanout_sizes sizes{.hosts = 1000, .rounds = 3};
  sizes.read(argc, argv);
  std::vector<double> whole, root, pss, kernel, processes;
  for (int i = 0; i < sizes.rounds; ++i) time_round(sizes.hosts, whole, root);
  for (int i = 0; i < sizes.rounds; ++i) memory_round(sizes.hosts, pss, kernel, processes);
  std::printf("%d hosts, %d rounds; for each host:\n", sizes.hosts, sizes.rounds);
  std::printf("CPU, ms                 %s\n", bench::summary(whole).text(2).c_str());
  std::printf("  of it the root's      %s\n", bench::summary(root).text(2).c_str());
  std::printf("PSS of agents, KiB      %s\n", bench::summary(pss).text(0).c_str());
  std::printf("kernel memory, KiB      %s\n", bench::summary(kernel).text(0).c_str());
  std::printf("processes of agents     %s\n", bench::summary(processes).text(2).c_str());
}
