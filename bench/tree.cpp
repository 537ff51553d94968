// What a tree of many hosts costs on this machine: execo beside TakTuk and the tree mode of clush.
// A shell stands in for ssh, so each host is an agent and its command here. CPU is that of all
// processes. Rivals that are not installed are left out, by name.
//
//   tree [--rounds N] [--hosts N[,N]...] [--taktuk N[,N]...] [--clush N] [--memory N]
//        [--latency N] [--far N[,N]...]
//   tree --standing N [--rounds N]
//
// Each round starts a tree, runs `echo ok` on all hosts and counts the answers. --memory: trees of
// so many hosts, all processes summed up: PSS of smaps_rollup, and what the kernel took meanwhile
// (slab, stacks of the kernel, page tables). In one all hosts run `true`, and agents are looked at
// that stand idle afterwards; in the other one their commands wait. --latency: so many hosts,
// each 200 ms away, without a tree and with one; all of them run what starts an agent on a host.
// --far: the same with the connector `local`, whose agents are started by their parents.
// --standing: an empty message to all hosts of a tree that stands, beside as many processes of the
// same shape that wake each other; a command on all, beside starting as many shells alone, and
// beside such processes that start one each; and what the tree costs when nothing is asked of it.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fanout_ssh/client_run.hpp"
#include "measure.hpp"
#include "process_memory.hpp"
#include "run_many.hpp"
#include "tree_standing/standing.hpp"

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
  int latency = 600;
  std::vector<int> far{600};
  int standing = 0;  // nothing else then

  plan(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string option = argv[i], value = argv[i + 1];
      if (option == "--rounds") rounds = std::atoi(argv[i + 1]);
      if (option == "--hosts") hosts = numbers(value);
      if (option == "--taktuk") taktuk = numbers(value);
      if (option == "--clush") clush = std::atoi(argv[i + 1]);
      if (option == "--memory") memory = std::atoi(argv[i + 1]);
      if (option == "--standing") standing = std::atoi(argv[i + 1]);
      if (option == "--latency") latency = std::atoi(argv[i + 1]);
      if (option == "--far") far = numbers(value);
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
    write("far", "#!/bin/sh\nEXECO_HOST=$1; export EXECO_HOST\nsleep 0.2\nexec sh -c \"$2\"\n");
    for (const char* name : {"connector", "far"}) fs::permissions(path(name), fs::perms(0755));
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
  long peak_kb = 0;
  for (int i = 0; i < rounds; ++i) {
    bench::client_run run = bench::run_well(argv, variables);
    if (int found = answers_in(run.out); found != count)
      bench::fail(title + ": " + std::to_string(found) + " answers of " + std::to_string(count));
    wall.push_back(run.wall);
    cpu.push_back(run.cpu * 1000 / count);
    peak_kb = std::max(peak_kb, run.peak_kb);
  }
  std::printf("  %-17s %6d hosts   wall %-20s s   CPU a host %-20s ms   peak of a process %ld MB\n",
              title.c_str(), count, bench::summary(wall).text(2).c_str(),
              bench::summary(cpu).text(2).c_str(), peak_kb / 1024);
  std::fflush(stdout);
}

// -- memory ---------------------------------------------------------------------------------------

class family_memory {
 public:
  family_memory() = default;
  family_memory(pid_t root, const bench::kernel_memory& kernel) : kernel_kb(kernel.kb()) {
    std::vector<pid_t> all{root};
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bench::process_memory its = bench::process_memory::of(all[i]);
      (i == 0 ? root_kb : others_kb) += its.own_kb;
      file_kb += its.file_kb;
      for (pid_t child : bench::child_pids(bench::folder_of(all[i]))) all.push_back(child);
    }
    processes = all.size();
  }
  void print(const std::string& title, int count) const {
    std::printf(
        "  %-30s root %ld KB; a host %.0f KB and %.0f KB of the kernel,\n"
        "    file cache apart (%ld KB in all); %zu processes\n",
        title.c_str(), root_kb, static_cast<double>(others_kb) / count,
        static_cast<double>(kernel_kb) / count, file_kb, processes);
    std::fflush(stdout);
  }

  // First: to look at processes takes memory of the kernel.
  long kernel_kb = 0;
  long root_kb = 0, others_kb = 0, file_kb = 0;
  std::size_t processes = 0;
};

bool can_read(int fd) {
  pollfd what{fd, POLLIN, 0};
  return ::poll(&what, 1, 0) != 0;
}

execo::task<> stand_after_true(std::string set, int ready, int go) {
  execo::ssh_options way;
  way.connector = "local";
  execo::tree_network net(set, execo::tree(), way);
  execo::remote command = std::move(execo::remote("true", set).via(net));
  const execo::action_result all = co_await command.run();
  if (!all.ok()) {
    std::fprintf(stderr, "tree: %s\n", all.describe().c_str());
    co_return;
  }
  char none = 0;
  (void)!::write(ready, &none, 1);
  while (!can_read(go)) co_await execo::sleep(20ms);
  co_await net.close();
}

