#include "run_options.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "command_line/values.hpp"
#include "prompt_broker.hpp"
#include "ssh_arguments.hpp"
#include "targets.hpp"

namespace execo::cli {
namespace {

using command_line::auto_always_never;
using command_line::choose;
using command_line::given_option;
using command_line::number;
using command_line::plain_text;
using command_line::refuse;
using command_line::time_span;
using command_line::usage_error;

constexpr std::string_view before_options =
    R"(Usage: execo run [OPTION]... -w SET [--] COMMAND...

Runs COMMAND on ssh hosts, many at a time. Its words are joined by spaces and read
by the login shell of the remote user, as ssh and clush do. Standard input is not
read. Each line of output is printed as `host: line` when it arrives. In COMMAND
{{{host}}}, {{{index}}}, {{{user}}} and {{{port}}} are those of each host.

Options (defaults in parentheses):
)";

constexpr std::string_view after_options = R"(
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
  execo run -w '127.0.0.[1-9]' -p 2222 --host-keys accept-new 'echo $HOME; df -h | tail -1'

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
If several apply, the first of 130, 74, 3, 4, 1 counts.
)";

constexpr command_line::choices<ssh_client, 3> clients{{{"auto", ssh_client::automatic},
                                                        {"libssh", ssh_client::built_in},
                                                        {"openssh", ssh_client::openssh}}};
constexpr command_line::choices<become_method, 3> become_methods{
    {{"sudo", become_method::sudo}, {"su", become_method::su}, {"doas", become_method::doas}}};
constexpr command_line::choices<rollout_stop, 2> stops{
    {{"drain", rollout_stop::drain}, {"kill", rollout_stop::kill}}};
constexpr command_line::choices<bool, 2> formats{{{"text", false}, {"ndjson", true}}};

std::string key_file(const given_option& given) {
  std::string path = plain_text(given);
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int error = fd < 0 ? errno : 0;
  struct stat about {};
  if (fd >= 0 && ::fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) error = EISDIR;
  if (fd >= 0) (void)::close(fd);  // it was opened for reading only
  if (error != 0) refuse(given, fmt::format("the key file cannot be read: {}", ::strerror(error)));
  return path;
}

host_share batch_size(const given_option& given) {
  host_share size = number_or_percent(given);
  if (size.of(host_set::max_size) == 0) refuse(given, "a batch has a host at least");
  return size;
}

int descriptor(const given_option& given) { return static_cast<int>(number(given, 0, 1'000'000)); }

// The target of the setters.
class reader {
 public:
  explicit reader(const config& defaults) : ssh(defaults.ssh) {
    made.fanout = defaults.fanout;
    made.timeout = defaults.timeout;
    made.first_output_timeout = defaults.first_output_timeout;
    made.idle_timeout = defaults.idle_timeout;
    made.total_timeout = defaults.total_timeout;
    made.drain_timeout = defaults.drain_timeout;
    made.max_output = defaults.max_output;
    made.output_budget = defaults.output_budget;
    made.color = defaults.color;
  }

  // Keys named on the command line take the place of those in configurations.
  void add_key(const given_option& given) { ssh.given.identities.push_back(key_file(given)); }
  // Passwords are in no journal.
  void refuse_if_resumed(const given_option& given) const {
    if (!resumes) return;
    throw usage_error(fmt::format(
        "the run took a password with {}, which is over: run the rest as a new run, `execo run "
        "-w @last:not_started {} N ...`, or use {}",
        given.spelled, given.spelled,
        given.spelled == "--password-fd" ? "--ask-pass" : "--ask-become-pass"));
  }
  void become(const given_option& given) {
    ssh.given.become = given.value.empty() ? "root" : plain_text(given);
  }

