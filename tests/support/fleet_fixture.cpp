#include "fleet_fixture.hpp"
#include "file_bytes.hpp"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace execo::test {

namespace {

namespace fs = std::filesystem;

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

bool soon(const std::function<bool()>& is_so) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    (void)::poll(nullptr, 0, 5);
  }
  return true;
}

scratch_directory::scratch_directory()
    : path_((fs::temp_directory_path() / "execo-fleet-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp: " + path_);
}

scratch_directory::~scratch_directory() {
  std::error_code unused;  // what cannot be removed is no reason to abort a test
  fs::remove_all(path_, unused);
}

/// Makes the keys on the way.
std::vector<std::string> fleet_fixture::command_line(const std::string& hosts,
                                                     const std::vector<std::string>& more) const {
  outcome made =
      run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", identity()});
  if (made.code != 0) throw std::runtime_error("ssh-keygen: " + made.err);
  std::vector<std::string> words{EXECO_FLEET, "--port", "0", "--hosts", hosts};
  words.insert(words.end(), {"--authorized-keys", identity() + ".pub"});
  words.insert(words.end(), {"--write-known-hosts", known_hosts()});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

fleet_fixture::fleet_fixture(const std::string& hosts, const std::vector<std::string>& more)
    : fleet_(command_line(hosts, more), {mark()}) {
  if (!fleet_.out_has("\n")) {
    outcome end = fleet_.finish({}, std::chrono::seconds(1));
    throw std::runtime_error("the fleet did not get ready: " + end.out + end.err);
  }
  ready_line_ = fleet_.out().substr(0, fleet_.out().find('\n'));
  std::size_t port = ready_line_.find(" on port ");
  if (port == std::string::npos) throw std::runtime_error("no port in: " + ready_line_);
  port_ = std::stoi(ready_line_.substr(port + 9));
}

fleet_fixture::~fleet_fixture() {
  if (fleet_.pid() > 0) {
    outcome last = end(SIGTERM);
    bool orderly = last.code == 0 && !last.too_late && nothing_left();
    if (!orderly) {
      std::fprintf(stderr, "the fleet ended badly (%d): %s\n", last.code, last.err.c_str());
      std::abort();
    }
  }
  for (pid_t left : processes()) (void)::kill(left, SIGKILL);
}

outcome fleet_fixture::end(int signal) {
  fleet_.kill(signal);
  return fleet_.finish();
}

std::string fleet_fixture::host_key() const {
  std::string line = file_bytes(known_hosts());
  line = line.substr(line.find(' ') + 1);
  return line.substr(0, line.find('\n'));
}

std::vector<std::string> fleet_fixture::ssh(const std::string& host, const std::string& command,
                                            const std::vector<std::string>& options) const {
  std::vector<std::string> words{"ssh", "-F",       "none", "-p",     std::to_string(port_),
                                 "-i",  identity(), "-l",   "someone"};
  for (const char* option :
       {"BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "LogLevel=ERROR",
        "StrictHostKeyChecking=yes", "KexAlgorithms=curve25519-sha256"}) {
    words.insert(words.end(), {"-o", option});
  }
  words.insert(words.end(), {"-o", "UserKnownHostsFile=" + known_hosts()});
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {host, "--", command});
  return words;
}

/// Inherited by the fleet, its keeper and all they start: how they are found again.
std::string fleet_fixture::mark() const { return "EXECO_TEST_FLEET=" + directory(); }

std::vector<pid_t> fleet_fixture::processes() const {
  std::vector<pid_t> found;
  std::string wanted = mark() + '\0';
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    std::string name = entry.path().filename().string();
    // Empty once the process has ended, or if it is none of ours.
    if (is_number(name) &&
        ('\0' + file_bytes("/proc/" + name + "/environ")).find('\0' + wanted) != std::string::npos)
      found.push_back(std::stoi(name));
  }
  return found;
}

std::vector<pid_t> fleet_fixture::commands() const {
  std::vector<pid_t> found = processes();
  std::erase_if(found, [this](pid_t pid) {
    std::string name = file_bytes("/proc/" + std::to_string(pid) + "/comm");
    return pid == fleet_.pid() || name == "fleet-keeper\n";
  });
  return found;
}

bool fleet_fixture::no_commands_left() const {
  return soon([this] { return commands().empty(); });
}

bool fleet_fixture::nothing_left() const {
  return soon([this] { return processes().empty(); });
}

}  // namespace execo::test
