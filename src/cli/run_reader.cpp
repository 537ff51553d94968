#include "run_reader.hpp"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

#include "command_line/values.hpp"
#include "prompt_broker.hpp"

namespace execo::cli {
namespace {

using command_line::given_option;
using command_line::plain_text;
using command_line::refuse;
using command_line::usage_error;

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

// Without a value: a tree.
constexpr command_line::choices<std::optional<ssh_client>, 5> ways{
    {{"direct", ssh_client::direct},
     {"auto", ssh_client::automatic},
     {"libssh", ssh_client::built_in},
     {"openssh", ssh_client::openssh},
     {"tree", std::nullopt}}};

}  // namespace

run_reader::run_reader(const config& defaults) : ssh(defaults.ssh) {
  usual_fanout = defaults.fanout;
  made.timeout = defaults.timeout;
  made.first_output_timeout = defaults.first_output_timeout;
  made.idle_timeout = defaults.idle_timeout;
  made.total_timeout = defaults.total_timeout;
  made.drain_timeout = defaults.drain_timeout;
  made.max_output = defaults.max_output;
  made.output_budget = defaults.output_budget;
  made.color = defaults.color;
}

void run_reader::add_key(const given_option& given) {
  ssh.given.identities.push_back(key_file(given));
}

void run_reader::refuse_if_resumed(const given_option& given) const {
  if (!resumes) return;
  throw usage_error(fmt::format(
      "the run took a password with {}, which is over: run the rest as a new run, `execo run "
      "-w @last:not_started {} N ...`, or use {}",
      given.spelled, given.spelled,
      given.spelled == "--password-fd" ? "--ask-pass" : "--ask-become-pass"));
}

void run_reader::become(const given_option& given) {
  ssh.given.become = given.value.empty() ? "root" : plain_text(given);
}

// What the first part of the run has read is in no journal.
void run_reader::feed_input(const given_option& given) {
  if (resumes)
    throw usage_error(
        fmt::format("the run read its standard input ({}), which is in no journal: run the rest as "
                    "a new run, `execo run -w @last:not_started {} ...`, with the same input",
                    given.spelled, given.spelled));
  made.feeds_input = true;
}

secret run_reader::password_on(const given_option& given) {
  refuse_if_resumed(given);
  const auto number = static_cast<int>(command_line::number(given, 0, 1'000'000));
  if (number == STDIN_FILENO) password_on_input_ = given.spelled;
  return read_secret(given.spelled, number);
}

void run_reader::check_input() const {
  if (!made.feeds_input) return;
  std::string_view other = targets.reads_input();
  if (other.empty()) other = password_on_input_;
  if (!other.empty())
    throw usage_error(
        fmt::format("--stdin and {} both read standard input: give one of them a file", other));
  const bool asks = made.asks_password || made.asks_become_password;
  if (asks && ::isatty(STDIN_FILENO) == 1)
    throw usage_error(
        "--stdin gives the commands what is typed on this terminal, and a password is asked for on "
        "it, too: redirect standard input, or give the password by a descriptor");
}

void run_reader::choose_way(const command_line::given_option& given) {
  made.shape.reset();
  if (std::optional<ssh_client> client = command_line::choose(given, ways)) {
    ssh.given.via = *client;
  } else {
    made.shape.emplace();
  }
}

void run_reader::set_arity(const command_line::given_option& given) {
  constexpr std::size_t most = 1024;
  arity = given.value == "auto" ? 0 : command_line::number(given, 1, most);
}

void run_reader::check_tunnel() const {
  if (!tunnels) return;
  if (!made.shape) throw usage_error("--tree-tunnel is for --via tree");
  if (!gateways && !topology)
    throw usage_error(
        "--tree-tunnel needs to know what leads to the hosts: add --gateway SET or "
        "--topology FILE");
  if (trusts_site)
    throw usage_error("--tree-tunnel and --site-trust exclude each other: choose one");
  if (authority) throw usage_error("--tree-tunnel and --tree-ca exclude each other: choose one");
  if (!ssh.given.connector.empty())
    throw usage_error("--tree-tunnel and --connector exclude each other: choose one");
}

void run_reader::check_shape() const {
  const bool has_tree = made.shape.has_value();
  const bool may_have_tree = has_tree || ssh.given.via == ssh_client::automatic;
  const std::array<std::pair<std::string_view, bool>, 5> of_any_tree{
      {{"--arity", arity.has_value()},
       {"--site-trust", trusts_site},
       {"--grooming", grooming.has_value()},
       {"--tree-ca", authority.has_value()},
       {"--tree-stats", made.tree_stats.has_value()}}};
  for (const auto& [option, is_given] : of_any_tree)
    if (is_given && !may_have_tree)
      throw usage_error(fmt::format("{} is for --via tree and --via auto", option));
  // Hosts that are reached through these alone are not reached directly.
  if (gateways && !has_tree) throw usage_error("--gateway is for --via tree");
  if (topology && !has_tree) throw usage_error("--topology is for --via tree");
  if (authority && trusts_site)
    throw usage_error("--tree-ca and --site-trust exclude each other: choose one");
  if (authority && !ssh.given.connector.empty())
    throw usage_error("--tree-ca and --connector exclude each other: choose one");
  if (!zones.empty() && !has_tree) throw usage_error("--zone is for --via tree");
  check_tunnel();
  if (made.copy.by_sftp && has_tree)
    throw usage_error("--via tree and --sftp exclude each other: choose one");
}

tree run_reader::wanted_shape() const {
  tree of;
  of.idle_close(duration(0));
  of.arity(arity.value_or(0));
  if (arity == 1) of.chain();
  if (trusts_site) of.site_trust();
  if (grooming) of.grooming(*grooming);
  if (authority) of.certificate_authority(*authority);
  if (tunnels) of.tunnel();
  if (gateways) of.gateway(*gateways);
  if (topology) of.topology(*topology);
  for (const std::string& one : zones) of.zone(one);
  return of;
}

void run_reader::choose_shape() {
  check_shape();
  made.usual_fanout = usual_fanout;
  if (made.shape) {
    made.shape = wanted_shape();
  } else if (ssh.given.via == ssh_client::automatic) {
    made.shape_if_faster = wanted_shape();
  } else if (!made.fanout) {
    made.fanout = usual_fanout;
  }
}

run_options run_reader::finish(std::string_view name, std::span<const char* const> arguments) {
  choose_layout();
  choose_shape();
  made.ssh = ssh.take();
  if (made.journal && !resumes) describe_run(name, arguments);
  check_passwords();
  check_input();
  made.folders.check();
  made.batches.check();
  made.hosts = targets.hosts();
  return std::move(made);
}

run_options resume_by(const journal& of, journal_options how, const config& defaults,
                      const std::function<void(run_reader&, run_words)>& parse) {
  std::vector<const char*> arguments;
  for (const std::string& word : of.arguments()) arguments.push_back(word.c_str());
  run_reader into(defaults);
  into.resumes = true;
  into.targets.fix(of.hosts());
  parse(into, run_words(arguments).subspan(1));
  run_options made = into.finish(of.arguments().front(), {});
  made.journal = std::move(how);
  return made;
}

// What `execo resume` needs, and for people what the configurations add.
void run_reader::describe_run(std::string_view name, std::span<const char* const> arguments) {
  std::vector<std::string> words{std::string(name)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::error_code unknown;  // a directory that is gone
  journal_options& how = *made.journal;
  how.arguments(std::move(words)).directory(std::filesystem::current_path(unknown).string());
  how.remember();
  const ssh_options& by = made.ssh;
  const auto note = [&how](std::string_view option, const std::string& value) {
    if (!value.empty()) how.connection(option, value);
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
  if (made.shape) {
    note("via", "tree");
  } else if (by.connector.empty()) {
    note("via", std::string(to_string(by.via)));
  }
}

void run_reader::check_passwords() const {
  if (made.asks_password && made.password)
    throw usage_error("--ask-pass and --password-fd exclude each other: choose one");
  bool has_password = made.asks_become_password || made.become_password;
  bool is_for_it = has_password || made.ssh.become_method != become_method::sudo;
  if (is_for_it && made.ssh.become.empty())
    throw usage_error("a method or a password to become another user is for --become: add it");
  if (made.asks_become_password && made.become_password)
    throw usage_error("--ask-become-pass and --become-password-fd exclude each other: choose one");
}

void run_reader::choose_layout() {
  if (gathered && ordered) throw usage_error("-b and -L exclude each other: choose one");
  if (ndjson && (gathered || ordered))
    throw usage_error(fmt::format("{} is for --format text: ndjson has one object for each host",
                                  gathered ? "-b" : "-L"));
  if (ndjson && made.names == labels::hidden)
    throw usage_error("-N is for --format text: the objects of ndjson name their hosts");
  if (gathered) made.show = layout::gathered;
  if (ordered) made.show = layout::ordered;
  if (ndjson) made.show = layout::ndjson;
}

}  // namespace execo::cli
