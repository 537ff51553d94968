// What a live ssh session takes of a client's memory, and who takes it: every block that is there
// when the commands of all hosts run, each on a connection of its own to a simulated fleet, and
// none has answered. What the kernel takes is not in it.
//
//   session_memory [--hosts N] [--least BYTES]
//
// Places that take fewer bytes a session than `least` are not named.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <execo/execo.hpp>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "fanout_ssh/client_run.hpp"
#include "fleet_fixture.hpp"
#include "session_memory/live_blocks.hpp"

namespace {

using execo::test::fleet_fixture;

constexpr int hosts_a_row = 250;

std::string row_of(int row, int hosts) {
  return "127.1." + std::to_string(row) + ".[1-" + std::to_string(hosts) + "]";
}

execo::host_set addresses(int count) {
  execo::host_set all;
  for (int row = 0; count > 0; ++row, count -= hosts_a_row)
    all |= execo::host_set(row_of(row, std::min(count, hosts_a_row)));
  return all;
}

execo::ssh_options connection_to(const fleet_fixture& fleet) {
  execo::ssh_options how;
  how.port = fleet.port();
  how.identities.push_back(fleet.identity());
  how.host_key_policy = execo::host_keys::ignore;
  how.config_file = "none";
  how.reuse = false;
  return how;
}

// The notes of live_blocks lie elsewhere.
long resident_heap_kb() {
  std::ifstream maps("/proc/self/smaps");
  bool is_heap = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) is_heap = line.ends_with("[heap]");
    if (is_heap && line.starts_with("Rss:")) return std::atol(line.c_str() + 4);
  }
  return 0;
}

/// The memory of one moment.
class snapshot {
 public:
  long resident_kb = 0;
  struct mallinfo2 heap {};
  std::vector<bench::live_blocks::place> places;

  static snapshot now() {
    snapshot s;
    s.resident_kb = resident_heap_kb();
    s.heap = ::mallinfo2();
    s.places = bench::live_blocks::now();
    return s;
  }
};

/// Looks when the last command has started, and ends all.
execo::task<> run(std::vector<execo::host> hosts, execo::ssh_options how, snapshot& into) {
  std::size_t left = hosts.size();
  execo::remote action("true", std::move(hosts));
  action.fanout(left).ssh(how);
  action.on_start([&](const execo::started_command&) {
    if (--left > 0) return;
    into = snapshot::now();
    action.request_stop();
  });
  execo::action_result r = co_await action.run();
  if (left > 0) bench::fail(r.describe());
}

class totals {
 public:
  double bytes = 0;
  double taken = 0;
  double blocks = 0;

  void add(const bench::live_blocks::place& p, double hosts) {
    bytes += static_cast<double>(p.bytes) / hosts;
    taken += static_cast<double>(p.taken) / hosts;
    blocks += static_cast<double>(p.blocks) / hosts;
  }
};

void print(const snapshot& one, const snapshot& all, double hosts, double least) {
  std::map<std::string, totals> owners;
  totals sum;
  for (const auto& p : all.places) {
    owners[p.owner].add(p, hosts);
    sum.add(p, hosts);
  }
  const double resident = static_cast<double>(all.resident_kb - one.resident_kb) / hosts;
  const double free = static_cast<double>(all.heap.fordblks) / hosts;
  std::printf(
      "%.0f live sessions, each: %.1f KB of memory, of the heap %.0f bytes in use, %.0f free\n",
      hosts, resident, sum.taken, free);
  std::printf("%8s %8s  %s\n", "bytes", "blocks", "whose");
  for (const auto& [owner, t] : owners)
    if (t.bytes >= least) std::printf("%8.0f %8.1f  %s\n", t.bytes, t.blocks, owner.c_str());
  std::printf("%8.0f %8s  heads of the blocks, and rounding\n", sum.taken - sum.bytes, "");
  std::printf("\n%8s %8s  %s\n", "bytes", "blocks", "where");
  for (const auto& p : all.places) {
    totals t;
    t.add(p, hosts);
    if (t.bytes >= least)
      std::printf("%8.0f %8.1f  %s: %s\n", t.bytes, t.blocks, p.owner.c_str(), p.function.c_str());
  }
}

int number_of(const char* text) {
  int value = std::atoi(text);
  if (value <= 0) bench::fail(std::string(text) + " is not a positive number");
  return value;
}

void measure(int count, double least) {
  const execo::host_set set = addresses(count);
  fleet_fixture fleet(set.to_string(), {"--exec", "canned", "--latency", "1000s"});
  std::vector<execo::host> hosts;
  for (const std::string& name : set) hosts.emplace_back(name);
  const execo::ssh_options how = connection_to(fleet);
  execo::context c;
  snapshot one;
  snapshot all;
  execo::sync_wait(c, run({hosts.front()}, how, one));
  bench::live_blocks::begin();
  execo::sync_wait(c, run(std::move(hosts), how, all));
  print(one, all, count, least);
}

}  // namespace

int main(int argc, char** argv) {
  int hosts = 1000;
  int least = 100;
  try {
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string option = argv[i];
      if (option == "--hosts") hosts = number_of(argv[i + 1]);
      if (option == "--least") least = number_of(argv[i + 1]);
    }
    (void)::unsetenv("SSH_AUTH_SOCK");
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
      files.rlim_cur = files.rlim_max;
      (void)::setrlimit(RLIMIT_NOFILE, &files);
    }
    measure(hosts, least);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "session_memory: %s\n", e.what());
    return 1;
  }
}
