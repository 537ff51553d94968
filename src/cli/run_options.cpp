#include "run_options.hpp"

#include <fmt/format.h>

#include <utility>

#include "command_line/values.hpp"
#include "run_reader.hpp"

namespace execo::cli {
namespace {

using command_line::given_option;
using command_line::number;
using command_line::plain_text;
using command_line::time_span;
using command_line::usage_error;

constexpr std::string_view before_run_options =
    R"(Usage: execo run [OPTION]... -w SET [--] COMMAND...

Runs COMMAND on ssh hosts, many at a time. Its words are joined by spaces and read
by the login shell of the remote user, as ssh and clush do. Standard input is read
with --stdin alone. Each line of output is printed as `host: line` when it arrives.
In COMMAND {{{host}}}, {{{index}}}, {{{user}}} and {{{port}}} are those of each host, as are
{{{rank}}}, which is 1 for the first, {{{count}}} and {{{father}}}, which reaches it.

Options (defaults in parentheses):
)";

constexpr std::string_view after_run_options = R"(
Examples:
  execo run -w 'node[1-200]' -b -- uname -r
  execo run -w @web -x web7 -u 30s -- systemctl is-active nginx
  execo run --hosts-file hosts.txt -f 256 --format ndjson -- uptime | jq .out
  execo run -w 'node[1-200]' -J me@bastion -- uptime
  execo run -w 'node[1-4]' --argv -- touch 'a name with blanks'
  execo run -w 'node[1-9]' 'mv /tmp/out /srv/results/{{{host}}}-{{{index}}}'
  execo run -w 'node[1-200]' --canary 1 --batch 10% --max-fail 2% -- ./deploy
  execo run -w 'node[1-200]' --become --ask-become-pass -- systemctl restart nginx
  execo run -w 'web[1-3]' --connector 'docker exec -i %h' -- nginx -t
  execo run -w 'node[1-200]' --connector exec: -- ping -c1 -W1 %h
  execo run -w 'node[1-200]' --journal up.ndjson -- apt-get -y upgrade
  execo run -w @last:failed -- systemctl --failed
  tar -c site | execo run -w 'node[1-200]' --stdin -- tar -xC /srv
  execo run -w 'node[1-200]' --outdir logs --errdir logs/errors -- journalctl -b
  execo run -w 'node[1-200]' -qNS -- cat /etc/machine-id | sort | uniq -d
  execo run -w '127.0.0.[1-9]' -p 2222 --host-keys accept-new 'echo $HOME; df -h | tail -1'

While it runs, `kill -USR1 PID` lets no further host begin, and the next one lets them begin
again; `kill -q 16 -USR2 PID` is -f 16 from then on.

Defaults come from ~/.config/execo/config.toml, or from the file $EXECO_CONFIG, then
from ~/.ssh/config and /etc/ssh/ssh_config; `execo ssh-config HOST` shows what those say.

Exit status:
  0    the command exited 0 on every host
  1    on some host it exited with another code or was ended by a signal
  2    usage error: nothing was run
  3    some host was not reached or was lost: connect_failed, auth_failed,
       host_key_rejected, connection_lost, not_started, output_failed, protocol_error,
       status_lost
  4    some host timed_out, in any phase
  71   the local machine failed: no descriptors or memory left
  74   writing to standard output or the journal failed
  130  interrupted by SIGINT, SIGTERM or SIGHUP
If several apply, the first of 130, 74, 3, 4, 1 counts. With -S the largest exit code is in
the place of 0, 1, 3 and 4.
)";

constexpr run_option command_deadlines[] = {
    {'u', "timeout", "DURATION",
     "end a command that runs longer: TERM, then KILL. 4s, 500ms, 2m, bare seconds (no limit)",
     [](run_reader& r, const given_option& g) { r.made.timeout = time_span(g); }},
    {0, "first-output-timeout", "DURATION",
     "end a command that has written nothing for that long since it started (no limit)",
     [](run_reader& r, const given_option& g) { r.made.first_output_timeout = time_span(g); }},
    {0, "idle-timeout", "DURATION",
     "end a command that writes nothing for that long, at any time (no limit)",
     [](run_reader& r, const given_option& g) { r.made.idle_timeout = time_span(g); }},
    {0, "total-timeout", "DURATION",
     "give up on a host if its login and the command take longer together (no limit)",
     [](run_reader& r, const given_option& g) { r.made.total_timeout = time_span(g); }},
};

