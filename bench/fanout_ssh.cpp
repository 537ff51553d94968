// What one command on many ssh hosts costs: execo beside the tools people use, against a private
// OpenSSH sshd that answers on all of 127.0.0.0/8, and execo alone against the fleet simulator.
// The CPU of clients and of the server is measured apart: the server's share bounds the wall time.
// Rivals that are not installed are left out, by name. --help names the tables and options.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "fanout_ssh/client_run.hpp"
#include "fanout_ssh/on_fleet.hpp"
#include "fanout_ssh/ssh_field.hpp"
#include "fanout_ssh/tables.hpp"
#include "measure.hpp"
#include "sshd_fixture.hpp"

namespace {

constexpr const char* help =
    "Usage: fanout_ssh [OPTION VALUE]...\n"
    "\n"
    "Measures `true` on many ssh hosts, with execo and with its rivals, in turn. The hosts\n"
    "are a private sshd; in the last table they are a simulated fleet, and execo is alone.\n"
    "\n"
    "  --only TABLE[,TABLE]...  of these tables alone:\n"
    "                             first  no connection is there\n"
    "                             again  a later run, on the connections that were kept\n"
    "                             many   many commands a host, one after another\n"
    "                             jump   first, through one other host\n"
    "                             agent  first, with the key in an ssh agent\n"
    "                             fleet  execo on simulated hosts\n"
    "  --rounds N               how often each tool has its turn (3)\n"
    "  --hosts N                hosts of first, again, jump and agent (500)\n"
    "  --window N               hosts at a time (64)\n"
    "  --default-hosts N        hosts of first with each tool's own key exchange (100)\n"
    "  --many-hosts N           hosts of many (10)\n"
    "  --commands N             commands a host of many (100)\n"
    "  --fleet-hosts N          hosts of fleet; may be repeated (1000, 10000)\n"
    "  --before PROGRAM         an older execo: fleet compares the client's CPU, in pairs, alone\n"
    "  --help                   show this text\n";

const std::vector<std::string> tables{"first", "again", "many", "jump", "agent", "fleet"};

/// What the command line asks for.
class plan {
 public:
  bench::table_sizes sizes;
  std::vector<int> fleets;
  std::string before;  // empty: nothing is compared
  std::vector<std::string> only = tables;

  plan(int argc, char** argv) {
    std::map<std::string, int*> numbers{
        {"--hosts", &sizes.hosts},       {"--rounds", &sizes.rounds},
        {"--window", &sizes.window},     {"--default-hosts", &sizes.default_hosts},
        {"--commands", &sizes.commands}, {"--many-hosts", &sizes.many_hosts}};
    for (int i = 1; i < argc; i += 2) {
      std::string option = argv[i];
      if (i + 1 == argc) bench::fail(option + " has no value: see --help");
      if (option == "--only") {
        take_tables(argv[i + 1]);
      } else if (option == "--fleet-hosts") {
        fleets.push_back(number(argv[i + 1]));
      } else if (option == "--before") {
        before = argv[i + 1];
      } else if (auto found = numbers.find(option); found != numbers.end()) {
        *found->second = number(argv[i + 1]);
      } else {
        bench::fail(option + " is no option: see --help");
      }
    }
    if (fleets.empty()) fleets = std::vector<int>{1000, 10000};
  }
  bool has(const std::string& table) const { return std::ranges::find(only, table) != only.end(); }
  bool has_races() const {
    return std::ranges::any_of(only, [](const std::string& table) { return table != "fleet"; });
  }

 private:
  static int number(const char* text) {
    int value = std::atoi(text);
    if (value <= 0) bench::fail(std::string(text) + " is not a positive number");
    return value;
  }
  void take_tables(const std::string& list) {
    only.clear();
    std::istringstream names(list);
    for (std::string name; std::getline(names, name, ',');) {
      if (std::ranges::find(tables, name) == tables.end())
        bench::fail(name + " is no table: see --help");
      only.push_back(name);
    }
  }
};

void race(const plan& asked) {
  if (!execo::test::sshd_fixture::available()) {
    std::printf("no sshd on this machine: the races are left out\n");
    return;
  }
  if (std::string missing = bench::ssh_field::missing(); !missing.empty())
    std::printf("not installed: %s\n", missing.c_str());
  execo::test::sshd_fixture server;
  if (asked.has("first")) bench::first_run(server, asked.sizes);
  if (asked.has("again")) bench::run_again(server, asked.sizes);
  if (asked.has("many")) bench::many_commands(server, asked.sizes);
  if (asked.has("jump")) bench::through_jump(server, asked.sizes);
  if (asked.has("agent")) bench::with_agent(server, asked.sizes);
}

void run_on_fleets(const plan& asked) {
  int rounds = asked.sizes.rounds;
  if (!asked.before.empty()) {
    for (int n : asked.fleets) bench::pairs_on_fleet(n, asked.before, rounds);
    return;
  }
  std::printf("\nfleet: execo alone, `true` on hosts in one process, window 64, %d rounds\n",
              rounds);
  for (int n : asked.fleets) bench::one_run_on_fleet(n, rounds);
  bench::memory_on_fleet(asked.fleets.back());
  // At most as many as are kept without being asked for.
  bench::again_on_fleet(std::min(1000, asked.fleets.back()), asked.sizes.window, 3 * rounds);
}

void run(int argc, char** argv) {
  plan asked(argc, argv);
  // Clients take what the options give them, not the agent of who runs this.
  (void)::unsetenv("SSH_AUTH_SOCK");
  bench::adopt_orphans();
  if (asked.has_races()) race(asked);
  if (asked.has("fleet")) run_on_fleets(asked);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--help") {
    std::fputs(help, stdout);
    return 0;
  }
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
