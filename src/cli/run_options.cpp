#include "run_options.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "command_line/values.hpp"
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
read. Each line of output is printed as `host: line` when it arrives.

Options (defaults in parentheses):
)";

constexpr std::string_view after_options = R"(
Examples:
  execo run -w 'node[1-200]' -b -- uname -r
  execo run -w @web -x web7 -u 30s -- systemctl is-active nginx
  execo run --hosts-file hosts.txt -f 256 --format ndjson -- uptime | jq .out
  execo run -w 'node[1-200]' -J me@bastion -- uptime
  execo run -w 'node[1-4]' --argv -- touch 'a name with blanks'
  execo run -w 'web[1-3]' --connector 'docker exec -i %h' -- nginx -t
  execo run -w 'node[1-200]' --connector exec: -- ping -c1 -W1 %h
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
  74   writing to standard output failed
  130  interrupted by SIGINT, SIGTERM or SIGHUP
If several apply, the first of 130, 74, 3, 4, 1 counts.
)";

constexpr command_line::choices<ssh_client, 3> clients{{{"auto", ssh_client::automatic},
                                                        {"libssh", ssh_client::built_in},
                                                        {"openssh", ssh_client::openssh}}};
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

// The target of the setters.
class reader {
 public:
  explicit reader(const config& defaults) {
    made.fanout = defaults.fanout;
    made.timeout = defaults.timeout;
    made.drain_timeout = defaults.drain_timeout;
    made.max_output = defaults.max_output;
    made.color = defaults.color;
    made.ssh = defaults.ssh;
    // Filled in at the end, unless an option or -o gives them.
    configured_ = std::exchange(made.ssh, with_unset_values(defaults.ssh));
    // One action a run: nothing would use a connection again.
    made.ssh.reuse = false;
  }

  // Keys named on the command line take the place of those in configurations.
  void add_key(const given_option& given) { made.ssh.identities.push_back(key_file(given)); }
  // ssh_config(5) comes after config.toml, but what is on the command line comes first.
  void add_config_line(const given_option& given) {
    std::string line = plain_text(given);
    std::string name = line.substr(0, line.find_first_of("= \t"));
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    named_.push_back(std::move(name));
    made.ssh.config_lines.push_back(std::move(line));
  }

  void jump(const given_option& given) {
    try {
      made.ssh.jump = jump_hosts(given.value);
    } catch (const std::invalid_argument& error) {
      refuse(given, error.what());
    }
    // The one on the command line counts.
    made.ssh.proxy_command.clear();
    made.ssh.unix_socket.clear();
  }

  run_options finish(const std::vector<std::string_view>& words) {
    choose_layout();
    fill_in();
    made.words.assign(words.begin(), words.end());
    if (made.command_text().find_first_not_of(" \t\n") == std::string::npos)
      throw usage_error("no command: give it after the options, `-- uname -r`");
    made.hosts = targets.hosts();
    return std::move(made);
  }

  run_options made;
  target_list targets;
  bool gathered = false;
  bool ordered = false;
  bool ndjson = false;

 private:
  void choose_layout() {
    if (gathered && ordered) throw usage_error("-b and -L exclude each other: choose one");
    if (ndjson && (gathered || ordered))
      throw usage_error(fmt::format("{} is for --format text: ndjson has one object for each host",
                                    gathered ? "-b" : "-L"));
    if (gathered) made.show = layout::gathered;
    if (ordered) made.show = layout::ordered;
    if (ndjson) made.show = layout::ndjson;
  }

  // Without the values that the configuration and a command line can both give.
  static ssh_options with_unset_values(ssh_options some) {
    some.user.clear();
    some.port = 0;
    some.identities.clear();
    some.host_key_policy.reset();
    some.known_hosts.clear();
    some.key_exchange.clear();
    some.limits.establish.reset();
    some.tcp_keepalive.reset();
    some.keepalive.reset();
    return some;
  }

  template <class Value>
  void fill_in(Value ssh_options::*member, std::string_view keyword) {
    if (made.ssh.*member == Value() && !is_named(keyword))
      made.ssh.*member = std::move(configured_.*member);
  }

  void fill_in() {
    fill_in(&ssh_options::user, "user");
    fill_in(&ssh_options::port, "port");
    fill_in(&ssh_options::identities, "identityfile");
    fill_in(&ssh_options::host_key_policy, "stricthostkeychecking");
    fill_in(&ssh_options::known_hosts, "userknownhostsfile");
    fill_in(&ssh_options::key_exchange, "kexalgorithms");
    fill_in(&ssh_options::tcp_keepalive, "tcpkeepalive");
    fill_in(&ssh_options::keepalive, "serveraliveinterval");
    if (!made.ssh.limits.establish && !is_named("connecttimeout"))
      made.ssh.limits.establish = configured_.limits.establish;
  }

  bool is_named(std::string_view keyword) const {
    return std::find(named_.begin(), named_.end(), keyword) != named_.end();
  }

