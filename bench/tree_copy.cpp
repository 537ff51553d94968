// What copies through a tree cost: execo put beside TakTuk's put, and beside `ssh cat` to each
// host. All hosts are this machine. Rivals that are not installed are left out, by name.
//
//   tree_copy [--rounds N] [--only fan|floor|memory|get|chain|tree]
//             [--fan-mb N] [--fan-hosts N] [--chain-mb N] [--chain-hosts N] [--tree-mb N]
//             [--tree-hosts N] [--get-mb N] [--get-hosts N]
//
//   fan     50 MB to 50 hosts, a shell in place of ssh, and what the same costs processes that
//           only read and write. CPU is that of all processes
//   floor   its first row and its last ones
//   memory  the same once more: PSS of all processes without that of files, and what the kernel has
//           taken meanwhile, at its highest
//   get     4 MB from each of 100 hosts, a shell in place of ssh: files that differ, one that is
//           equal, and the memory of this side alone
//   chain   100 MB down a chain of 20 hosts of a real sshd, beside `ssh cat` from here to each
//   tree    20 MB through a tree of 200 of them
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fanout_ssh/client_run.hpp"
#include "measure.hpp"
#include "process_memory.hpp"
#include "run_many.hpp"
#include "sshd_fixture.hpp"
#include "tree_copies/copy_floor.hpp"

namespace {

namespace fs = std::filesystem;
using bench::words;
using namespace std::chrono_literals;

const std::string tool = EXECO_BIN_DIR "/execo";
constexpr int mega = 1'000'000;

class plan {
 public:
  int rounds = 3;
  int fan_mb = 50, fan_hosts = 50;
  int chain_mb = 100, chain_hosts = 20;
  int tree_mb = 20, tree_hosts = 200;
  int get_mb = 4, get_hosts = 100;
  std::string only;

  plan(int argc, char** argv) {
    const std::map<std::string, int*> numbers{
        {"--rounds", &rounds},           {"--fan-mb", &fan_mb},
        {"--fan-hosts", &fan_hosts},     {"--chain-mb", &chain_mb},
        {"--chain-hosts", &chain_hosts}, {"--tree-mb", &tree_mb},
        {"--tree-hosts", &tree_hosts},   {"--get-mb", &get_mb},
        {"--get-hosts", &get_hosts}};
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string option = argv[i];
      if (option == "--only") only = argv[i + 1];
      if (auto found = numbers.find(option); found != numbers.end())
        *found->second = std::atoi(argv[i + 1]);
    }
  }
  bool wants(const std::string& part) const { return only.empty() || only == part; }
};

