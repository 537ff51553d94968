#include "fanout_ssh/ssh_field.hpp"

#include <execo/execo.hpp>
#include <filesystem>
#include <set>
#include <utility>

namespace bench {
namespace {

// Not one of addresses(): what ssh_config says of those is not for the hop.
constexpr const char* jump_host = "127.9.0.1";
constexpr const char* key_exchange = "curve25519-sha256";
constexpr const char* rivals[] = {"asyncssh", "parallel-ssh", "clush", "pdsh"};

bool find(const std::string& rival) {
  std::string check = "command -v " + rival;
  if (rival == "asyncssh") check = "/usr/bin/python3 -W ignore -c 'import asyncssh'";
  return run_client(words{"sh", "-c", check}).code == 0;
}

std::set<std::string> find_rivals() {
  std::set<std::string> there;
  for (const char* name : rivals)
    if (find(name)) there.insert(name);
  return there;
}

bool is_there(const std::string& name) {
  static const std::set<std::string> there = find_rivals();
  return there.contains(name);
}

void append(words& to, const words& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

tool repeated(tool once, int times) {
  words argv{"sh", "-c", "n=$1; shift; while [ $n -gt 0 ]; do \"$@\" || exit; n=$((n - 1)); done",
             "sh", std::to_string(times)};
  append(argv, once.argv);
  once.argv = argv;
  return once;
}

words addresses(int n) {
  words all;
  for (int i = 0; i < n; ++i)
    all.push_back("127.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1));
  return all;
}

std::string address_set(int n) { return execo::host_set(joined(addresses(n), ',')).to_string(); }

ssh_field::ssh_field(const execo::test::sshd_fixture& server, circumstance how)
    : server_(server), how_(std::move(how)), set_(address_set(how_.hosts)) {
  static int fields = 0;
  directory_ = server.directory() + "/bench-" + std::to_string(fields++);
  std::filesystem::create_directory(directory_);
  write_file(directory_ + "/hosts", joined(addresses(how_.hosts), '\n') + "\n");
  write_file(directory_ + "/ssh_config", config());
  write_file(directory_ + "/with_masters",
             config() + "  ControlMaster auto\n  ControlPersist 10m\n  ControlPath " + directory_ +
                 "/m-%h\n");
}

std::string ssh_field::config() const {
  std::string text;
  if (how_.through_jump) text = std::string("Host 127.1.*\n  ProxyJump ") + jump_host + "\n";
  text += "Host *\n  Port " + std::to_string(server_.port()) + "\n  User " + server_.user() +
          "\n  BatchMode yes\n  StrictHostKeyChecking no\n"
          "  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n";
  if (how_.pinned) text += std::string("  KexAlgorithms ") + key_exchange + "\n";
  if (how_.agent.empty())
    text +=
        "  IdentityFile " + server_.identity() + "\n  IdentitiesOnly yes\n  IdentityAgent none\n";
  else
    text += "  IdentityAgent " + how_.agent + "\n";
  return text;
}

// libssh prefers curve25519-sha256 by itself: nothing to pin.
tool ssh_field::execo_run() const {
  std::string port = std::to_string(server_.port());
  tool made{"execo run", {}, {}};
  made.argv = words{
      EXECO_BIN_DIR "/execo",      "run", "-F", "none", "-w",           set_,          "-f",
      std::to_string(how_.window), "-p",  port, "-l",   server_.user(), "--host-keys", "ignore"};
  if (how_.through_jump)
    append(made.argv, words{"-J", server_.user() + "@" + jump_host + ":" + port});
  if (how_.agent.empty())
    append(made.argv, words{"-i", server_.identity()});
  else
    made.variables.push_back("SSH_AUTH_SOCK=" + how_.agent);
  append(made.argv, words{"--", "true"});
  return made;
}

// What both programs that keep their connections take.
words ssh_field::kept_words(int runs) const {
  words argv{"--hosts", directory_ + "/hosts", "--port",   std::to_string(server_.port()),
             "--user",  server_.user(),        "--window", std::to_string(how_.window),
             "--runs",  std::to_string(runs)};
  if (how_.agent.empty()) append(argv, words{"--identity", server_.identity()});
  return argv;
}

tool ssh_field::execo_pool(int runs) const {
  tool made{"execo pool", {EXECO_BIN_DIR "/bench/fanout_ssh_pool"}, {}};
  append(made.argv, kept_words(runs));
  return made;
}

tool ssh_field::asyncssh(int runs) const {
  // Its imports are full of warnings.
  tool made{"asyncssh", {"/usr/bin/python3", "-W", "ignore", ASYNCSSH_CLIENT}, {}};
  append(made.argv, kept_words(runs));
  if (how_.through_jump) append(made.argv, words{"--jump", jump_host});
  if (!how_.agent.empty()) append(made.argv, words{"--agent", how_.agent});
  if (how_.pinned) append(made.argv, words{"--key-exchange", key_exchange});
  return made;
}

tool ssh_field::xargs(const std::string& name, const std::string& config) const {
  return tool{name,
              {"sh", "-c",
               "xargs -P " + std::to_string(how_.window) + " -I{} ssh -F " + directory_ + "/" +
                   config + " {} true <" + directory_ + "/hosts"},
              {}};
}

tool ssh_field::xargs_ssh() const { return xargs("xargs+ssh", "ssh_config"); }

tool ssh_field::ssh_with_masters() const { return xargs("ssh+master", "with_masters"); }

std::vector<tool> ssh_field::others() const {
  std::string config = "-F " + directory_ + "/ssh_config", hosts = directory_ + "/hosts";
  std::string window = std::to_string(how_.window);
  std::vector<tool> all;
  all.push_back(tool{"parallel-ssh",
                     {"parallel-ssh", "-p", window, "-t", "0", "-h", hosts, "-x", config, "true"},
                     {}});
  all.push_back(tool{"clush", {"clush", "-q", "-f", window, "-o", config, "-w", set_, "true"}, {}});
  all.push_back(tool{"pdsh",
                     {"pdsh", "-R", "ssh", "-f", window, "-w", "^" + hosts, "true"},
                     {"PDSH_SSH_ARGS_APPEND=" + config}});
  std::erase_if(all, [](const tool& t) { return !is_there(t.name); });
  return all;
}

bool ssh_field::has_asyncssh() { return is_there("asyncssh"); }

std::string ssh_field::missing() {
  words names;
  for (const char* name : rivals)
    if (!is_there(name)) names.push_back(name);
  return joined(names, ' ');
}

}  // namespace bench
