// Limits the time of each phase, and groups the hosts that failed by reason.
// ctest: fleet 5
// ctest: args {HOSTS}
#include <execo/execo.hpp>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  using namespace execo;
  if (argc < 2) {
    std::fprintf(stderr, "usage: why_not SET\n");
    return 2;
  }
  std::vector<host> hosts;
  for (const std::string& name : host_set(argv[1])) hosts.emplace_back(name);
  hosts.emplace_back("127.9.0.1:1");  // nothing listens there
  ssh_options how;
  how.limits.connect = 5s;
  how.limits.auth = 10s;
  how.max_retries = 2;  // of connections that are lost before the login
  remote uptime("cat /proc/uptime", hosts);
  uptime.ssh(how).idle_timeout(10s).total_timeout(1min);
  action_result all = sync_wait(std::move(uptime));

  std::map<std::string, std::vector<std::string>> lost;
  for (const host_result* r : all.failed())
    lost[std::string(to_string(r->reason()))].push_back(r->host.name());
  for (const auto& [reason, names] : lost)
    std::printf("%s: %zu hosts, the first: %s\n", reason.c_str(), names.size(), names[0].c_str());
  return lost.count("refused") == 1 && all.stats().ok + 1 == all.stats().hosts ? 0 : 1;
}
