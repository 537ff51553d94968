// What one command on many ssh hosts costs: execo beside the tools people use, against a private
// OpenSSH sshd that answers on all of 127.0.0.0/8, and execo alone against the fleet simulator.
// Client and server CPU are told apart: the server's share is the same for all and bounds the wall
// time. Rivals that are not installed are left out, by name. Then what a second command costs, on
// connections that were kept.
//
//   fanout_ssh [--hosts N] [--rounds N] [--window N] [--default-hosts N] [--fleet-hosts N]...
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <execo/execo.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "fleet_fixture.hpp"
#include "measure.hpp"
#include "sshd_fixture.hpp"

extern char** environ;

namespace {

using words = std::vector<std::string>;

// Thrown, so that the server and its files go with whatever failed.
[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

/// A client's run from outside: itself and the children it waited for.
struct client_run {
  double cpu = 0;
  double wall = 0;
  long peak_kb = 0;  // of the largest single process
  int code = -1;
  std::string complaint;
};

client_run run_client(const words& argv) {
  std::vector<char*> pointers;
  for (const std::string& w : argv) pointers.push_back(const_cast<char*>(w.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (int fd : {0, 1}) posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
  // What a client complains of is shown if it fails.
  int errors = ::memfd_create("errors", MFD_CLOEXEC);
  posix_spawn_file_actions_adddup2(&files, errors, 2);
  double begun = bench::usage::now().wall;
  pid_t pid = 0;
  int error = posix_spawnp(&pid, pointers[0], &files, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) fail(argv[0] + ": " + std::strerror(error));
  int status = 0;
  rusage r{};
  if (wait4(pid, &status, 0, &r) != pid) fail("wait4");
  client_run made;
  made.wall = bench::usage::now().wall - begun;
  made.cpu = bench::seconds(r.ru_utime) + bench::seconds(r.ru_stime);
  made.peak_kb = r.ru_maxrss;
  made.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  char text[4096];
  ssize_t n = made.code == 0 ? 0 : ::pread(errors, text, sizeof text, 0);
  if (n > 0) made.complaint.assign(text, static_cast<std::size_t>(n));
  ::close(errors);
  return made;
}

void require_success(const std::string& name, const client_run& r) {
  if (r.code != 0) fail(name + " ended with " + std::to_string(r.code) + ": " + r.complaint);
}

/// CPU seconds of a process and of the children it has reaped: proc(5), stat.
double server_cpu(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double ticks = 0, field = 0;
  for (int i = 0; i < 4 && rest >> field; ++i) ticks += field;
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

bool installed(const std::string& program) {
  return run_client(words{"sh", "-c", "command -v " + program}).code == 0;
}

/// The first n addresses of 127.1.0.0/16, without network and broadcast endings.
words addresses(int n) {
  words all;
  for (int i = 0; i < n; ++i)
    all.push_back("127.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1));
  return all;
}

std::string joined(const words& list, char by) {
  std::string text;
  for (const std::string& w : list) text += (text.empty() ? "" : std::string(1, by)) + w;
  return text;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (!file.flush()) fail("cannot write " + path);
}

/// One contender: how it is run on a list of hosts.
struct contender {
  std::string name;
  std::function<words()> argv;
};

class ssh_field {
 public:
  ssh_field(const execo::test::sshd_fixture& server, int hosts, int window, bool pinned)
      : server_(server), window_(std::to_string(window)) {
    directory_ = server.directory() + "/bench-" + std::to_string(hosts) + (pinned ? "p" : "d");
    if (run_client(words{"mkdir", "-p", directory_}).code != 0) fail("mkdir " + directory_);
    words list = addresses(hosts);
    write_file(directory_ + "/hosts", joined(list, '\n') + "\n");
    set_ = execo::host_set(joined(list, ',')).to_string();
    std::string config = "Host *\n  Port " + std::to_string(server.port()) + "\n  User " +
                         server.user() + "\n  IdentityFile " + server.identity() +
                         "\n  IdentitiesOnly yes\n  BatchMode yes\n  StrictHostKeyChecking no\n"
                         "  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n";
    if (pinned) config += "  KexAlgorithms curve25519-sha256\n";
    write_file(directory_ + "/ssh_config", config);
    write_file(directory_ + "/gather.py", asyncssh_program(pinned));
    pinned_ = pinned;
  }

  std::vector<contender> contenders() const {
    std::string config = directory_ + "/ssh_config", hosts = directory_ + "/hosts";
    std::vector<contender> all;
    auto add = [&](const std::string& name, const std::string& program, words argv) {
      if (!installed(program)) {
        std::printf("%-14s not installed\n", name.c_str());
        return;
      }
      all.push_back(contender{name, [argv] { return argv; }});
    };
    // libssh prefers curve25519-sha256 by itself: nothing to pin.
    add("execo", EXECO_BIN_DIR "/execo",
        words{EXECO_BIN_DIR "/execo", "run", "-w", set_, "-f", window_, "-p",
              std::to_string(server_.port()), "-l", server_.user(), "-i", server_.identity(),
              "--host-keys", "ignore", "--", "true"});
    add("asyncssh", "/usr/bin/python3 && /usr/bin/python3 -c 'import asyncssh'",
        words{"/usr/bin/python3", directory_ + "/gather.py"});
    add("xargs+ssh", "xargs",
        words{"sh", "-c", "xargs -P " + window_ + " -I{} ssh -F " + config + " {} true <" + hosts});
    add("parallel-ssh", "parallel-ssh",
        words{"parallel-ssh", "-p", window_, "-t", "0", "-h", hosts, "-x", "-F " + config, "true"});
    add("clush", "clush",
        words{"clush", "-q", "-f", window_, "-o", "-F " + config, "-w", set_, "true"});
    add("pdsh", "pdsh",
        words{"env", "PDSH_SSH_ARGS_APPEND=-F " + config, "pdsh", "-R", "ssh", "-f", window_, "-w",
              "^" + hosts, "true"});
    return all;
  }

 private:
  std::string asyncssh_program(bool pinned) const {
    std::string kex = pinned ? ", kex_algs=['curve25519-sha256']" : "";
    return "import asyncio, asyncssh\n"
           "hosts = open('" +
           directory_ +
           "/hosts').read().split()\n"
           "async def one(h, window):\n"
           "    async with window:\n"
           "        async with asyncssh.connect(h, port=" +
           std::to_string(server_.port()) + ", username='" + server_.user() + "', client_keys=['" +
           server_.identity() + "'], known_hosts=None, config=None" + kex +
           ") as c:\n"
           "            return (await c.run('true')).exit_status\n"
           "async def main():\n"
           "    window = asyncio.Semaphore(" +
           window_ +
           ")\n"
           "    codes = await asyncio.gather(*(one(h, window) for h in hosts))\n"
           "    raise SystemExit(0 if all(c == 0 for c in codes) else 1)\n"
           "asyncio.run(main())\n";
  }

  const execo::test::sshd_fixture& server_;
  std::string window_;
  std::string directory_;
  std::string set_;
  bool pinned_ = true;
};

/// Gives the median of each tool's client CPU, ms a host.
std::map<std::string, double> race(const execo::test::sshd_fixture& server, int hosts, int window,
                                   int rounds, bool pinned) {
  std::printf("\n`true` on %d hosts of an OpenSSH sshd, window %d, %s, %d rounds\n", hosts, window,
              pinned ? "key exchange curve25519-sha256" : "everybody's default key exchange",
              rounds);
  ssh_field field(server, hosts, window, pinned);
  std::vector<contender> all = field.contenders();
  std::map<std::string, std::vector<double>> client, wall, remote, ratio;
  std::map<std::string, long> peak;
  for (int round = 0; round < rounds; ++round) {
    double ours = 0;
    for (const contender& c : all) {
      double before = server_cpu(server.pid());
      client_run r = run_client(c.argv());
      require_success(c.name, r);
      // The sessions of this one are reaped before the next one begins.
      if (!server.no_commands_left()) fail("sshd does not come to rest");
      double per = 1e3 / hosts;
      if (ours == 0) ours = r.cpu;
      client[c.name].push_back(r.cpu * per);
      remote[c.name].push_back((server_cpu(server.pid()) - before) * per);
      wall[c.name].push_back(r.wall);
      ratio[c.name].push_back(r.cpu / ours);
      peak[c.name] = std::max(peak[c.name], r.peak_kb);
    }
  }
  std::printf("%-14s %-26s %-12s %-24s %-22s %s\n", "tool", "client CPU ms/host", "x execo",
              "server CPU ms/host", "wall s", "largest process MB");
  for (const contender& c : all)
    std::printf(
        "%-14s %-26s %-12.1f %-24s %-22s %.1f\n", c.name.c_str(),
        bench::summary(client[c.name]).text(2).c_str(), bench::summary(ratio[c.name]).median(),
        bench::summary(remote[c.name]).text(1).c_str(),
        bench::summary(wall[c.name]).text(2).c_str(), static_cast<double>(peak[c.name]) / 1024);
  std::fflush(stdout);
  std::map<std::string, double> medians;
  for (const auto& [name, costs] : client) medians[name] = bench::summary(costs).median();
  return medians;
}

words execo_on_fleet(const execo::test::fleet_fixture& fleet, const std::string& set, int window) {
  return words{EXECO_BIN_DIR "/execo",
               "run",
               "-w",
               set,
               "-f",
               std::to_string(window),
               "-p",
               std::to_string(fleet.port()),
               "-i",
               fleet.identity(),
               "--host-keys",
               "ignore",
               "-b",
               "--",
               "true"};
}

void alone(int hosts, int rounds) {
  std::string set = execo::host_set(joined(addresses(hosts), ',')).to_string();
  words flags{"--exec", "canned"};
  execo::test::fleet_fixture fleet(set, flags);
  std::vector<double> client, server, wall;
  for (int i = 0; i < rounds; ++i) {
    double before = server_cpu(fleet.pid());
    client_run r = run_client(execo_on_fleet(fleet, set, 64));
    require_success("execo", r);
    client.push_back(r.cpu * 1e3 / hosts);
    server.push_back((server_cpu(fleet.pid()) - before) * 1e3 / hosts);
    wall.push_back(r.wall);
  }
  std::printf("%-8d client %-26s fleet %-26s ms/host   wall s %s\n", hosts,
              bench::summary(client).text().c_str(), bench::summary(server).text().c_str(),
              bench::summary(wall).text(2).c_str());
  std::fflush(stdout);
}

// All hosts live at the same time: each holds its answer back until the last one has connected.
void memory(int hosts) {
  std::string set = execo::host_set(joined(addresses(hosts), ',')).to_string();
  words flags{"--exec", "canned", "--latency", "20s"};
  execo::test::fleet_fixture fleet(set, flags);
  long one = run_client(execo_on_fleet(fleet, "127.1.0.1", 1)).peak_kb;
  client_run r = run_client(execo_on_fleet(fleet, set, hosts));
  require_success("execo", r);
  std::printf("%d live sessions: client %.1f MB, %.1f KB a session\n", hosts,
              static_cast<double>(r.peak_kb) / 1024, static_cast<double>(r.peak_kb - one) / hosts);
}

/// What commands on the same hosts cost one after the other, in this process.
class repeated {
 public:
  repeated(words hosts, execo::ssh_options options, int window)
      : options_(std::move(options)), window_(static_cast<std::size_t>(window)) {
    options_.host_key_policy = execo::host_keys::ignore;
    for (const std::string& name : hosts) hosts_.emplace_back(name);
  }

  void run(const std::string& what, int rounds) {
    execo::sync_wait(all(rounds));
    std::printf("%-26s first %-8.3f  then %-26s client CPU ms/host   wall s %s\n", what.c_str(),
                first_, bench::summary(later_).text(3).c_str(),
                bench::summary(wall_).text(2).c_str());
    std::fflush(stdout);
  }
  double median() const { return bench::summary(later_).median(); }

 private:
  execo::task<> all(int rounds) {
    for (int i = 0; i <= rounds; ++i) {
      bench::usage before = bench::usage::now();
      execo::remote action("true", hosts_);
      action.fanout(window_).ssh(options_);
      execo::action_result r = co_await action.run();
      bench::usage used = bench::usage::now() - before;
      r.check();
      if (i > 0 && r.stats().connections_made > 0) fail("connections were not kept");
      double per_host = used.own * 1e3 / static_cast<double>(hosts_.size());
      if (i == 0) {
        first_ = per_host;
      } else {
        later_.push_back(per_host);
        wall_.push_back(used.wall);
      }
    }
  }

  std::vector<execo::host> hosts_;
  execo::ssh_options options_;
  std::size_t window_;
  double first_ = 0;
  std::vector<double> later_;
  std::vector<double> wall_;
};

void again_on_sshd(const execo::test::sshd_fixture& server, int hosts, int window, int rounds,
                   const std::map<std::string, double>& rivals) {
  std::printf("\nexeco, `true` again on the same %d hosts, %d times\n", hosts, rounds);
  execo::ssh_options options;
  options.port = server.port();
  options.user = server.user();
  options.identities.push_back(server.identity());
  repeated again(addresses(hosts), options, window);
  again.run("OpenSSH sshd", rounds);
  for (const auto& [name, cost] : rivals)
    if (name == "clush" || name == "pdsh")
      std::printf("  %s, a command on the same sshd: %.1f x that\n", name.c_str(),
                  cost / again.median());
}

void again_on_fleet(int hosts, int window, int rounds) {
  std::string set = execo::host_set(joined(addresses(hosts), ',')).to_string();
  execo::test::fleet_fixture fleet(set, words{"--exec", "canned"});
  execo::ssh_options options;
  options.port = fleet.port();
  options.identities.push_back(fleet.identity());
  repeated again(addresses(hosts), options, window);
  again.run("a fleet of " + std::to_string(hosts), rounds);
}

int number(const char* text) {
  int value = std::atoi(text);
  if (value <= 0) fail(std::string(text) + " is not a positive number");
  return value;
}

void run(int argc, char** argv) {
  int hosts = 500, rounds = 3, window = 64, default_hosts = 100;
  std::vector<int> fleets;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) fail(std::string(argv[i]) + " takes a number");
    std::string option = argv[i];
    int value = number(argv[i + 1]);
    if (option == "--hosts") {
      hosts = value;
    } else if (option == "--rounds") {
      rounds = value;
    } else if (option == "--window") {
      window = value;
    } else if (option == "--default-hosts") {
      default_hosts = value;
    } else if (option == "--fleet-hosts") {
      fleets.push_back(value);
    } else {
      fail("options: --hosts, --rounds, --window, --default-hosts, --fleet-hosts, each with N");
    }
  }
  if (fleets.empty()) fleets = std::vector<int>{1000, 10000};
  std::optional<execo::test::sshd_fixture> server;
  std::map<std::string, double> rivals;
  if (execo::test::sshd_fixture::available()) {
    server.emplace();
    rivals = race(*server, hosts, window, rounds, true);
    race(*server, default_hosts, window, rounds, false);
  } else {
    std::printf("no sshd on this machine: the race is left out\n");
  }
  std::printf("\nexeco alone, `true` on a fleet in one process, window 64, %d rounds\n", rounds);
  for (int n : fleets) alone(n, rounds);
  memory(fleets.back());
  // Last: the peak of a child counts what this process had when it started it.
  if (server) again_on_sshd(*server, hosts, window, 3 * rounds, rivals);
  // As many as are kept without being asked for.
  again_on_fleet(1000, window, 3 * rounds);
}

}  // namespace

int main(int argc, char** argv) {
  // Kept connections take a quarter of the descriptors at most.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
  try {
    run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "fanout_ssh: %s\n", e.what());
    return 1;
  }
}