  run_options finish(const std::vector<std::string_view>& words,
                     std::span<const char* const> arguments) {
    choose_layout();
    made.ssh = ssh.take();
    if (made.journal && !resumes) describe_run(arguments);
    made.words.assign(words.begin(), words.end());
    if (made.command_text().find_first_not_of(" \t\n") == std::string::npos)
      throw usage_error("no command: give it after the options, `-- uname -r`");
    if (made.asks_password && made.password)
      throw usage_error("--ask-pass and --password-fd exclude each other: choose one");
    check_become();
    made.batches.check();
    if (made.idempotent && made.command_retries == 0)
      throw usage_error("--idempotent says what may be tried again: add --retry-command N");
    made.hosts = targets.hosts();
    return std::move(made);
  }

  run_options made;
  ssh_arguments ssh;
  target_list targets;
  bool gathered = false;
  bool ordered = false;
  bool ndjson = false;
  bool resumes = false;

 private:
  // What `execo resume` needs, and for people what the configurations add.
  void describe_run(std::span<const char* const> arguments) {
    std::vector<std::string> words{"run"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::error_code unknown;  // a directory that is gone
    journal_options& how = *made.journal;
    how.arguments(std::move(words)).directory(std::filesystem::current_path(unknown).string());
    how.remember();
    const ssh_options& by = made.ssh;
    const auto note = [&how](std::string_view name, const std::string& value) {
      if (!value.empty()) how.connection(name, value);
    };
    note("user", by.user);
    note("port", by.port == 0 ? "" : std::to_string(by.port));
    note("identities", fmt::format("{}", fmt::join(by.identities, " ")));
    note("known_hosts", by.known_hosts);
    note("jump", fmt::format("{}", fmt::join(by.jump, ",")));
    note("proxy_command", by.proxy_command);
    note("config_file", by.config_file);
    note("config_lines", fmt::format("{}", fmt::join(by.config_lines, "; ")));
    note("become", by.become);
    note("connector", by.connector);
    if (by.connector.empty()) note("via", std::string(word_of(by.via)));
  }

  static std::string_view word_of(ssh_client via) {
    if (via == ssh_client::automatic) return "auto";
    return via == ssh_client::openssh ? "openssh" : "libssh";
  }

  void check_become() const {
    bool has_password = made.asks_become_password || made.become_password;
    bool is_for_it = has_password || made.ssh.become_method != become_method::sudo;
    if (is_for_it && made.ssh.become.empty())
      throw usage_error("a method or a password to become another user is for --become: add it");
    if (made.asks_become_password && made.become_password)
      throw usage_error(
          "--ask-become-pass and --become-password-fd exclude each other: choose one");
  }

  void choose_layout() {
    if (gathered && ordered) throw usage_error("-b and -L exclude each other: choose one");
    if (ndjson && (gathered || ordered))
      throw usage_error(fmt::format("{} is for --format text: ndjson has one object for each host",
                                    gathered ? "-b" : "-L"));
    if (gathered) made.show = layout::gathered;
    if (ordered) made.show = layout::ordered;
    if (ndjson) made.show = layout::ndjson;
  }
};

using run_option = command_line::option<reader>;

constexpr run_option run_table[] = {
    {'w', "", "SET",
     "hosts to run on: node[1-9,12],login1, a group, @web, a file of sets, ./hosts or "
     "/etc/hosts.txt, or - for sets on standard input. May be repeated",
     [](reader& r, const given_option& g) { r.targets.add(g.spelled, g.value); }},
    {'x', "", "SET", "hosts to leave out, given in the same ways. May be repeated",
     [](reader& r, const given_option& g) { r.targets.exclude(g.spelled, g.value); }},
    hosts_file_option<reader>,
    {0, "max-hosts", "N", "refuse more hosts than this (1000000)",
     [](reader& r, const given_option& g) {
       r.targets.set_max_hosts(number(g, 1, host_set::max_size));
     }},
    {0, "allow-empty", "",
     "accept a group or file without hosts, and -x that leaves none: then nothing is run",
     [](reader& r, const given_option&) { r.targets.allow_empty(); }},
    {'f', "", "FANOUT", "maximum number of hosts that run at a time (64)",
     [](reader& r, const given_option& g) { r.made.fanout = number(g, 1, 1'000'000); }},
    {'u', "timeout", "DURATION",
     "end a command that runs longer: TERM, then KILL. 4s, 500ms, 2m, bare seconds (no limit)",
     [](reader& r, const given_option& g) { r.made.timeout = time_span(g); }},
    {0, "first-output-timeout", "DURATION",
     "end a command that has written nothing for that long since it started (no limit)",
     [](reader& r, const given_option& g) { r.made.first_output_timeout = time_span(g); }},
    {0, "idle-timeout", "DURATION",
     "end a command that writes nothing for that long, at any time (no limit)",
     [](reader& r, const given_option& g) { r.made.idle_timeout = time_span(g); }},
    {0, "total-timeout", "DURATION",
     "give up on a host if its login and the command take longer together (no limit)",
     [](reader& r, const given_option& g) { r.made.total_timeout = time_span(g); }},
    {'t', "connect-timeout", "DURATION",
     "give up on a host if its login takes longer, or if the command then takes longer to start "
     "(20s)",
     [](reader& r, const given_option& g) { r.ssh.given.limits.establish = time_span(g); }},
    {0, "retry", "N",
     "try a connection that fails before the key exchange is over up to N times again, a refused "
     "one as well; 0: never. Without this option one that the server closes or turns away is "
     "tried again until --connect-timeout ends it",
     [](reader& r, const given_option& g) {
       r.ssh.given.max_retries = static_cast<unsigned>(number(g, 0, 1'000'000));
     }},
    {0, "retry-command", "N",
     "try a host up to N times again if COMMAND certainly was not started: it could not be "
     "reached, "
     "was lost or timed out before. The pause before that is random, up to 1, 2, 4, ... 30 s (0)",
     [](reader& r, const given_option& g) {
       r.made.command_retries = static_cast<unsigned>(number(g, 0, 1'000'000));
     }},
    {0, "idempotent", "",
     "COMMAND may run twice: --retry-command is also for one that failed, timed out or was lost",
     [](reader& r, const given_option&) { r.made.idempotent = true; }},
    {0, "batch", "N|N%",
     "reach so many hosts, or so much of all of them, and the next ones when all of these have "
     "ended. Stops when too many hosts fail (all)",
     [](reader& r, const given_option& g) { r.made.batches.batch = batch_size(g); }},
    {0, "canary", "N|N%", "so many hosts are the first batch (0)",
     [](reader& r, const given_option& g) { r.made.batches.canary = number_or_percent(g); }},
    {0, "max-fail", "N|N%",
     "stop at the first host that fails beyond this number, or percentage of all hosts: no further "
     "host begins. With --batch or --canary the default is 0 (no limit)",
     [](reader& r, const given_option& g) { r.made.batches.max_fail = number_or_percent(g); }},
    {0, "max-fail-in-batch", "N|N%", "the same for the hosts of each batch (no limit)",
     [](reader& r, const given_option& g) {
       r.made.batches.max_fail_in_batch = number_or_percent(g);
     }},
    {0, "soak", "DURATION", "pause after each batch but the last one (0)",
     [](reader& r, const given_option& g) { r.made.batches.soak = time_span(g); }},
    {0, "batch-deadline", "DURATION", "stop, and end what runs, if a batch takes longer (no limit)",
     [](reader& r, const given_option& g) { r.made.batches.deadline = time_span(g); }},
    {0, "on-stop", "drain|kill",
     "hosts that run when too many have failed go on to their end, or are ended (drain)",
     [](reader& r, const given_option& g) { r.made.batches.on_stop = choose(g, stops); }},
    {0, "keepalive", "DURATION",
     "probe an ssh server after this much silence; three probes without an answer end the "
     "connection. Without this option a dead host is noticed after a minute (off)",
     [](reader& r, const given_option& g) { r.ssh.given.keepalive = time_span(g); }},
    {0, "lease", "DURATION",
     "have a script on the host end COMMAND when it has heard nothing of this program for this "
     "time, or the connection has gone: nothing is left behind when this program is killed or the "
     "network is cut. Needs OpenSSH or dropbear there, and two sessions a connection (off)",
     [](reader& r, const given_option& g) { r.ssh.given.lease = time_span(g); }},
    {'l', "", "USER", "log in as USER (your user name)",
     [](reader& r, const given_option& g) { r.ssh.given.user = plain_text(g); }},
    port_option<reader>,
    config_file_option<reader>,
    {'o', "", "NAME=VALUE",
     "a line of ssh_config(5) that comes before the files: -o Compression=yes. May be repeated",
     [](reader& r, const given_option& g) { r.ssh.add_config_line(g); }},
    {'i', "", "KEYFILE",
     "private key to log in with. May be repeated (~/.ssh/id_ed25519, id_ecdsa, id_rsa)",
     [](reader& r, const given_option& g) { r.add_key(g); }},
    {0, "ask-pass", "",
     "ask for a password, once, if a host takes one and no key is enough. A wrong one is sent to "
     "one host alone",
     [](reader& r, const given_option&) { r.made.asks_password = true; }},
    {0, "password-fd", "N",
     "the same, with the password on the first line of this descriptor: --password-fd 3 3<file",
     [](reader& r, const given_option& g) {
       r.refuse_if_resumed(g);
       r.made.password = read_secret(g.spelled, descriptor(g));
     }},
    {0, "become", "[=USER]",
     "run the command as USER, once it is on the host; COMMAND is read by /bin/sh (root)",
     [](reader& r, const given_option& g) { r.become(g); }},
    {0, "become-method", "sudo|su|doas", "how it becomes one of that user (sudo)",
     [](reader& r, const given_option& g) {
       r.ssh.given.become_method = choose(g, become_methods);
     }},
    {0, "ask-become-pass", "",
     "ask for the password that this takes, once, if a host asks for it. A wrong one is sent to "
     "one host alone",
     [](reader& r, const given_option&) { r.made.asks_become_password = true; }},
    {0, "become-password-fd", "N",
     "the same, with the password on the first line of this descriptor",
     [](reader& r, const given_option& g) {
       r.refuse_if_resumed(g);
       r.made.become_password = read_secret(g.spelled, descriptor(g));
     }},
    {'J', "", "HOPS",
     "reach the hosts through others, as ssh -J does: [USER@]HOST[:PORT], in order, with commas "
     "between. All hosts share one connection to each of them; none: no hop (none)",
     [](reader& r, const given_option& g) { r.ssh.jump(g); }},
    {0, "host-keys", "strict|accept-new|ignore",
     "strict: a host's key must be known; accept-new: an unknown key is recorded; ignore: any "
     "key is accepted, so the connection can be intercepted (strict)",
     [](reader& r, const given_option& g) {
       r.ssh.given.host_key_policy = choose(g, command_line::host_key_words<host_keys>);
     }},
    {0, "known-hosts", "FILE", "file of known host keys (~/.ssh/known_hosts)",
     [](reader& r, const given_option& g) { r.ssh.given.known_hosts = plain_text(g); }},
    {0, "via", "auto|libssh|openssh",
     "libssh: execo speaks ssh itself; openssh: it runs the program `ssh` once for each host; "
     "auto: itself, and `ssh` for a host that libssh cannot log in to, but ssh may (auto)",
     [](reader& r, const given_option& g) { r.ssh.given.via = choose(g, clients); }},
    {0, "connector", "TEMPLATE",
     "reach hosts by this program in place of ssh: 'docker exec -i %h', 'srun --overlap -w %h', "
     "'rsh %h'. %h is the host, %p its port, %u the user, %n its number, %% a percent sign. "
     "COMMAND is added as one word, or as `sh -c COMMAND` after the prefix argv:, as docker, "
     "podman, kubectl, ip, chroot, systemd-run and srun need it anyway. exec: runs COMMAND here "
     "once for each host, with these tokens replaced in it",
     [](reader& r, const given_option& g) { r.ssh.given.connector = plain_text(g); }},
    {0, "max-output", "SIZE",
     "bytes kept of each host's stdout and stderr by -b, -L and ndjson: 64K, 1M, 1G. The rest is "
     "dropped and counted (1M)",
     [](reader& r, const given_option& g) { r.made.max_output = command_line::bytes(g); }},
    {0, "output-budget", "SIZE",
     "bytes of output kept in all by -b, -L and ndjson: the rest is dropped and counted, but for "
     "the first 4K of each stream (1G)",
     [](reader& r, const given_option& g) {
       r.made.output_budget = output_budget(command_line::bytes(g));
     }},
    {0, "pty", "",
     "give each command a terminal, of 24 lines and 80 columns: what it writes to stderr comes "
     "with its stdout",
     [](reader& r, const given_option&) { r.made.has_terminal = true; }},
    {0, "argv", "", "quote each word of COMMAND, so that it arrives as it is",
     [](reader& r, const given_option&) { r.made.quote_words = true; }},
    {0, "no-subst", "", "leave {{{host}}}, {{{index}}}, {{{user}}} and {{{port}}} as they are",
     [](reader& r, const given_option&) { r.made.keep_braces = true; }},
    {0, "journal", "FILE",
     "write what happens to a new file, as it happens: after a crash or an interrupt `execo resume "
     "FILE` runs what is left, and -w @last:failed names the hosts that failed (no journal)",
     [](reader& r, const given_option& g) { r.made.journal.emplace(plain_text(g)); }},
    {'b', "", "", "gather: show each distinct output once, under the hosts that wrote it",
     [](reader& r, const given_option&) { r.gathered = true; }},
    {'L', "", "", "show the output host by host",
     [](reader& r, const given_option&) { r.ordered = true; }},
    {0, "format", "text|ndjson",
     "ndjson: one line with a JSON object for each host when it completes (text)",
     [](reader& r, const given_option& g) { r.ndjson = choose(g, formats); }},
    {0, "progress", "auto|always|never",
     "show a progress line; auto: if stderr is a terminal (auto)",
     [](reader& r, const given_option& g) {
       r.made.progress = choose(g, auto_always_never<when>);
     }},
    {0, "color", "auto|always|never",
     "colour the names of hosts; auto: on a terminal, unless NO_COLOR is set (auto)",
     [](reader& r, const given_option& g) {
       r.made.color = choose(g, auto_always_never<color_mode>);
     }},
    {'h', "help", "", "show this text"},
};

}  // namespace

std::string run_options::command_text() const { return fmt::format("{}", fmt::join(words, " ")); }

std::optional<run_options> parse_run(std::span<const char* const> arguments,
                                     const config& defaults) {
  reader into(defaults);
  auto parsed =
      command_line::parse<reader>(run_table, arguments, command_line::habits::command, into);
  if (parsed.asked != command_line::question::none) return std::nullopt;
  return into.finish(parsed.words, arguments);
}

run_options parse_resumed(const journal& of, journal_options how, const config& defaults) {
  std::vector<const char*> arguments;
  for (const std::string& word : of.arguments()) arguments.push_back(word.c_str());
  reader into(defaults);
  into.resumes = true;
  into.targets.fix(of.hosts());
  auto parsed = command_line::parse<reader>(run_table, std::span(arguments).subspan(1),
                                            command_line::habits::command, into);
  run_options made = into.finish(parsed.words, {});
  made.journal = std::move(how);
  return made;
}

command_line::spec_list run_specs() { return command_line::specs_of<reader>(run_table); }

std::string run_help() {
  return fmt::format("{}{}{}", before_options, option_help(run_specs()), after_options);
}

}  // namespace execo::cli