bool has(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

class folder {
 public:
  folder() : path_(fs::temp_directory_path() / ("execo-tree-copy-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
    // As ssh is called, but the host is this machine.
    bench::write_file(*this / "connector",
                      "#!/bin/sh\n"
                      "while :; do case $1 in -[oplFi]) shift 2 ;; -*) shift ;; *) break ;; esac; "
                      "done\nEXECO_HOST=$1; export EXECO_HOST; shift\nexec sh -c \"$*\"\n");
    fs::permissions(*this / "connector", fs::perms(0755));
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code none;
    fs::remove_all(path_, none);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

  void write_source(int megabytes) const {
    std::mt19937_64 random(1);
    std::ofstream out(*this / "source", std::ios::binary | std::ios::trunc);
    for (int i = 0; i < megabytes * mega; i += static_cast<int>(sizeof(std::uint64_t))) {
      const std::uint64_t word = random();
      out.write(reinterpret_cast<const char*>(&word), sizeof word);
    }
  }
  void clear() const {
    fs::remove_all(*this / "to");
    fs::create_directories(*this / "to");
  }
  /// Each host has it, and in its whole length.
  void check(int hosts) const {
    const std::uintmax_t size = fs::file_size(*this / "source");
    int found = 0;
    for (const auto& one : fs::directory_iterator(*this / "to"))
      found += fs::file_size(one.path()) == size ? 1 : 0;
    if (found != hosts)
      bench::fail(std::to_string(found) + " whole files of " + std::to_string(hosts));
  }

 private:
  fs::path path_;
};

class contender {
 public:
  /// `server`: whose CPU counts, too; 0: none.
  contender(std::string title, words argv, pid_t server = 0)
      : contender(
            std::move(title), [argv = std::move(argv)] { return bench::run_well(argv); }, server) {}
  contender(std::string title, std::function<bench::client_run()> copy, pid_t server = 0)
      : title_(std::move(title)), copy_(std::move(copy)), server_(server) {}

  void run(const folder& at, int hosts) {
    at.clear();
    const double before = server_ != 0 ? bench::server_cpu_at_rest(server_) : 0;
    const bench::client_run done = copy_();
    const double after = server_ != 0 ? bench::server_cpu_at_rest(server_) : 0;
    at.check(hosts);
    wall_.push_back(done.wall);
    cpu_.push_back(done.cpu + after - before);
  }
  double wall() const { return bench::summary(wall_).median(); }
  double cpu() const { return bench::summary(cpu_).median(); }
  void print(const contender& first) const {
    std::printf("  %-30s wall %-20s s   CPU of all %-22s s   CPU x %-6.2f wall x %.2f\n",
                title_.c_str(), bench::summary(wall_).text(2).c_str(),
                bench::summary(cpu_).text(2).c_str(), cpu() / first.cpu(), wall() / first.wall());
  }

 private:
  std::string title_;
  std::function<bench::client_run()> copy_;
  pid_t server_;
  std::vector<double> wall_, cpu_;
};

void race(const std::string& title, const folder& at, int hosts, std::vector<contender> all,
          int rounds) {
  std::printf("%s, %d rounds; x: beside the first row\n", title.c_str(), rounds);
  for (int i = 0; i < rounds; ++i)
    for (contender& one : all) one.run(at, hosts);
  for (const contender& one : all) one.print(all.front());
  at.clear();
  std::fflush(stdout);
}

std::string title_of(int megabytes, const std::string& how, int hosts) {
  return std::to_string(megabytes) + " MB " + how + " " + std::to_string(hosts) + " hosts";
}

// -- a shell in place of ssh ----------------------------------------------------------------------

words local_put(const folder& at, int hosts, const words& shape) {
  words all{tool,          "put",   "-w",    "n[1-" + std::to_string(hosts) + "]",
            "--connector", "local", "--via", "tree"};
  all.insert(all.end(), shape.begin(), shape.end());
  all.push_back(at / "source");
  all.push_back(at / "to/{{{host}}}");
  return all;
}

void add_floor(std::vector<contender>& all, const folder& at, const plan& asked) {
  for (const bench::floor_way how : {bench::floor_way::buffers, bench::floor_way::pages})
    all.emplace_back(how == bench::floor_way::pages ? "the same, splice and tee"
                                                    : "processes that read and write",
                     [&at, &asked, how] {
                       return bench::copy_down(at / "source", at / "to", asked.fan_hosts, 2, how);
                     });
}

void race_fan(const folder& at, const plan& asked, std::vector<contender> all) {
  race(title_of(asked.fan_mb, "to", asked.fan_hosts) + ", a shell in place of ssh", at,
       asked.fan_hosts, std::move(all), asked.rounds);
}

void floor(const folder& at, const plan& asked) {
  at.write_source(asked.fan_mb);
  std::vector<contender> all;
  all.emplace_back("execo put --via tree", local_put(at, asked.fan_hosts, {}));
  add_floor(all, at, asked);
  race_fan(at, asked, std::move(all));
}

void fan(const folder& at, const plan& asked) {
  at.write_source(asked.fan_mb);
  std::vector<contender> all;
  all.emplace_back("execo put --via tree", local_put(at, asked.fan_hosts, {}));
  for (const char* arity : {"1", "2", "8"})
    all.emplace_back("the same, --arity " + std::string(arity),
                     local_put(at, asked.fan_hosts, {"--arity", arity}));
  if (has("taktuk")) {
    std::string names;
    for (int i = 1; i <= asked.fan_hosts; ++i) names += "n" + std::to_string(i) + '\n';
    bench::write_file(at / "hosts", names);
    all.emplace_back("taktuk put", words{"taktuk", "-c", at / "connector", "-o", "status", "-o",
                                         "connector", "-f", at / "hosts", "broadcast", "put", "[",
                                         at / "source", "]", "[", at / "to/$EXECO_HOST", "]"});
  } else {
    std::printf("  not installed: taktuk\n");
  }
  add_floor(all, at, asked);
  race_fan(at, asked, std::move(all));
}

/// Of a process and all that it has started, without that of files.
long family_kb(pid_t root) {
  long sum = 0;
  std::vector<pid_t> all{root};
  for (std::size_t i = 0; i < all.size(); ++i) {
    sum += bench::process_memory::of(all[i]).own_kb;
    for (pid_t child : bench::child_pids(bench::folder_of(all[i]))) all.push_back(child);
  }
  return sum;
}

pid_t start_quietly(const words& argv) {
  std::vector<char*> arguments;
  for (const std::string& word : argv) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  (void)!std::freopen("/dev/null", "w", stdout);
  (void)!std::freopen("/dev/null", "w", stderr);
  (void)::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

void peak_of(const std::string& title, const folder& at, const words& argv) {
  at.clear();
  const long before = bench::kernel_kb();
  const pid_t pid = start_quietly(argv);
  long pss = 0, kernel = 0;
  int looks = 0;
  while (::waitpid(pid, nullptr, WNOHANG) == 0) {
    kernel = std::max(kernel, bench::kernel_kb() - before);
    pss = std::max(pss, family_kb(pid));
    ++looks;
    std::this_thread::sleep_for(20ms);
  }
  std::printf("  %-30s PSS %ld MB, kernel %ld MB, at the highest of %d looks\n", title.c_str(),
              pss / 1000, kernel / 1000, looks);
}

void memory(const folder& at, const plan& asked) {
  at.write_source(asked.fan_mb);
  std::printf("memory of all processes meanwhile, file cache apart\n");
  peak_of("execo put --via tree", at, local_put(at, asked.fan_hosts, {}));
  peak_of("the same, --arity 1", at, local_put(at, asked.fan_hosts, {"--arity", "1"}));
  at.clear();
}

// -- from hosts -----------------------------------------------------------------------------------

void print_get(const std::string& title, const folder& at, const plan& asked,
               const std::string& source) {
  at.clear();
  const bench::client_run done = bench::run_well(
      words{tool, "get", "-w", "n[1-" + std::to_string(asked.get_hosts) + "]", "--connector",
            "local", "--via", "tree", at / source, at / "to/{{{host}}}"});
  at.check(asked.get_hosts);
  std::printf("  %-30s wall %.2f s   CPU of all %.2f s   peak of a process %ld MB   %s\n",
              title.c_str(), done.wall, done.cpu, done.peak_kb / 1000,
              done.complaint.substr(0, done.complaint.find('\n')).c_str());
}

void get(const folder& at, const plan& asked) {
  at.write_source(asked.get_mb);
  for (int i = 1; i <= asked.get_hosts; ++i) {
    const std::string own = at / ("from-n" + std::to_string(i));
    fs::copy_file(at / "source", own, fs::copy_options::overwrite_existing);
    std::ofstream(own, std::ios::binary | std::ios::in) << i << '\n';
  }
  std::printf("%d MB from each of %d hosts, a shell in place of ssh\n", asked.get_mb,
              asked.get_hosts);
  print_get("files that differ", at, asked, "from-{{{host}}}");
  print_get("one that is equal", at, asked, "source");
  at.clear();
}

// -- a real sshd ----------------------------------------------------------------------------------

class ssh_hosts {
 public:
  explicit ssh_hosts(const folder& at)
      : at_(at), server_("MaxStartups 10000\nMaxSessions 10000\n") {
    bench::write_file(at_ / "known", "[127.20.*]:" + std::to_string(server_.port()) + ' ' +
                                         server_.host_key() + '\n');
    bench::write_file(at_ / "ssh_config",
                      "Host *\n  Port " + std::to_string(server_.port()) + "\n  User " +
                          server_.user() + "\n  IdentityFile " + server_.identity() +
                          "\n  IdentitiesOnly yes\n  BatchMode yes\n  StrictHostKeyChecking yes\n"
                          "  UserKnownHostsFile " +
                          (at_ / "known") +
                          "\n  LogLevel ERROR\n  KexAlgorithms curve25519-sha256\n"
                          "  Ciphers aes256-gcm@openssh.com\n");
  }

  void race_put(const std::string& how, int megabytes, int hosts, const words& shape,
                int rounds) const {
    at_.write_source(megabytes);
    std::string set, names;
    for (int i = 0; i < hosts; ++i) {
      const std::string name =
          "127.20." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
      set += (i == 0 ? "" : ",") + name;
      names += name + '\n';
    }
    bench::write_file(at_ / "hosts", names);
    words put{tool, "put", "-w", set, "-F", at_ / "ssh_config", "--via", "tree"};
    put.insert(put.end(), shape.begin(), shape.end());
    put.push_back(at_ / "source");
    put.push_back(at_ / "to/{{{host}}}");
    const words cat{"sh", "-c",
                    "xargs -P 64 -I{} sh -c 'ssh -F " + (at_ / "ssh_config") + " {} \"cat >" +
                        (at_ / "to") + "/{}\" <" + (at_ / "source") + "' <" + (at_ / "hosts")};
    std::vector<contender> all;
    all.emplace_back("execo put --via tree " + bench::joined(shape, ' '), put, server_.pid());
    all.emplace_back("ssh cat to each, not checked", cat, server_.pid());
    race(title_of(megabytes, how, hosts) + " of a real sshd", at_, hosts, std::move(all), rounds);
  }

 private:
  const folder& at_;
  execo::test::sshd_fixture server_;
};

void run(const plan& asked) {
  const folder at;
  if (asked.wants("fan")) fan(at, asked);
  if (asked.only == "floor") floor(at, asked);
  if (asked.wants("memory")) memory(at, asked);
  if (asked.wants("get")) get(at, asked);
  if (!asked.wants("chain") && !asked.wants("tree")) return;
  if (!execo::test::sshd_fixture::available()) {
    std::printf("  not installed: sshd\n");
    return;
  }
  const ssh_hosts hosts(at);
  if (asked.wants("chain"))
    hosts.race_put("down a chain of", asked.chain_mb, asked.chain_hosts, {"--arity", "1"},
                   asked.rounds);
  if (asked.wants("tree"))
    hosts.race_put("through a tree of", asked.tree_mb, asked.tree_hosts, {}, asked.rounds);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_many("tree_copy", [&] { run(plan(argc, argv)); });
}
