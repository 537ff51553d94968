// The options that run, put and get share.
#include <fmt/format.h>

#include "command_line/text_file.hpp"
#include "command_line/values.hpp"
#include "run_reader.hpp"

namespace execo::cli {
namespace {

using command_line::auto_always_never;
using command_line::choose;
using command_line::given_option;
using command_line::number;
using command_line::plain_text;
using command_line::refuse;
using command_line::time_span;

constexpr command_line::choices<become_method, 3> become_methods{
    {{"sudo", become_method::sudo}, {"su", become_method::su}, {"doas", become_method::doas}}};
constexpr command_line::choices<rollout_stop, 2> stops{
    {{"drain", rollout_stop::drain}, {"kill", rollout_stop::kill}}};
constexpr command_line::choices<bool, 2> formats{{{"text", false}, {"ndjson", true}}};

host_share batch_size(const given_option& given) {
  host_share size = number_or_percent(given);
  if (size.of(host_set::max_size) == 0) refuse(given, "a batch has a host at least");
  return size;
}

constexpr run_option targets[] = {
    {'w', "", "SET",
     "hosts to run on: node[1-9,12],login1, a group, @web, a file of sets, ./hosts or "
     "/etc/hosts.txt, or - for sets on standard input. May be repeated",
     [](run_reader& r, const given_option& g) { r.targets.add(g.spelled, g.value); }},
    {'x', "", "SET", "hosts to leave out, given in the same ways. May be repeated",
     [](run_reader& r, const given_option& g) { r.targets.exclude(g.spelled, g.value); }},
    hosts_file_option<run_reader>,
    {0, "max-hosts", "N", "refuse more hosts than this (1000000)",
     [](run_reader& r, const given_option& g) {
       r.targets.set_max_hosts(number(g, 1, host_set::max_size));
     }},
    {0, "allow-empty", "",
     "accept a group or file without hosts, and -x that leaves none: then nothing is run",
     [](run_reader& r, const given_option&) { r.targets.allow_empty(); }},
    {'f', "", "FANOUT", "maximum number of hosts that run at a time (64)",
     [](run_reader& r, const given_option& g) { r.made.fanout = number(g, 1, 1'000'000); }},
};

constexpr run_option login[] = {
    {'t', "connect-timeout", "DURATION",
     "give up on a host if its login takes longer, or if the command then takes longer to start "
     "(20s)",
     [](run_reader& r, const given_option& g) { r.ssh.given.limits.establish = time_span(g); }},
    {0, "retry", "N",
     "try a connection that fails before the key exchange is over up to N times again, a refused "
     "one as well; 0: never. Without this option one that the server closes or turns away is "
     "tried again until --connect-timeout ends it",
     [](run_reader& r, const given_option& g) {
       r.ssh.given.max_retries = static_cast<unsigned>(number(g, 0, 1'000'000));
     }},
    {0, "keepalive", "DURATION",
     "probe an ssh server after this much silence; three probes without an answer end the "
     "connection. Without this option a dead host is noticed after a minute (off)",
     [](run_reader& r, const given_option& g) { r.ssh.given.keepalive = time_span(g); }},
};

constexpr run_option rollouts[] = {
    {0, "batch", "N|N%",
     "reach so many hosts, or so much of all of them, and the next ones when all of these have "
     "ended. Stops when too many hosts fail (all)",
     [](run_reader& r, const given_option& g) { r.made.batches.batch = batch_size(g); }},
    {0, "canary", "N|N%", "so many hosts are the first batch (0)",
     [](run_reader& r, const given_option& g) { r.made.batches.canary = number_or_percent(g); }},
    {0, "max-fail", "N|N%",
     "stop at the first host that fails beyond this number, or percentage of all hosts: no further "
     "host begins. With --batch or --canary the default is 0 (no limit)",
     [](run_reader& r, const given_option& g) { r.made.batches.max_fail = number_or_percent(g); }},
    {0, "max-fail-in-batch", "N|N%", "the same for the hosts of each batch (no limit)",
     [](run_reader& r, const given_option& g) {
       r.made.batches.max_fail_in_batch = number_or_percent(g);
     }},
    {0, "soak", "DURATION", "pause after each batch but the last one (0)",
     [](run_reader& r, const given_option& g) { r.made.batches.soak = time_span(g); }},
    {0, "batch-deadline", "DURATION", "stop, and end what runs, if a batch takes longer (no limit)",
     [](run_reader& r, const given_option& g) { r.made.batches.deadline = time_span(g); }},
    {0, "on-stop", "drain|kill",
     "hosts that run when too many have failed go on to their end, or are ended (drain)",
     [](run_reader& r, const given_option& g) { r.made.batches.on_stop = choose(g, stops); }},
};

constexpr run_option connections[] = {
    {'l', "", "USER", "log in as USER (your user name)",
     [](run_reader& r, const given_option& g) { r.ssh.given.user = plain_text(g); }},
    port_option<run_reader>,
    config_file_option<run_reader>,
    {'o', "", "NAME=VALUE",
     "a line of ssh_config(5) that comes before the files: -o Compression=yes. May be repeated",
     [](run_reader& r, const given_option& g) { r.ssh.add_config_line(g); }},
    {'i', "", "KEYFILE",
     "private key to log in with. May be repeated (~/.ssh/id_ed25519, id_ecdsa, id_rsa)",
     [](run_reader& r, const given_option& g) { r.add_key(g); }},
    {0, "ask-pass", "",
     "ask for a password, once, if a host takes one and no key is enough. A wrong one is sent to "
     "one host alone",
     [](run_reader& r, const given_option&) { r.made.asks_password = true; }},
    {0, "password-fd", "N",
     "the same, with the password on the first line of this descriptor: --password-fd 3 3<file",
     [](run_reader& r, const given_option& g) { r.made.password = r.password_on(g); }},
    {0, "become", "[=USER]",
     "run the command as USER, once it is on the host; COMMAND is read by /bin/sh (root)",
     [](run_reader& r, const given_option& g) { r.become(g); }},
    {0, "become-method", "sudo|su|doas", "how it becomes one of that user (sudo)",
     [](run_reader& r, const given_option& g) {
       r.ssh.given.become_method = choose(g, become_methods);
     }},
    {0, "ask-become-pass", "",
     "ask for the password that this takes, once, if a host asks for it. A wrong one is sent to "
     "one host alone",
     [](run_reader& r, const given_option&) { r.made.asks_become_password = true; }},
    {0, "become-password-fd", "N",
     "the same, with the password on the first line of this descriptor",
     [](run_reader& r, const given_option& g) { r.made.become_password = r.password_on(g); }},
    {'J', "", "HOPS",
     "reach the hosts through others, as ssh -J does: [USER@]HOST[:PORT], in order, with commas "
     "between. All hosts share one connection to each of them; none: no hop (none)",
     [](run_reader& r, const given_option& g) { r.ssh.jump(g); }},
    {0, "host-keys", "strict|accept-new|ignore",
     "strict: a host's key must be known; accept-new: an unknown key is recorded; ignore: any "
     "key is accepted, so the connection can be intercepted (strict)",
     [](run_reader& r, const given_option& g) {
       r.ssh.given.host_key_policy = choose(g, command_line::host_key_words<host_keys>);
     }},
    {0, "known-hosts", "FILE", "file of known host keys (~/.ssh/known_hosts)",
     [](run_reader& r, const given_option& g) { r.ssh.given.known_hosts = plain_text(g); }},
    {0, "via", "direct|auto|libssh|openssh|tree",
     "libssh: execo speaks ssh itself; openssh: it runs the program `ssh` once for each host; "
     "direct: itself, and `ssh` for a host that libssh cannot log in to, but ssh may; tree: the "
     "first hosts reach the others, and log in to them meanwhile; auto: tree for more than 512 "
     "hosts where that is expected to be faster, else direct (direct)",
     [](run_reader& r, const given_option& g) { r.choose_way(g); }},
    {0, "arity", "N|auto",
     "with --via tree or auto: how many hosts each host reaches itself at most; 1: a chain; auto: "
     "what connecting costs decides (auto)",
     [](run_reader& r, const given_option& g) { r.set_arity(g); }},
    {0, "site-trust", "",
     "with --via tree or auto: hosts reach further ones by their own program ssh, with the keys, "
     "known hosts and configuration that they have; without it their logins are signed from here",
     [](run_reader& r, const given_option&) { r.trusts_site = true; }},
    {0, "tree-ca", "FILE",
     "with --via tree or auto: hosts log in to further ones by certificates that this key of an "
     "ssh CA signs, each for ten minutes; a public key: the ssh agent has the private one (none)",
     [](run_reader& r, const given_option& g) { r.authority = plain_text(g); }},
    {0, "tree-tunnel", "",
     "with --via tree and --gateway or --topology: log in to each host from here, end to end; "
     "hosts "
     "on the way pass on bytes, and are trusted with nothing",
     [](run_reader& r, const given_option&) { r.tunnels = true; }},
    {0, "tree-stats", "[=FILE]",
     "with --via tree or auto: say at the end what the tree was like and what it has cost, or why "
     "there was none; FILE: put a picture of it there, as SVG",
     [](run_reader& r, const given_option& g) {
       r.made.tree_stats = g.value.empty() ? std::string() : plain_text(g);
     }},
    {0, "gateway", "SET",
     "with --via tree: all other hosts are reached through these, in turns; they run a command "
     "only if they are among the hosts",
     [](run_reader& r, const given_option& g) { r.gateways = plain_text(g); }},
    {0, "topology", "FILE",
     "with --via tree: which hosts are reached through which others, as in a topology.conf of "
     "ClusterShell: [routes], then lines FROM: TO, at most eight in a row",
     [](run_reader& r, const given_option& g) {
       r.topology = command_line::read_text(g.spelled, plain_text(g));
     }},
    {0, "zone", "SET",
     "with --via tree: these are near each other, as in a rack: they are reached by hosts of "
     "their own zone as long as there are some. May be repeated",
     [](run_reader& r, const given_option& g) { r.zones.push_back(plain_text(g)); }},
    {0, "grooming", "DURATION",
     "with --via tree or auto: how long hosts on the way hold back what may be alike on others, so "
     "that it comes here once; 0: not at all (100ms)",
     [](run_reader& r, const given_option& g) { r.grooming = time_span(g); }},
    {0, "connector", "TEMPLATE",
     "reach hosts by this program in place of ssh: 'docker exec -i %h', 'srun --overlap -w %h', "
     "'rsh %h'. %h is the host, %p its port, %u the user, %n its number, %% a percent sign. "
     "COMMAND is added as one word, or as `sh -c COMMAND` after the prefix argv:, as docker, "
     "podman, kubectl, ip, chroot, systemd-run and srun need it anyway. exec: runs COMMAND here "
     "once for each host, with these tokens replaced in it; local: the same by a shell for each "
     "host, which has its name in $EXECO_HOST",
     [](run_reader& r, const given_option& g) { r.ssh.given.connector = plain_text(g); }},
};

constexpr run_option references[] = {
    {0, "no-subst", "", "leave {{{host}}}, {{{index}}} and the like as they are",
     [](run_reader& r, const given_option&) { r.made.keep_braces = true; }},
};

constexpr run_option journals[] = {
    {0, "journal", "FILE",
     "write what happens to a new file, as it happens: after a crash or an interrupt `execo resume "
     "FILE` does what is left, and -w @last:failed names the hosts that failed (no journal)",
     [](run_reader& r, const given_option& g) { r.made.journal.emplace(plain_text(g)); }},
};

constexpr run_option outputs[] = {
    {0, "format", "text|ndjson",
     "ndjson: one line with a JSON object for each host when it completes (text)",
     [](run_reader& r, const given_option& g) { r.ndjson = choose(g, formats); }},
    {'q', "", "",
     "show no progress line, no line for each kind of failure, no notices and no summary: the exit "
     "status tells how it went",
     [](run_reader& r, const given_option&) { r.made.quiet = true; }},
    {0, "progress", "auto|always|never",
     "show a progress line; auto: if stderr is a terminal (auto)",
     [](run_reader& r, const given_option& g) {
       r.made.progress = choose(g, auto_always_never<when>);
     }},
    {0, "color", "auto|always|never",
     "colour the names of hosts; auto: on a terminal, unless NO_COLOR is set (auto)",
     [](run_reader& r, const given_option& g) {
       r.made.color = choose(g, auto_always_never<color_mode>);
     }},
    {'h', "help", "", "show this text"},
};

}  // namespace

run_lines target_lines() { return targets; }
run_lines login_lines() { return login; }
run_lines rollout_lines() { return rollouts; }
run_lines connection_lines() { return connections; }
run_lines reference_lines() { return references; }
run_lines journal_lines() { return journals; }
run_lines output_lines() { return outputs; }

std::vector<run_option> joined(std::span<const run_lines> parts) {
  std::vector<run_option> table;
  for (run_lines part : parts) table.insert(table.end(), part.begin(), part.end());
  return table;
}

}  // namespace execo::cli
