// What a tree of many hosts costs on this machine: execo beside TakTuk and the tree mode of clush.
// A shell stands in for ssh, so each host is an agent and its command here. CPU is that of all
// processes. Rivals that are not installed are left out, by name.
//
//   tree [--rounds N] [--hosts N[,N]...] [--taktuk N[,N]...] [--clush N] [--memory N]
//
// Each round starts a tree, runs `echo ok` on all hosts and counts the answers. --memory: a tree of
// so many hosts whose commands wait, all processes summed up: PSS of smaps_rollup, and what the
// kernel took meanwhile (slab, stacks of the kernel, page tables).
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fanout_ssh/client_run.hpp"
#include "measure.hpp"

namespace {

namespace fs = std::filesystem;
using bench::words;
using namespace std::chrono_literals;

const std::string tool = EXECO_BIN_DIR "/execo";

std::vector<int> numbers(const std::string& list) {
  std::vector<int> all;
  std::istringstream text(list);
  for (std::string one; std::getline(text, one, ',');) all.push_back(std::atoi(one.c_str()));
  return all;
}

bool has(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

class plan {
 public:
  int rounds = 3;
  std::vector<int> hosts{100, 1'000};
  std::vector<int> taktuk{100};
  int clush = 100;
  int memory = 1'000;

  plan(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string option = argv[i], value = argv[i + 1];
      if (option == "--rounds") rounds = std::atoi(argv[i + 1]);
      if (option == "--hosts") hosts = numbers(value);
      if (option == "--taktuk") taktuk = numbers(value);
      if (option == "--clush") clush = std::atoi(argv[i + 1]);
      if (option == "--memory") memory = std::atoi(argv[i + 1]);
    }
  }
};

/// What the rivals need.
class field {
 public:
  field() : folder_(fs::temp_directory_path() / ("execo-tree-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    // As ssh is called, but the host is this machine.
    write("connector",
          "#!/bin/sh\n"
          "while :; do case $1 in -[oplFi]) shift 2 ;; -*) shift ;; *) break ;; esac; done\n"
          "EXECO_HOST=$1; export EXECO_HOST; shift\nexec sh -c \"$*\"\n");
    fs::permissions(path("connector"), fs::perms(0755));
    write("clush.conf", "[Main]\nssh_path: " + path("connector") + "\nfanout: 64\n");
    write("defaults.conf", "[task.info]\nssh_path: " + path("connector") + "\n");
  }
  ~field() {
    std::error_code none;
    fs::remove_all(folder_, none);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    bench::write_file(path(name), text);
  }
  /// A line for each.
  void write_hosts(int count) const {
    std::string names;
    for (int i = 1; i <= count; ++i) names += "n" + std::to_string(i) + '\n';
    write("hosts", names);
  }
  void write_topology(int count) const {
    char name[256]{};
    (void)::gethostname(name, sizeof name - 1);
    std::string here(name);
    here = here.substr(0, here.find('.'));
    write("topology.conf",
          "[routes]\n" + here + ": g[1-8]\ng[1-8]: n[1-" + std::to_string(count) + "]\n");
  }

 private:
  fs::path folder_;
};

/// Three processes a host: the keeper of an agent, the agent and its command. Raised by root alone,
/// and given back.
class more_processes {
 public:
  explicit more_processes(int hosts) {
    std::ifstream(file) >> before_;
    const long wanted = 4L * hosts + 10'000;
    if (wanted > before_) is_raised_ = bool(std::ofstream(file) << wanted << std::flush);
    if (wanted > before_ && !is_raised_)
      std::printf("  kernel.pid_max is %ld: not enough for %d hosts\n", before_, hosts);
  }
  more_processes(const more_processes&) = delete;
  more_processes& operator=(const more_processes&) = delete;
  ~more_processes() {
    if (is_raised_) std::ofstream(file) << before_;
  }

 private:
  static constexpr const char* file = "/proc/sys/kernel/pid_max";
  long before_ = 0;
  bool is_raised_ = false;
};

std::string set_of(int count) { return "n[1-" + std::to_string(count) + "]"; }

int answers_in(const std::string& out) {
  int count = 0;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) count += line.ends_with("ok") ? 1 : 0;
  return count;
}

void measure(const std::string& title, int count, int rounds, const words& argv,
             const words& variables = {}) {
  std::vector<double> wall, cpu;
  for (int i = 0; i < rounds; ++i) {
    bench::client_run run = bench::run_well(argv, variables);
    if (int found = answers_in(run.out); found != count)
      bench::fail(title + ": " + std::to_string(found) + " answers of " + std::to_string(count));
    wall.push_back(run.wall);
    cpu.push_back(run.cpu * 1000 / count);
  }
  std::printf("  %-14s %6d hosts   wall %-22s s   CPU a host %-22s ms\n", title.c_str(), count,
              bench::summary(wall).text(2).c_str(), bench::summary(cpu).text(2).c_str());
  std::fflush(stdout);
}

// -- memory ---------------------------------------------------------------------------------------

/// Kilobytes of these lines of a file of proc(5), summed up.
long sum_of(const std::string& file, const std::vector<std::string>& names) {
  long sum = 0;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    for (const std::string& name : names)
      if (line.starts_with(name)) sum += std::atol(line.c_str() + name.size());
  return sum;
}

long kernel_kb() { return sum_of("/proc/meminfo", {"Slab:", "KernelStack:", "PageTables:"}); }

class family_memory {
 public:
  explicit family_memory(pid_t root) {
    std::vector<pid_t> all{root};
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string folder = "/proc/" + std::to_string(all[i]);
      const long pss = sum_of(folder + "/smaps_rollup", {"Pss_Anon:", "Pss_Shmem:"});
      const long file = sum_of(folder + "/smaps_rollup", {"Pss_File:"});
      (i == 0 ? root_kb : others_kb) += pss;
      file_kb += file;
      for (pid_t child : bench::child_pids(folder)) all.push_back(child);
    }
    processes = all.size();
  }
  long root_kb = 0, others_kb = 0, file_kb = 0;
  std::size_t processes = 0;
};

void measure_memory(const field& at, int count) {
  const long before = kernel_kb();
  const std::string out = at.path("out");
  const pid_t pid = ::fork();
  if (pid == 0) {
    (void)!std::freopen(out.c_str(), "w", stdout);
    (void)!std::freopen("/dev/null", "w", stderr);
    (void)::execl(tool.c_str(), "execo", "run", "-w", set_of(count).c_str(), "--connector", "local",
                  "--via", "tree", "--", "echo ok; exec sleep 1000", nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 6'000; ++i) {
    std::ifstream file(out);
    if (answers_in(std::string(std::istreambuf_iterator<char>(file), {})) == count) break;
    std::this_thread::sleep_for(20ms);
  }
  const family_memory found(pid);
  const long kernel = kernel_kb() - before;
  (void)::kill(pid, SIGINT);
  (void)::waitpid(pid, nullptr, 0);
  std::printf(
      "  memory of %d hosts, their commands waiting: root %ld KB; a host %.0f KB and %.0f KB of "
      "the kernel,\n  file cache apart (%ld KB in all); %zu processes, of them %d commands\n",
      count, found.root_kb, static_cast<double>(found.others_kb) / count,
      static_cast<double>(kernel) / count, found.file_kb, found.processes, count);
}

void run(const plan& asked) {
  const field at;
  std::printf("a tree is started, `echo ok` on each host, a shell in place of ssh; %d rounds\n",
              asked.rounds);
  const more_processes room(std::ranges::max(asked.hosts));
  for (int count : asked.hosts)
    measure("execo", count, asked.rounds,
            {tool, "run", "-w", set_of(count), "--connector", "local", "--via", "tree", "--",
             "echo ok"});
  if (!has("taktuk")) std::printf("  not installed: taktuk\n");
  for (int count : has("taktuk") ? asked.taktuk : std::vector<int>()) {
    at.write_hosts(count);
    measure("taktuk", count, asked.rounds,
            {"taktuk", "-c", at.path("connector"), "-o", "output=\"$line\\n\"", "-o", "status",
             "-o", "connector", "-f", at.path("hosts"), "broadcast", "exec", "[", "echo ok", "]"});
  }
  if (!has("clush")) std::printf("  not installed: clush\n");
  if (has("clush") && asked.clush > 0) {
    at.write_topology(asked.clush);
    measure("clush, 8 gateways", asked.clush, asked.rounds,
            {"clush", "--topology", at.path("topology.conf"), "-w", set_of(asked.clush), "echo ok"},
            {"CLUSTERSHELL_CFGDIR=" + at.path("."),
             "CLUSTERSHELL_GW_PYTHON_EXECUTABLE=/usr/bin/python3"});
  }
  if (asked.memory > 0) measure_memory(at, asked.memory);
}

}  // namespace

int main(int argc, char** argv) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
  try {
    bench::adopt_orphans();
    run(plan(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tree: %s\n", e.what());
    return 1;
  }
}
