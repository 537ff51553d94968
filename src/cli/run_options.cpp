#include "run_options.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "arguments.hpp"
#include "execo/printable.hpp"
#include "targets.hpp"

namespace execo::cli {
namespace {

enum option : int {
  nodes,
  exclude,
  hosts_file,
  max_hosts,
  allow_empty,
  fanout,
  timeout,
  connect_timeout,
  keepalive,
  user,
  port,
  identity,
  host_key_policy,
  known_hosts,
  max_output,
  argv,
  gather,
  by_host,
  format,
  progress,
  color,
  help,
};

constexpr std::array<option_spec, 22> options{{
    {nodes, 'w', "", "SET",
     "hosts to run on: node[1-9,12],login1, a group, @web, a file of sets, ./hosts or "
     "/etc/hosts.txt, "
     "or - for sets on standard input. May be repeated"},
    {exclude, 'x', "", "SET", "hosts to leave out, given in the same ways. May be repeated"},
    {hosts_file, 0, "hosts-file", "FILE",
     "a file of sets, any number on a line; # begins a comment; - is standard input. May be "
     "repeated"},
    {max_hosts, 0, "max-hosts", "N", "refuse more hosts than this (1000000)"},
    {allow_empty, 0, "allow-empty", "",
     "let a group or file without hosts pass, and -x leave none: then nothing is run"},
    {fanout, 'f', "", "FANOUT", "hosts worked on at a time (64)"},
    {timeout, 'u', "timeout", "DURATION",
     "end a command that runs longer: TERM, then KILL. 4s, 500ms, 2m, bare seconds (no limit)"},
    {connect_timeout, 't', "connect-timeout", "DURATION",
     "give a host up that is not logged in to by then, or then takes as long to start the command "
     "(20s)"},
    {keepalive, 0, "keepalive", "DURATION",
     "ask an ssh server that says nothing for so long whether it is there; three questions without "
     "an answer lose it. A host that is gone is noticed after a minute without that (off)"},
    {user, 'l', "", "USER", "log in as USER (your own name)"},
    {port, 'p', "", "PORT", "port of the ssh servers (22)"},
    {identity, 'i', "", "KEYFILE",
     "private key to log in with. May be repeated (~/.ssh/id_ed25519, id_ecdsa, id_rsa)"},
    {host_key_policy, 0, "host-keys", "strict|accept-new|ignore",
     "strict: a host's key must be known; accept-new: an unknown one is recorded; ignore: any "
     "key will do, and whoever is on the path can listen (strict)"},
    {known_hosts, 0, "known-hosts", "FILE", "where host keys are kept (~/.ssh/known_hosts)"},
    {max_output, 0, "max-output", "SIZE",
     "bytes kept of each host's stdout and stderr by -b, -L and ndjson: 64K, 1M, 1G. What is left "
     "out is counted (1M)"},
    {argv, 0, "argv", "", "quote each word of COMMAND, so that it arrives as it is"},
    {gather, 'b', "", "", "gather: each distinct output once, under the hosts that gave it"},
    {by_host, 'L', "", "", "order by host: the whole output of one, then of the next"},
    {format, 0, "format", "text|ndjson",
     "ndjson: one JSON object a line for each host, as it completes (text)"},
    {progress, 0, "progress", "auto|always|never",
     "a line that tells how far it is; auto: when stderr is a terminal (auto)"},
    {color, 0, "color", "auto|always|never",
     "names of hosts in colour; auto: on a terminal, unless NO_COLOR is set (auto)"},
    {help, 'h', "help", "", "show this text"},
}};

constexpr std::string_view before_options =
    R"(Usage: execo run [OPTION]... -w SET [--] COMMAND...

Runs COMMAND on ssh hosts, many at a time. Its words are joined by spaces and read
by the login shell of the remote user, as ssh and clush do. Standard input is not
read. Output comes as `host: line`, as it arrives.

Options (defaults in parentheses):
)";

constexpr std::string_view after_options = R"(
Examples:
  execo run -w 'node[1-200]' -b -- uname -r
  execo run -w @web -x web7 -u 30s -- systemctl is-active nginx
  execo run --hosts-file hosts.txt -f 256 --format ndjson -- uptime | jq .out
  execo run -w 'node[1-4]' --argv -- touch 'a name with blanks'
  execo run -w '127.0.0.[1-9]' -p 2222 --host-keys accept-new 'echo $HOME; df -h | tail -1'

Defaults are those of ~/.config/execo/config.toml, or of the file $EXECO_CONFIG.

Exit status:
  0    the command exited 0 on every host
  1    it exited otherwise, or a signal ended it, on some host
  2    usage: nothing was run
  3    some host was not reached or was lost: connect_failed, auth_failed,
       host_key_rejected, connection_lost, not_started, protocol_error
  4    some host timed_out, in any phase
  71   this machine failed: no descriptors or memory left
  74   standard output could not be written
  130  interrupted by SIGINT, SIGTERM or SIGHUP
Where several apply: 130, 74, 3, 4, 1.
)";

