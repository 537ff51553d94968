// execo-fleet: thousands of simulated ssh hosts in one process.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>

#include <unistd.h>

#include "fleet/faults.hpp"
#include "fleet/keeper.hpp"
#include "fleet/options.hpp"
#include "fleet/server.hpp"

namespace execo::fleet {

namespace {

constexpr int exit_broken = 1;
constexpr int exit_usage = 2;

void block_end_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
}

void allow_many_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);  // fewer hosts at once are served otherwise
}

void write_known_hosts(const server& s, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  bool written = file != nullptr &&
                 std::fprintf(file, "[127.*]:%d %s\n", s.port(), s.key().public_line().c_str()) > 0;
  if (file == nullptr || std::fclose(file) != 0 || !written)
    throw usage_error("--write-known-hosts '" + path + "': " + std::strerror(errno));
}

void tell_ready(const server& s) {
  std::printf("execo-fleet: ready: %zu hosts on port %d (pid %d), host key %s\n", s.host_count(),
              s.port(), ::getpid(), s.key().fingerprint().c_str());
  std::fflush(stdout);
}

void tell_statistics(const statistics& stats) {
  rusage used{};
  (void)::getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  std::fprintf(stderr,
               "execo-fleet: %llu connections (%zu at once), %llu logins, %llu commands, "
               "%.3f s user + %.3f s system, %.1f MB peak\n",
               static_cast<unsigned long long>(stats.connections), stats.most_at_once,
               static_cast<unsigned long long>(stats.logins),
               static_cast<unsigned long long>(stats.commands), seconds(used.ru_utime),
               seconds(used.ru_stime), static_cast<double>(used.ru_maxrss) / 1024);
}

int serve(const options& o) {
  // Blocked before the first thread or child, and before the ready line invites a signal.
  block_end_signals();
  std::optional<keeper> commands_keeper;
  if (o.exec == exec_mode::real) commands_keeper.emplace();
  // After the keeper, whose commands are to have the limits and signals this process came with.
  allow_many_descriptors();
  (void)std::signal(SIGPIPE, SIG_IGN);
  server hosts(o, commands_keeper ? &*commands_keeper : nullptr);
  if (!o.known_hosts_file.empty()) write_known_hosts(hosts, o.known_hosts_file);
  tell_ready(hosts);
  bool orderly = hosts.run();
  if (o.stats) tell_statistics(hosts.stats());
  if (!orderly) std::fprintf(stderr, "execo-fleet: the process that keeps the commands died\n");
  return orderly ? 0 : exit_broken;
}

}  // namespace

}  // namespace execo::fleet

int main(int argc, char** argv) {
  using namespace execo::fleet;
  try {
    std::optional<options> o = parse_options(argc, argv);
    return o ? serve(*o) : 0;
  } catch (const usage_error& e) {
    std::fprintf(stderr, "execo-fleet: %s\n", e.what());
    return exit_usage;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "execo-fleet: %s\n", e.what());
    return exit_broken;
  }
}