  ssh_options configured_;
  std::vector<std::string> named_;  // keywords of -o
};

using run_option = command_line::option<reader>;

constexpr run_option run_table[] = {
    {'w', "", "SET",
     "hosts to run on: node[1-9,12],login1, a group, @web, a file of sets, ./hosts or "
     "/etc/hosts.txt, or - for sets on standard input. May be repeated",
     [](reader& r, const given_option& g) { r.targets.add(g.spelled, g.value); }},
    {'x', "", "SET", "hosts to leave out, given in the same ways. May be repeated",
     [](reader& r, const given_option& g) { r.targets.exclude(g.spelled, g.value); }},
    {0, "hosts-file", "FILE",
     "a file of sets, any number on a line; # begins a comment; - is standard input. May be "
     "repeated",
     [](reader& r, const given_option& g) { r.targets.add_file(g.spelled, std::string(g.value)); }},
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
    {'t', "connect-timeout", "DURATION",
     "give up on a host if its login takes longer, or if the command then takes longer to start "
     "(20s)",
     [](reader& r, const given_option& g) { r.made.ssh.limits.establish = time_span(g); }},
    {0, "keepalive", "DURATION",
     "probe an ssh server after this much silence; three probes without an answer end the "
     "connection. Without this option a dead host is noticed after a minute (off)",
     [](reader& r, const given_option& g) { r.made.ssh.keepalive = time_span(g); }},
    {'l', "", "USER", "log in as USER (your user name)",
     [](reader& r, const given_option& g) { r.made.ssh.user = plain_text(g); }},
    {'p', "", "PORT", "port of the ssh servers (22)",
     [](reader& r, const given_option& g) {
       r.made.ssh.port = static_cast<int>(number(g, 1, 65535));
     }},
    {'F', "", "FILE",
     "read this file in place of ~/.ssh/config and /etc/ssh/ssh_config; none: read no file",
     [](reader& r, const given_option& g) { r.made.ssh.config_file = plain_text(g); }},
    {'o', "", "NAME=VALUE",
     "a line of ssh_config(5) that comes before the files: -o Compression=yes. May be repeated",
     [](reader& r, const given_option& g) { r.add_config_line(g); }},
    {'i', "", "KEYFILE",
     "private key to log in with. May be repeated (~/.ssh/id_ed25519, id_ecdsa, id_rsa)",
     [](reader& r, const given_option& g) { r.add_key(g); }},
    {'J', "", "HOPS",
     "reach the hosts through others, as ssh -J does: [USER@]HOST[:PORT], in order, with commas "
     "between. All hosts share one connection to each of them; none: no hop (none)",
     [](reader& r, const given_option& g) { r.jump(g); }},
    {0, "host-keys", "strict|accept-new|ignore",
     "strict: a host's key must be known; accept-new: an unknown key is recorded; ignore: any "
     "key is accepted, so the connection can be intercepted (strict)",
     [](reader& r, const given_option& g) {
       r.made.ssh.host_key_policy = choose(g, command_line::host_key_words<host_keys>);
     }},
    {0, "known-hosts", "FILE", "file of known host keys (~/.ssh/known_hosts)",
     [](reader& r, const given_option& g) { r.made.ssh.known_hosts = plain_text(g); }},
    {0, "via", "auto|libssh|openssh",
     "libssh: execo speaks ssh itself; openssh: it runs the program `ssh` once for each host; "
     "auto: itself, and `ssh` for a host that libssh cannot log in to, but ssh may (auto)",
     [](reader& r, const given_option& g) { r.made.ssh.via = choose(g, clients); }},
    {0, "connector", "TEMPLATE",
     "reach hosts by this program in place of ssh: 'docker exec -i %h', 'srun --overlap -w %h', "
     "'rsh %h'. %h is the host, %p its port, %u the user, %n its number, %% a percent sign. "
     "COMMAND is added as one word, or as `sh -c COMMAND` after the prefix argv:, as docker, "
     "podman, kubectl, ip, chroot, systemd-run and srun need it anyway. exec: runs COMMAND here "
     "once for each host, with these tokens replaced in it",
     [](reader& r, const given_option& g) { r.made.ssh.connector = plain_text(g); }},
    {0, "max-output", "SIZE",
     "bytes kept of each host's stdout and stderr by -b, -L and ndjson: 64K, 1M, 1G. The rest is "
     "dropped and counted (1M)",
     [](reader& r, const given_option& g) { r.made.max_output = command_line::bytes(g); }},
    {0, "argv", "", "quote each word of COMMAND, so that it arrives as it is",
     [](reader& r, const given_option&) { r.made.quote_words = true; }},
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
  return into.finish(parsed.words);
}

command_line::spec_list run_specs() { return command_line::specs_of<reader>(run_table); }

std::string run_help() {
  return fmt::format("{}{}{}", before_options, option_help(run_specs()), after_options);
}

}  // namespace execo::cli
