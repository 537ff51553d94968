#include "fleet/options.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "command_line/standard_streams.hpp"
#include "command_line/text_file.hpp"
#include "command_line/values.hpp"

namespace execo::fleet {

namespace {

using command_line::given_option;
using command_line::refuse;
using command_line::usage_error;

constexpr std::string_view before_options =
    R"(Usage: execo-fleet [OPTION]... --hosts SET --authorized-keys FILE [-- COMMAND...]

Thousands of simulated ssh hosts on 127.0.0.0/8, in one process.

Each address of --hosts is a host with its own ssh server, which can be reached only from this
machine. One line on stdout says that they are ready; SIGTERM or Ctrl-C ends them and everything
they run. With `-- COMMAND` the fleet starts COMMAND when it is ready, with its port in
EXECO_FLEET_PORT, and ends when COMMAND has ended.

Options (defaults in parentheses):
)";

constexpr std::string_view after_options = R"(
Faults, and what a client sees:
  reset             the connection is reset as soon as it is accepted
  blackhole         SYNs are dropped without an answer
  no-banner         the connection is accepted, then silence
  stall-kex         an ssh banner, then silence
  reject-auth       no key is accepted
  stall-auth        silence after the key exchange
  stall-exec        a session opens, but the request to run a command is never answered
  drop-mid-output   half of the output, then the connection is reset
  close-exec        an exit code of 0 and the end of the channel, instead of an answer
  disconnect-auth   the first key is answered with a disconnect message
  stall-password    a password is never answered
  disconnect-password  a password is answered with a disconnect message
  disconnect-open   the opening of a channel is answered with a disconnect message
  disconnect-run    half of the output, then a disconnect message
  disconnect-end    the whole command, then a disconnect message
  exit-N            the command runs, N is reported as its exit code
  signal-S          the command runs, the signal S is reported as its end (signal-KILL)
  slow-output[=D]   one line of output every second (every D)
The last fault given for a host counts.

Examples:
  execo-fleet --port 2222 --hosts '127.1.[0-3].[1-250]' --authorized-keys ~/.ssh/id_ed25519.pub
  execo-fleet --hosts '127.1.0.[1-100]' --authorized-keys keys --exec canned --latency 200ms \
      --fault '127.1.0.[1-10]:blackhole' --fault '127.1.0.11:exit-3'
  ssh -p 2222 127.1.2.3 'echo I am $FLEET_HOST'
  execo-fleet --hosts '127.1.0.[1-100]' --authorized-keys key.pub -- \
      sh -c 'execo run -w "127.1.0.[1-100]" -p $EXECO_FLEET_PORT -i key --host-keys ignore -b uname'

Canned answers exist for uname -s, hostname, echo, sleep, true, false and exit; any other command is
answered with its text. Exit status: 0 after SIGTERM or SIGINT, 1 after a failure, 2 for wrong usage;
with a COMMAND that of COMMAND, 128 plus the signal that ended it, or 127 if it cannot be started.
)";

constexpr command_line::choices<exec_mode, 2> exec_modes{
    {{"real", exec_mode::real}, {"canned", exec_mode::canned}}};

int open_descriptor(const given_option& given) {
  int fd = static_cast<int>(command_line::number(given, 0, std::numeric_limits<int>::max()));
  // Commands do not inherit it.
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) refuse(given, "is not an open descriptor");
  return fd;
}

std::string read_password(const given_option& given) {
  std::string text = command_line::read_text(given.spelled, std::string(given.value));
  return text.substr(0, text.find('\n'));
}

using fleet_option = command_line::option<options>;