constexpr run_option attempts[] = {
    {0, "retry-command", "N",
     "try a host up to N times again if COMMAND certainly was not started: it could not be "
     "reached, "
     "was lost or timed out before. The pause before that is random, up to 1, 2, 4, ... 30 s (0)",
     [](run_reader& r, const given_option& g) {
       r.made.command_retries = static_cast<unsigned>(number(g, 0, 1'000'000));
     }},
    {0, "idempotent", "",
     "COMMAND may run twice: --retry-command is also for one that failed, timed out or was lost",
     [](run_reader& r, const given_option&) { r.made.idempotent = true; }},
    {0, "lease", "DURATION",
     "have a script on the host end COMMAND when it has heard nothing of this program for this "
     "time, or the connection has gone: nothing is left behind when this program is killed or the "
     "network is cut. Needs OpenSSH or dropbear there, and two sessions a connection (off)",
     [](run_reader& r, const given_option& g) { r.ssh.given.lease = time_span(g); }},
};

constexpr run_option commands[] = {
    {0, "stdin", "",
     "give each COMMAND all of standard input, whenever it begins. What the fastest host has taken "
     "is kept for the others: 32M in memory, the rest in a file in $TMPDIR or else /var/tmp",
     [](run_reader& r, const given_option& g) { r.feed_input(g); }},
    {0, "max-output", "SIZE",
     "bytes kept of each host's stdout and stderr by -b, -L and ndjson: 64K, 1M, 1G. The rest is "
     "dropped and counted (1M)",
     [](run_reader& r, const given_option& g) { r.made.max_output = command_line::bytes(g); }},
    {0, "output-budget", "SIZE",
     "bytes of output kept in all by -b, -L and ndjson: the rest is dropped and counted, but for "
     "the first 4K of each stream (1G)",
     [](run_reader& r, const given_option& g) {
       r.made.output_budget = output_budget(command_line::bytes(g));
     }},
    {0, "pty", "",
     "give each command a terminal, of 24 lines and 80 columns: what it writes to stderr comes "
     "with its stdout",
     [](run_reader& r, const given_option&) { r.made.has_terminal = true; }},
    {0, "argv", "", "quote each word of COMMAND, so that it arrives as it is",
     [](run_reader& r, const given_option&) { r.made.quote_words = true; }},
};

constexpr run_option layouts[] = {
    {0, "outdir", "DIR",
     "write the stdout of each host to the file DIR/HOST, a directory that is made if needed. It "
     "is shown only if -b, -L or ndjson is given, too. What came of a host that fails is kept",
     [](run_reader& r, const given_option& g) { r.made.folders.out = plain_text(g); }},
    {0, "errdir", "DIR", "the same for stderr",
     [](run_reader& r, const given_option& g) { r.made.folders.err = plain_text(g); }},
    {'b', "", "", "gather: show each distinct output once, under the hosts that wrote it",
     [](run_reader& r, const given_option&) { r.gathered = true; }},
    {'L', "", "", "show the output host by host",
     [](run_reader& r, const given_option&) { r.ordered = true; }},
    {'N', "", "",
     "show output without the names of hosts: lines as they are; with -b each distinct output "
     "without a header",
     [](run_reader& r, const given_option&) { r.made.names = labels::hidden; }},
    {'S', "", "",
     "exit with the largest exit code of all hosts: 128+N for signal N, 255 for a host that was "
     "not reached, was lost, timed out or was not begun",
     [](run_reader& r, const given_option&) { r.made.gives_largest_code = true; }},
};

const std::vector<run_option>& run_table() {
  static const run_lines parts[] = {target_lines(), command_deadlines, login_lines(),
                                    attempts,       rollout_lines(),   connection_lines(),
                                    commands,       reference_lines(), journal_lines(),
                                    layouts,        output_lines()};
  static const std::vector<run_option> table = joined(parts);
  return table;
}

void take_command(run_options& made, const std::vector<std::string_view>& words) {
  made.words.assign(words.begin(), words.end());
  if (made.command_text().find_first_not_of(" \t\n") == std::string::npos)
    throw usage_error("no command: give it after the options, `-- uname -r`");
  if (made.idempotent && made.command_retries == 0)
    throw usage_error("--idempotent says what may be tried again: add --retry-command N");
}

}  // namespace

std::string run_options::command_text() const { return fmt::format("{}", fmt::join(words, " ")); }

std::optional<run_options> parse_run(std::span<const char* const> arguments,
                                     const config& defaults) {
  run_reader into(defaults);
  auto parsed =
      command_line::parse<run_reader>(run_table(), arguments, command_line::habits::command, into);
  if (parsed.asked != command_line::question::none) return std::nullopt;
  take_command(into.made, parsed.words);
  return into.finish("run", arguments);
}

run_options parse_resumed(const journal& of, journal_options how, const config& defaults) {
  return resume_by(of, std::move(how), defaults, [](run_reader& into, run_words arguments) {
    auto parsed = command_line::parse<run_reader>(run_table(), arguments,
                                                  command_line::habits::command, into);
    take_command(into.made, parsed.words);
  });
}

command_line::spec_list run_specs() { return command_line::specs_of<run_reader>(run_table()); }

std::string run_help() {
  return fmt::format("{}{}{}", before_run_options, option_help(run_specs()), after_run_options);
}

}  // namespace execo::cli
