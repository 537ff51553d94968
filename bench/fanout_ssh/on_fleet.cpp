#include "fanout_ssh/on_fleet.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "fanout_ssh/ssh_field.hpp"
#include "fleet_fixture.hpp"
#include "measure.hpp"

namespace bench {
namespace {

using execo::test::fleet_fixture;

constexpr const char* this_execo = EXECO_BIN_DIR "/execo";

words execo_on(const fleet_fixture& fleet, const std::string& set, int window,
               const std::string& program = this_execo) {
  return words{program,       "run",
               "-w",          set,
               "-f",          std::to_string(window),
               "-p",          std::to_string(fleet.port()),
               "-i",          fleet.identity(),
               "--host-keys", "ignore",
               "-b",          "--",
               "true"};
}

/// The median of so many lies between the value at this place and its mirror with 90 %.
std::size_t interval_cut(std::size_t count) {
  double chance = 1;  // of i out of count, times 2^count
  double below = 0, all = std::ldexp(1.0, static_cast<int>(count));
  std::size_t i = 0;
  for (; 2 * (i + 1) < count; ++i) {
    below += chance;
    if (2 * below / all > 0.1) break;
    chance *= static_cast<double>(count - i) / static_cast<double>(i + 1);
  }
  return i == 0 ? 0 : i - 1;
}

}  // namespace

void one_run_on_fleet(int hosts, int rounds) {
  std::string set = address_set(hosts);
  fleet_fixture fleet(set, words{"--exec", "canned"});
  std::vector<double> client, server, wall;
  for (int i = 0; i < rounds; ++i) {
    double before = server_cpu(fleet.pid());
    client_run r = run_well(execo_on(fleet, set, 64));
    client.push_back(r.cpu * 1e3 / hosts);
    server.push_back((server_cpu(fleet.pid()) - before) * 1e3 / hosts);
    wall.push_back(r.wall);
  }
  std::printf("%-8d client %-26s fleet %-26s ms/host   wall s %s\n", hosts,
              summary(client).text().c_str(), summary(server).text().c_str(),
              summary(wall).text(2).c_str());
  std::fflush(stdout);
}

void pairs_on_fleet(int hosts, const std::string& before, int pairs) {
  std::string set = address_set(hosts);
  fleet_fixture fleet(set, words{"--exec", "canned"});
  const auto cpu_of = [&](const std::string& program) {
    return run_well(execo_on(fleet, set, 64, program)).cpu * 1e3 / hosts;
  };
  std::vector<double> ratios, now, then;
  for (int i = 0; i < pairs; ++i) {
    if (i % 2 != 0) then.push_back(cpu_of(before));
    now.push_back(cpu_of(this_execo));
    if (i % 2 == 0) then.push_back(cpu_of(before));
    ratios.push_back(now.back() / then.back());
  }
  std::ranges::sort(ratios);
  const std::size_t cut = interval_cut(ratios.size());
  std::printf("%-8d client %s, before %s ms/host; ratio of %d pairs %.3f, 90 %% %.3f-%.3f\n", hosts,
              summary(now).text().c_str(), summary(then).text().c_str(), pairs,
              ratios[ratios.size() / 2], ratios[cut], ratios[ratios.size() - 1 - cut]);
  std::fflush(stdout);
}

// All hosts live at the same time: each holds its answer back until the last one has connected.
void memory_on_fleet(int hosts) {
  std::string set = address_set(hosts);
  fleet_fixture fleet(set, words{"--exec", "canned", "--latency", "20s"});
  long one = run_well(execo_on(fleet, "127.1.0.1", 1)).peak_kb;
  client_run r = run_well(execo_on(fleet, set, hosts));
  std::printf("%d live sessions: client %.1f MB, %.1f KB a session\n", hosts,
              static_cast<double>(r.peak_kb) / 1024, static_cast<double>(r.peak_kb - one) / hosts);
  std::fflush(stdout);
}

void again_on_fleet(int hosts, int window, int runs) {
  fleet_fixture fleet(address_set(hosts), words{"--exec", "canned"});
  execo::test::scratch_directory place;
  std::string list = place.path() + "/hosts";
  write_file(list, joined(addresses(hosts), '\n') + "\n");
  client_run r =
      run_well(words{EXECO_BIN_DIR "/bench/fanout_ssh_pool", "--hosts", list, "--port",
                     std::to_string(fleet.port()), "--identity", fleet.identity(), "--window",
                     std::to_string(window), "--runs", std::to_string(runs + 1)});
  std::istringstream lines(r.out);
  double first = 0, wall_of_first = 0;
  std::vector<double> later, wall;
  lines >> first >> wall_of_first;
  for (double cpu = 0, took = 0; lines >> cpu >> took;) {
    later.push_back(cpu * 1e3 / hosts);
    wall.push_back(took);
  }
  std::printf("%d again, %d times: first %.3f, then %s client CPU ms/host   wall s %s\n", hosts,
              runs, first * 1e3 / hosts, summary(later).text().c_str(),
              summary(wall).text(2).c_str());
  std::fflush(stdout);
}

}  // namespace bench