constexpr fleet_option fleet_table[] = {
    {0, "port", "PORT", "TCP port of all hosts; 0 chooses a free one (0)",
     [](options& o, const given_option& g) {
       o.port = static_cast<std::uint16_t>(command_line::number(g, 0, 65535));
     }},
    {0, "hosts", "SET", "the hosts, for example '127.1.[0-3].[1-250]'",
     [](options& o, const given_option& g) { o.hosts = g.value; }},
    {0, "authorized-keys", "FILE", "public keys that may log in, as any user",
     [](options& o, const given_option& g) { o.authorized_keys = g.value; }},
    {0, "auth", "METHODS",
     "what completes a login, as AuthenticationMethods of sshd: 'publickey,password password' "
     "(publickey)",
     [](options& o, const given_option& g) { o.auth = parse_methods(g.value); }},
    {0, "password-file", "FILE", "the password of all users, on its first line",
     [](options& o, const given_option& g) { o.password = read_password(g); }},
    {0, "prompt", "TEXT=ANSWER",
     "a prompt of keyboard-interactive and its answer. May be repeated, for one after another; "
     "A|B: two at once; +TEXT: one that echoes (Password: and the password)",
     [](options& o, const given_option& g) { o.prompts.push_back(parse_prompts(g.value)); }},
    {0, "host-key", "FILE", "private host key of all hosts (a new one, kept in memory)",
     [](options& o, const given_option& g) { o.host_key = g.value; }},
    {0, "write-known-hosts", "FILE", "write the known_hosts line of the fleet to this file",
     [](options& o, const given_option& g) { o.known_hosts_file = g.value; }},
    {0, "exec", "real|canned",
     "real: run commands on this machine, by sh -c, with $FLEET_HOST set to the address; canned: "
     "answer them without a process (real)",
     [](options& o, const given_option& g) { o.exec = choose(g, exec_modes); }},
    {0, "latency", "TIME", "delay before a command starts: 4s, 500ms, 2m (none)",
     [](options& o, const given_option& g) { o.latency = command_line::time_span(g); }},
    {0, "login-grace", "TIME", "how long a client may take to log in (120s)",
     [](options& o, const given_option& g) { o.login_grace = command_line::time_span(g); }},
    {0, "fault", "SET:KIND", "a fault of some hosts. May be repeated",
     [](options& o, const given_option& g) { o.faults.emplace_back(g.value); }},
    {0, "ready-fd", "N",
     "write the port and a newline to this descriptor when ready, then close it",
     [](options& o, const given_option& g) { o.ready_fd = open_descriptor(g); }},
    {0, "stats", "", "print sessions, commands, CPU time and memory at the end",
     [](options& o, const given_option&) { o.stats = true; }},
    {0, "version", "", "show the version"},
    {'h', "help", "", "show this text"},
};

void require(const std::string& value, const char* name) {
  if (value.empty()) throw usage_error(fmt::format("{} is required; see --help", name));
}

void print_answer(command_line::question asked) {
  const std::string text =
      asked == command_line::question::help ? help_text() : "execo-fleet " EXECO_FLEET_VERSION "\n";
  command_line::write_output(text);
}

}  // namespace

std::optional<options> parse_options(int argc, const char* const* argv) {
  options made;
  auto parsed = command_line::parse<options>(
      fleet_table, command_line::words_after_name(argc, argv), command_line::habits::command, made);
  if (parsed.asked != command_line::question::none) {
    print_answer(parsed.asked);
    return std::nullopt;
  }
  if (!parsed.separated && !parsed.words.empty())
    throw usage_error(
        fmt::format("'{}' is not an option: a command comes after --", printable(parsed.words[0])));
  if (parsed.separated && parsed.words.empty()) throw usage_error("no command after --");
  made.command.assign(parsed.words.begin(), parsed.words.end());
  require(made.hosts, "--hosts");
  require(made.authorized_keys, "--authorized-keys");
  if (made.prompts.empty()) made.prompts.push_back({prompt{"Password: ", made.password, false}});
  return made;
}

command_line::spec_list option_specs() { return command_line::specs_of<options>(fleet_table); }

std::string help_text() {
  return fmt::format("{}{}{}", before_options, option_help(option_specs()), after_options);
}

}  // namespace execo::fleet
