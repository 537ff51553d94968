#include "fleet/options.hpp"

#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string_view>

#include "fleet/faults.hpp"

namespace execo::fleet {

namespace {

constexpr const char* description =
    R"(Thousands of simulated ssh hosts on 127.0.0.0/8, in one process.

Each address of --hosts is a host with an ssh server of its own as far as any client can tell. They
are reachable from this machine only. One line on stdout says that they are ready; SIGTERM or Ctrl-C
ends them and everything they run. With `-- COMMAND` the fleet starts COMMAND when it is ready, with
its port in EXECO_FLEET_PORT, and ends when COMMAND has ended.)";

constexpr const char* epilogue = R"(Faults, and what a client meets:
  reset             the connection is reset as soon as it is accepted
  blackhole         nothing answers: SYNs are dropped
  no-banner         the connection is accepted, then silence
  stall-kex         an ssh banner, then silence
  reject-auth       no key is accepted
  stall-auth        silence after the key exchange
  stall-exec        a session opens, the command is never answered
  drop-mid-output   half of the output, then the connection is gone
  close-exec        the command is answered by an exit code of 0 and the end of the channel alone
  disconnect-auth   the first key is answered with a disconnect message
  disconnect-open   the opening of a channel is answered with a disconnect message
  disconnect-run    half of the output, then a disconnect message
  exit-N            the command runs, its exit code is N
  signal-S          the command runs, its end is the signal S (signal-KILL)
  slow-output[=D]   one line of output every second (every D)
The last fault given for a host counts.

Examples:
  execo-fleet --port 2222 --hosts '127.1.[0-3].[1-250]' --authorized-keys ~/.ssh/id_ed25519.pub
  execo-fleet --hosts '127.1.0.[1-100]' --authorized-keys keys --exec canned --latency 200ms \
      --fault '127.1.0.[1-10]:blackhole' --fault '127.1.0.11:exit-3'
  ssh -p 2222 127.1.2.3 'echo I am $FLEET_HOST'
  execo-fleet --hosts '127.1.0.[1-100]' --authorized-keys key.pub -- \
      sh -c 'execo run -w "127.1.0.[1-100]" -p $EXECO_FLEET_PORT -i key --host-keys ignore -b uname'

Canned answers know uname -s, hostname, echo, sleep, true, false and exit; anything else is answered
with its own text. Exit status: 0 after SIGTERM or SIGINT, 1 if something broke, 2 on bad usage; with
a COMMAND that of COMMAND, 128 and the signal that ended it, or 127 if it cannot be started.)";

std::chrono::nanoseconds delay_option(const std::string& name, const std::string& text) {
  try {
    return parse_delay(text);
  } catch (const usage_error& e) {
    throw usage_error(name + ": " + e.what());
  }
}

exec_mode exec_option(const std::string& text) {
  if (text != "real" && text != "canned") throw usage_error("--exec: real or canned");
  return text == "real" ? exec_mode::real : exec_mode::canned;
}

void require(const std::string& value, const std::string& name) {
  if (value.empty()) throw usage_error(name + " is required; see --help");
}

/// Takes the words after the first `--` off the line: CLI11 would refuse them.
std::vector<std::string> take_command(int& argc, const char* const* argv) {
  const char* const* end = argv + argc;
  const char* const* dashes = std::find(argv, end, std::string_view("--"));
  if (dashes == end) return {};
  argc = static_cast<int>(dashes - argv);
  std::vector<std::string> words(dashes + 1, end);
  if (words.empty()) throw usage_error("no command after --");
  return words;
}

/// Commands do not inherit it.
void check_descriptor(int fd) {
  if (fd < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    throw usage_error("--ready-fd: " + std::to_string(fd) + " is not an open descriptor");
}

}  // namespace

std::optional<options> parse_options(int argc, const char* const* argv) {
  options parsed;
  parsed.command = take_command(argc, argv);
  std::string latency, grace, exec = "real";
  int port = 0;
  CLI::App app(description, "execo-fleet");
  app.footer(epilogue);
  app.set_version_flag("--version", "execo-fleet " EXECO_FLEET_VERSION);
  auto one = [](CLI::Option* o) { return o->expected(1)->take_last(); };
  one(app.add_option("--port", port, "TCP port of all hosts; 0, the default, takes a free one"))
      ->type_name("PORT");
  one(app.add_option("--hosts", parsed.hosts, "the hosts, for example '127.1.[0-3].[1-250]'"))
      ->type_name("SET");
  one(app.add_option("--authorized-keys", parsed.authorized_keys,
                     "public keys that may log in, as any user"))
      ->type_name("FILE");
  one(app.add_option("--host-key", parsed.host_key,
                     "private host key of all hosts; without it one is made in memory"))
      ->type_name("FILE");
  one(app.add_option("--write-known-hosts", parsed.known_hosts_file,
                     "write the known_hosts line of the fleet to this file"))
      ->type_name("FILE");
  one(app.add_option("--exec", exec,
                     "real: commands run here, by sh -c, with $FLEET_HOST set to the address "
                     "(default); canned: answered without a process"))
      ->type_name("real|canned");
  one(app.add_option("--latency", latency, "delay before a command starts: 4s, 500ms, 2m"))
      ->type_name("TIME");
  one(app.add_option("--login-grace", grace, "how long a client may take to log in (120s)"))
      ->type_name("TIME");
  app.add_option("--fault", parsed.faults, "what is wrong with some hosts; may be repeated")
      ->type_name("SET:KIND")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  one(app.add_option("--ready-fd", parsed.ready_fd,
                     "write the port and a newline to this descriptor when ready, then close it"))
      ->type_name("N");
  app.add_flag("--stats", parsed.stats, "at the end tell sessions, commands, CPU and memory");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return std::nullopt;
  } catch (const CLI::CallForVersion& e) {
    std::printf("%s\n", e.what());
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    throw usage_error(e.what());
  }
  if (app.count("--ready-fd") != 0) check_descriptor(parsed.ready_fd);
  if (port < 0 || port > 65535) throw usage_error("--port: a port is 0 to 65535");
  parsed.port = static_cast<std::uint16_t>(port);
  parsed.exec = exec_option(exec);
  require(parsed.hosts, "--hosts");
  require(parsed.authorized_keys, "--authorized-keys");
  if (!latency.empty()) parsed.latency = delay_option("--latency", latency);
  if (!grace.empty()) parsed.login_grace = delay_option("--login-grace", grace);
  return parsed;
}

}  // namespace execo::fleet