template <class Value>
using choices = std::span<const std::pair<std::string_view, Value>>;

template <class Value>
Value choose(const given_option& given, choices<Value> known) {
  std::string words;
  for (const auto& [word, value] : known) {
    if (given.value == word) return value;
    words += fmt::format("{}{}", words.empty() ? "" : ", ", word);
  }
  throw usage_error(
      fmt::format("{} '{}': choose from {}", given.spelled, printable(given.value), words));
}

constexpr std::array<std::pair<std::string_view, host_keys>, 3> policies{
    {{"strict", host_keys::strict},
     {"accept-new", host_keys::accept_new},
     {"ignore", host_keys::ignore}}};
constexpr std::array<std::pair<std::string_view, bool>, 2> formats{
    {{"text", false}, {"ndjson", true}}};
constexpr std::array<std::pair<std::string_view, color_mode>, 3> color_words{
    {{"auto", color_mode::automatic},
     {"always", color_mode::always},
     {"never", color_mode::never}}};
constexpr std::array<std::pair<std::string_view, when>, 3> progress_words{
    {{"auto", when::automatic}, {"always", when::always}, {"never", when::never}}};

std::size_t number(const given_option& given, std::size_t most) {
  std::size_t value = 0;
  const char* end = given.value.data() + given.value.size();
  auto [stopped, error] = std::from_chars(given.value.data(), end, value);
  if (error != std::errc() || stopped != end || value < 1 || value > most)
    throw usage_error(fmt::format("{} '{}': expected a number from 1 to {}", given.spelled,
                                  printable(given.value), most));
  return value;
}

duration time_limit(const given_option& given) {
  try {
    return parse_duration(given.value);
  } catch (const std::invalid_argument& error) {
    throw usage_error(fmt::format("{}: {}", given.spelled, printable(error.what())));
  }
}

// Not empty, and on one line: a name that is neither would fail on each host instead of once.
std::string plain(const given_option& given) {
  std::string value(given.value);
  if (value.empty()) throw usage_error(given.spelled + " '': give a value that is not empty");
  if (printable(value) != value)
    throw usage_error(fmt::format("{} '{}': control characters have no place here", given.spelled,
                                  printable(value)));
  return value;
}

std::string key_file(const given_option& given) {
  std::string path = plain(given);
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int error = fd < 0 ? errno : 0;
  struct stat about {};
  if (fd >= 0 && ::fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) error = EISDIR;
  if (fd >= 0) (void)::close(fd);  // nothing was written to it
  if (error != 0)
    throw usage_error(fmt::format("{} '{}': the key file cannot be read: {}", given.spelled, path,
                                  ::strerror(error)));
  return path;
}

class reader {
 public:
  explicit reader(const config& defaults) {
    made_.fanout = defaults.fanout;
    made_.timeout = defaults.timeout;
    made_.drain_timeout = defaults.drain_timeout;
    made_.max_output = defaults.max_output;
    made_.color = defaults.color;
    made_.ssh = defaults.ssh;
  }

  std::optional<run_options> read(const scanned_arguments& found) {
    for (const given_option& given : found.options) {
      if (given.what->id == help) return std::nullopt;
      apply(given);
    }
    settle_layout();
    made_.words.assign(found.words.begin(), found.words.end());
    if (made_.command_text().find_first_not_of(" \t\n") == std::string::npos)
      throw usage_error("no command: give it behind the options, `-- uname -r`");
    made_.hosts = targets_.hosts();
    return std::move(made_);
  }

