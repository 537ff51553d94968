// execo-fleet: thousands of simulated ssh hosts in one process.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <system_error>

#include <unistd.h>

#include "command_line/standard_streams.hpp"
#include "fleet/faults.hpp"
#include "fleet/guest.hpp"
#include "fleet/keeper.hpp"
#include "fleet/options.hpp"
#include "fleet/server.hpp"

namespace execo::fleet {

using command_line::complain;

namespace {

constexpr int exit_broken = 1;
constexpr int exit_usage = 2;
constexpr int exit_no_command = 127;  // as in shells

void block_end_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
}

/// Returns the previous limit.
rlimit allow_many_descriptors() {
  rlimit before{};
  if (::getrlimit(RLIMIT_NOFILE, &before) != 0) return before;
  rlimit files = before;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);  // if it fails, fewer hosts are served at once
  return before;
}

void write_known_hosts(const server& s, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  bool written = file != nullptr &&
                 std::fprintf(file, "[127.*]:%d %s\n", s.port(), s.key().public_line().c_str()) > 0;
  if (file == nullptr || std::fclose(file) != 0 || !written)
    throw usage_error("--write-known-hosts '" + path + "': " + std::strerror(errno));
}

/// On stdout, or on stderr where stdout belongs to a command.
void print_ready(const server& s, std::FILE* to) {
  std::fprintf(to, "execo-fleet: ready: %zu hosts on port %d (pid %d), host key %s\n",
               s.host_count(), s.port(), ::getpid(), s.key().fingerprint().c_str());
  std::fflush(to);
}

void notify_ready(int fd, std::uint16_t port) {
  std::string line = std::to_string(port) + "\n";
  (void)!::write(fd, line.data(), line.size());  // an error only means that the reader is gone
  (void)::close(fd);
}

void print_statistics(const statistics& stats) {
  rusage used{};
  (void)::getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  std::fprintf(stderr,
               "execo-fleet: %llu connections (%zu at once), %llu logins, %llu commands, "
               "%.3f s user + %.3f s system, %.1f MB peak\n",
               static_cast<unsigned long long>(stats.connections), stats.max_at_once,
               static_cast<unsigned long long>(stats.logins),
               static_cast<unsigned long long>(stats.commands), seconds(used.ru_utime),
               seconds(used.ru_stime), static_cast<double>(used.ru_maxrss) / 1024);
  if (stats.secrets > 0)
    std::fprintf(stderr, "execo-fleet: %llu passwords and answers\n",
                 static_cast<unsigned long long>(stats.secrets));
}

/// Returns the exit status.
int serve_with_command(server& hosts, const options& o, const rlimit& files) {
  std::optional<guest> command;
  try {
    command.emplace(hosts.loop(), o.command, hosts.port(), files);
  } catch (const std::system_error& e) {
    complain("execo-fleet", e.what());
    return exit_no_command;
  }
  hosts.attach(*command);
  hosts.run();
  return command->exit_status();
}

int serve(const options& o) {
  // Blocked before the first thread or child, and before the ready line invites a signal.
  block_end_signals();
  std::optional<keeper> commands_keeper;
  if (o.exec == exec_mode::real) commands_keeper.emplace();
  // After the keeper: its commands get the limits and signals that this process started with.
  rlimit files = allow_many_descriptors();
  (void)std::signal(SIGPIPE, SIG_IGN);
  server hosts(o, commands_keeper ? &*commands_keeper : nullptr);
  if (!o.known_hosts_file.empty()) write_known_hosts(hosts, o.known_hosts_file);
  print_ready(hosts, o.command.empty() ? stdout : stderr);
  if (o.ready_fd >= 0) notify_ready(o.ready_fd, hosts.port());
  int status = 0;
  if (o.command.empty()) {
    hosts.run();
  } else {
    status = serve_with_command(hosts, o, files);
  }
  if (o.stats) print_statistics(hosts.stats());
  if (hosts.keeper_lost()) {
    complain("execo-fleet", "the process that runs the commands died");
    return exit_broken;
  }
  return status;
}

}  // namespace

}  // namespace execo::fleet

int main(int argc, char** argv) {
  execo::command_line::open_missing_streams();
  using namespace execo::fleet;
  try {
    std::optional<options> o = parse_options(argc, argv);
    if (o) return serve(*o);
    return execo::command_line::finish_output("execo-fleet", 0) == 0 ? 0 : exit_broken;
  } catch (const usage_error& e) {
    complain("execo-fleet", e.what());
    return exit_usage;
  } catch (const std::exception& e) {
    complain("execo-fleet", e.what());
    return exit_broken;
  }
}
