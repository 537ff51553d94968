#include "keyscan_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "command_line/values.hpp"
#include "ssh_arguments.hpp"
#include "targets.hpp"

namespace execo::cli {
namespace {

using command_line::given_option;
using command_line::number;
using command_line::plain_text;
using command_line::refuse;
using command_line::time_span;

constexpr std::string_view before_options =
    R"(Usage: execo keyscan [OPTION]... SET...

Asks ssh servers for their host keys, many at a time, and prints a line of a
known_hosts file for each, below a comment with its fingerprint. The keys are not
verified: compare the fingerprints with what the hosts' own consoles say.

Options (defaults in parentheses):
)";

constexpr std::string_view after_options = R"(
With --add a key is written only if the file knows no key of its host. A key that
the file has already, or has differently, is never replaced: the report says which.

Examples:
  execo keyscan 'node[1-200]'                       show the keys
  execo keyscan 'node[1-200]' | grep -v '#'         lines for a known_hosts file
  execo keyscan --add --types ed25519 'node[1-200]'
  execo keyscan -J bastion 'node[1-200]'

Ports, addresses, hops and names for known_hosts come from ~/.ssh/config and
/etc/ssh/ssh_config, as for `execo run`.

Exit status:
  0    every host has shown a key
  1    with --add: a host has shown another key than the one that is known
  2    usage error
  3    some host was not reached
  4    some host timed_out
  71   the local machine failed: a file cannot be written, no descriptors are left
  130  interrupted by SIGINT, SIGTERM or SIGHUP
)";

// The target of the setters.
class reader {
 public:
  explicit reader(const config& defaults) : ssh(defaults.ssh) { made.fanout = defaults.fanout; }

  void add_types(const given_option& given) {
    std::string_view rest = given.value;
    while (!rest.empty()) {
      std::string_view word = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(word.size() + 1, rest.size()));
      if (word != "ed25519" && word != "ecdsa" && word != "rsa")
        refuse(given, "is a list of ed25519, ecdsa, rsa");
      made.types.emplace_back(word);
    }
    if (made.types.empty()) refuse(given, "is a list of ed25519, ecdsa, rsa");
  }

  keyscan_options finish() {
    made.ssh = ssh.take();
    // It is not ssh, and has no keys to show.
    made.ssh.connector.clear();
    made.hosts = targets.hosts();
    return std::move(made);
  }

  keyscan_options made;
  ssh_arguments ssh;
  target_list targets;
};

using keyscan_option = command_line::option<reader>;

constexpr keyscan_option keyscan_table[] = {
    {0, "add", "", "write new keys to the known_hosts file, and report what became of each",
     [](reader& r, const given_option&) { r.made.add = true; }},
    {0, "known-hosts", "FILE", "the file that --add writes (~/.ssh/known_hosts)",
     [](reader& r, const given_option& g) { r.ssh.given.known_hosts = plain_text(g); }},
    {0, "types", "LIST", "types of keys to ask for, with commas between (ed25519,ecdsa,rsa)",
     [](reader& r, const given_option& g) { r.add_types(g); }},
    {'x', "", "SET", "hosts to leave out. May be repeated",
     [](reader& r, const given_option& g) { r.targets.exclude(g.spelled, g.value); }},
    hosts_file_option<reader>,
    {'f', "", "FANOUT", "maximum number of hosts that are asked at a time (64)",
     [](reader& r, const given_option& g) { r.made.fanout = number(g, 1, 1'000'000); }},
    {'t', "connect-timeout", "DURATION", "give up on a host after this time (20s)",
     [](reader& r, const given_option& g) { r.ssh.given.limits.establish = time_span(g); }},
    port_option<reader>,
    config_file_option<reader>,
    {'o', "", "NAME=VALUE", "a line of ssh_config(5) that comes before the files. May be repeated",
     [](reader& r, const given_option& g) { r.ssh.add_config_line(g); }},
    {'J', "", "HOPS", "reach the hosts through others, as `execo run -J` does (none)",
     [](reader& r, const given_option& g) { r.ssh.jump(g); }},
    {'h', "help", "", "show this text"},
    {0, "", "SET", "hosts: node[1-9,12],login1, a group, @web, a file of sets, ./hosts",
     [](reader& r, const given_option& g) { r.targets.add("SET", g.value); }},
};

}  // namespace

std::optional<keyscan_options> parse_keyscan(std::span<const char* const> arguments,
                                             const config& defaults) {
  reader into(defaults);
  auto parsed =
      command_line::parse<reader>(keyscan_table, arguments, command_line::habits::operands, into);
  if (parsed.asked != command_line::question::none) return std::nullopt;
  return into.finish();
}

command_line::spec_list keyscan_specs() { return command_line::specs_of<reader>(keyscan_table); }

std::string keyscan_help() {
  return fmt::format("{}{}{}", before_options, option_help(keyscan_specs()), after_options);
}

}  // namespace execo::cli