 private:
  void apply(const given_option& given) {
    switch (given.what->id) {
      case nodes:
        targets_.add(given.spelled, given.value);
        break;
      case exclude:
        targets_.exclude(given.spelled, given.value);
        break;
      case hosts_file:
        targets_.add_file(given.spelled, std::string(given.value));
        break;
      case max_hosts:
        targets_.set_max_hosts(number(given, host_set::max_size));
        break;
      case allow_empty:
        targets_.allow_empty();
        break;
      case fanout:
        made_.fanout = number(given, 1'000'000);
        break;
      case timeout:
        made_.timeout = time_limit(given);
        break;
      case max_output:
        size(given);
        break;
      case argv:
        made_.quote_words = true;
        break;
      case gather:
        gathered_ = true;
        break;
      case by_host:
        ordered_ = true;
        break;
      case format:
        ndjson_ = choose<bool>(given, formats);
        break;
      case color:
        made_.color = choose<color_mode>(given, color_words);
        break;
      case progress:
        made_.progress = choose<when>(given, progress_words);
        break;
      default:
        apply_ssh(given);
        break;
    }
  }

  void apply_ssh(const given_option& given) {
    ssh_options& ssh = made_.ssh;
    switch (given.what->id) {
      case connect_timeout:
        ssh.limits.establish = time_limit(given);
        break;
      case keepalive:
        ssh.keepalive = time_limit(given);
        break;
      case user:
        ssh.user = plain(given);
        break;
      case port:
        ssh.port = static_cast<int>(number(given, 65535));
        break;
      case identity:
        // Keys named here take the place of those in the configuration.
        if (!std::exchange(key_given_, true)) ssh.identities.clear();
        ssh.identities.push_back(key_file(given));
        break;
      case host_key_policy:
        ssh.host_key_policy = choose<host_keys>(given, policies);
        break;
      case known_hosts:
        ssh.known_hosts = plain(given);
        break;
      default:
        break;
    }
  }

  void size(const given_option& given) {
    try {
      made_.max_output = parse_size(given.value);
    } catch (const usage_error& error) {
      throw usage_error(fmt::format("{} {}", given.spelled, error.what()));
    }
  }

  void settle_layout() {
    if (gathered_ && ordered_) throw usage_error("-b and -L exclude each other: choose one");
    if (ndjson_ && (gathered_ || ordered_))
      throw usage_error(fmt::format("{} is for --format text: ndjson has one object for each host",
                                    gathered_ ? "-b" : "-L"));
    if (gathered_) made_.show = layout::gathered;
    if (ordered_) made_.show = layout::ordered;
    if (ndjson_) made_.show = layout::ndjson;
  }

  run_options made_;
  target_list targets_;
  bool key_given_ = false;
  bool gathered_ = false;
  bool ordered_ = false;
  bool ndjson_ = false;
};

}  // namespace

std::string run_options::command_text() const { return fmt::format("{}", fmt::join(words, " ")); }

std::size_t parse_size(std::string_view text) {
  std::size_t value = 0;
  const char* end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data(), end, value);
  std::string_view unit(stopped, static_cast<std::size_t>(end - stopped));
  static constexpr std::array<std::pair<std::string_view, int>, 7> units{
      {{"", 0}, {"K", 10}, {"k", 10}, {"M", 20}, {"m", 20}, {"G", 30}, {"g", 30}}};
  for (auto [name, shift] : units) {
    if (error != std::errc() || unit != name) continue;
    if (value > std::numeric_limits<std::size_t>::max() >> shift) break;
    return value << shift;
  }
  throw usage_error(fmt::format("'{}': expected bytes: 4096, 64K, 1M or 1G", printable(text)));
}

std::optional<run_options> parse_run(std::span<const char* const> arguments,
                                     const config& defaults) {
  return reader(defaults).read(scan_arguments(options, arguments));
}

std::string run_help() {
  return fmt::format("{}{}{}", before_options, option_help(options), after_options);
}

}  // namespace execo::cli
