// What it costs to ask ssh_config(5) files about 10,000 hosts, read once: a file of 50 blocks, with
// lists, negated patterns, Match and several identities. Beside it `ssh -G`, which reads them for
// each host. Medians of several runs in microseconds a host.
//
//   ssh_config [--runs N]
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <execo/run.hpp>
#include <execo/ssh_config.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "measure.hpp"

namespace {

namespace fs = std::filesystem;
using clock_type = std::chrono::steady_clock;

constexpr int hosts = 10'000;
constexpr int hosts_of_ssh = 50;

std::string typical_file() {
  std::string text;
  for (int i = 0; i < 49; ++i) {
    const std::string n = std::to_string(i);
    text += i % 10 == 9 ? "Match host rack" + n + "-* user root,u" + n + "\n"
                        : "Host rack" + n + "-* alias" + n + " !rack" + n + "-spare\n";
    text += "  HostName %h.cluster.example\n  User u" + n + "\n  IdentityFile ~/.ssh/k" + n +
            "\n  ProxyJump gate" + n + ".example\n  ServerAliveInterval 30\n";
  }
  return text + "Host *\n  IdentityFile ~/.ssh/all\n  ConnectTimeout 10\n  SendEnv LANG LC_*\n";
}

std::string host_of(int i) { return "rack" + std::to_string(i % 49) + "-" + std::to_string(i); }

double microseconds_each(int count, const auto& work) {
  const auto begin = clock_type::now();
  for (int i = 0; i < count; ++i) work(host_of(i));
  return std::chrono::duration<double, std::micro>(clock_type::now() - begin).count() / count;
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc == 3 && std::strcmp(argv[1], "--runs") == 0 ? std::atoi(argv[2]) : 5;
  const fs::path file = fs::temp_directory_path() / ("ssh_config-" + std::to_string(::getpid()));
  std::ofstream(file) << typical_file();
  execo::ssh_config::source from;
  from.file = file.string();
  std::vector<double> ours, theirs;
  for (int run = 0; run < runs; ++run) {
    execo::ssh_config config(from);
    ours.push_back(microseconds_each(
        hosts, [&](const std::string& host) { (void)config.settings_of(host).size(); }));
    theirs.push_back(microseconds_each(hosts_of_ssh, [&](const std::string& host) {
      (void)execo::run(
          {std::string("ssh"), std::string("-G"), std::string("-F"), file.string(), host});
    }));
  }
  fs::remove(file);
  std::printf("all settings of a host, execo:  %9.2f us (%.2f-%.2f)\n",
              bench::summary(ours).median(), bench::summary(ours).least(),
              bench::summary(ours).most());
  std::printf("all settings of a host, ssh -G: %9.2f us (%.2f-%.2f)\n",
              bench::summary(theirs).median(), bench::summary(theirs).least(),
              bench::summary(theirs).most());
}