/// The root of a tree in a process of its own: it says when all have run `true`, then waits.
class root_apart {
 public:
  root_apart(const std::string& set, const bench::kernel_memory& kernel) {
    int ready[2], go[2];
    if (::pipe(ready) != 0 || ::pipe(go) != 0) bench::fail("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      (void)::close(go[1]);
      kernel.enter();
      execo::sync_wait(stand_after_true(set, ready[1], go[0]));
      ::_exit(0);
    }
    (void)::close(ready[1]);
    (void)::close(go[0]);
    ready_ = ready[0];
    go_ = go[1];
  }
  root_apart(const root_apart&) = delete;
  root_apart& operator=(const root_apart&) = delete;
  ~root_apart() {
    (void)::close(go_);
    (void)::waitpid(pid_, nullptr, 0);
    (void)::close(ready_);
  }
  pid_t pid() const { return pid_; }
  bool is_ready() const { return can_read(ready_); }
  /// False: it has failed.
  bool was_well() const {
    char said = 0;
    return ::read(ready_, &said, 1) == 1;
  }

 private:
  pid_t pid_ = -1;
  int ready_ = -1, go_ = -1;
};

void measure_true(int count) {
  const bench::kernel_memory kernel;
  const root_apart root(set_of(count), kernel);
  while (!root.is_ready()) std::this_thread::sleep_for(1ms);
  if (!root.was_well()) bench::fail("`true` on all hosts");
  const std::optional<long> peak = kernel.peak_kb();
  const family_memory idle(root.pid(), kernel);
  std::printf("memory of %d hosts, what the kernel takes of %s:\n", count,
              kernel.is_apart() ? "them alone" : "the whole machine");
  if (peak)
    std::printf(
        "  `true` runs                    all in all at most %.0f KB a host, with the root\n",
        static_cast<double>(*peak) / count);
  idle.print("it has run, agents are idle", count);
}

void measure_waiting(const field& at, int count) {
  const bench::kernel_memory kernel;
  const std::string out = at.path("out");
  const pid_t pid = ::fork();
  if (pid == 0) {
    kernel.enter();
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
  family_memory(pid, kernel).print("their commands wait", count);
  (void)::kill(pid, SIGINT);
  (void)::waitpid(pid, nullptr, 0);
}

// -- hosts that are far away ----------------------------------------------------------------------

/// `echo ok` on so many hosts by a connector, in the ways that `execo run` has.
class far_hosts {
 public:
  far_hosts(int count, int rounds, const std::string& connector)
      : count_(count), rounds_(rounds), argv_{tool,          "run",         "-w",
                                              set_of(count), "--connector", connector} {}

  void flat(const words& variables = {}) const {
    row("64 at a time", {}, variables);
    row("all at a time", {"-f", std::to_string(count_)}, variables);
  }
  void tree(words more, const words& variables = {}) const {
    more.insert(more.begin(), {"--via", "tree"});
    row("tree", more, variables);
  }

 private:
  void row(const char* title, const words& more, const words& variables) const {
    words whole = argv_;
    whole.insert(whole.end(), more.begin(), more.end());
    for (const char* word : {"--", "echo ok"}) whole.emplace_back(word);
    measure(title, count_, rounds_, whole, variables);
  }

  int count_, rounds_;
  words argv_;
};

void measure_latency(const field& at, int count, int rounds) {
  std::printf("the same on hosts that are 200 ms away, whoever connects to them\n");
  const far_hosts hosts(count, rounds, at.path("far") + " %h");
  hosts.flat();
  hosts.tree({"--site-trust"});
}

// Without a tree the shell of a host comes late, with one its agent does.
void measure_far(int count, int rounds) {
  std::printf("the same by the connector local, each start 200 ms later\n");
  const char* path = std::getenv("PATH");
  const std::string late = "EXECO_LOCAL_DELAY=200";
  const far_hosts hosts(count, rounds, "local");
  hosts.flat({late, std::string("PATH=" EXECO_BIN_DIR "/bench/late:") + (path ? path : "/bin")});
  hosts.tree({}, {late});
}

void run(const plan& asked) {
  if (asked.standing > 0) {
    const more_processes room(asked.standing);
    return bench::measure_standing_tree(asked.standing, asked.rounds);
  }
  const field at;
  std::printf("a tree is started, `echo ok` on each host, a shell in place of ssh; %d rounds\n",
              asked.rounds);
  std::vector<int> most = asked.hosts;
  most.insert(most.end(), asked.far.begin(), asked.far.end());
  const more_processes room(most.empty() ? 0 : std::ranges::max(most));
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
  if (asked.memory > 0) {
    measure_true(asked.memory);
    measure_waiting(at, asked.memory);
  }
  if (asked.latency > 0) measure_latency(at, asked.latency, asked.rounds);
  for (int count : asked.far) measure_far(count, asked.rounds);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_many("tree", [&] { run(plan(argc, argv)); });
}
