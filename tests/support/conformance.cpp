#include "conformance.hpp"

#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "execo/sync_wait.hpp"
#include "long_count.hpp"
#include "sanitizers.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using kind = conformance_way::kind;

constexpr ssh_server sshd = ssh_server::openssh;
constexpr ssh_client libssh = ssh_client::built_in;
constexpr ssh_client openssh = ssh_client::openssh;

constexpr conformance_way ways[] = {
    {"libssh", kind::transport},
    {"openssh", kind::transport, sshd, openssh},
    {"connector_sh", kind::transport, sshd, libssh, "sh -c"},
    {"connector_argv", kind::transport, sshd, libssh, "argv:unshare -r"},
    {"tree", kind::transport, sshd, libssh, "", 0, "", false, true},
    {"tree_local", kind::transport, sshd, libssh, "local", 0, "", false, true},
    {"libssh_1_hop", kind::transport, sshd, libssh, "", 1},
    {"libssh_3_hops", kind::transport, sshd, libssh, "", 3},
    {"openssh_1_hop", kind::transport, sshd, openssh, "", 1, "", true},
    {"openssh_3_hops", kind::transport, sshd, openssh, "", 3, "", true},
    {"dropbear", kind::server, ssh_server::dropbear, libssh, "", 0, "", true},
    {"tinyssh", kind::server, ssh_server::tinyssh, libssh, "", 0, "", true},
    {"asyncssh", kind::server, ssh_server::asyncssh, libssh, "", 0, "", true},
    {"paramiko", kind::server, ssh_server::paramiko, libssh, "", 0, "", true},
    {"crypto_ssh", kind::server, ssh_server::crypto_ssh, libssh, "", 0, "", true},
    {"sh_libssh", kind::shell, sshd, libssh, "", 0, "sh", true},
    {"bash_libssh", kind::shell, sshd, libssh, "", 0, "bash"},
    {"dash_libssh", kind::shell, sshd, libssh, "", 0, "dash", true},
    {"csh_libssh", kind::shell, sshd, libssh, "", 0, "csh"},
    {"tcsh_libssh", kind::shell, sshd, libssh, "", 0, "tcsh"},
    {"fish_libssh", kind::shell, sshd, libssh, "", 0, "fish"},
    {"zsh_libssh", kind::shell, sshd, libssh, "", 0, "zsh", true},
    {"sh_openssh", kind::shell, sshd, openssh, "", 0, "sh", true},
    {"bash_openssh", kind::shell, sshd, openssh, "", 0, "bash", true},
    {"dash_openssh", kind::shell, sshd, openssh, "", 0, "dash", true},
    {"csh_openssh", kind::shell, sshd, openssh, "", 0, "csh", true},
    {"tcsh_openssh", kind::shell, sshd, openssh, "", 0, "tcsh", true},
    {"fish_openssh", kind::shell, sshd, openssh, "", 0, "fish", true},
    {"zsh_openssh", kind::shell, sshd, openssh, "", 0, "zsh", true},
};

bool is_posix(std::string_view shell) { return !shell.ends_with("csh") && shell != "fish"; }

// No more than the begin of it. A process may go meanwhile.
std::string_view text_of(const fs::path& file, std::string& into) {
  into.clear();
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  char bytes[256];
  ssize_t n = ::read(fd, bytes, sizeof bytes);
  if (n > 0) into.assign(bytes, static_cast<std::size_t>(n));
  ::close(fd);
  return into;
}

std::string login_user(const sshd_fixture& server, const conformance_way& way) {
  std::string shell = way.shell;
  if (shell.empty()) return server.user();
  return shell == "sh" ? server.ordinary_user() : server.user_with_shell(shell);
}

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  if (!pattern.ends_with('*')) return pattern == name;
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

bool is_long() { return long_count(10) > 1; }

class verdict {
 public:
  bool held = true;
  std::string failures;
};

verdict verdict_of(const conformance_point& point, const host_under_test& at) {
  testing::TestPartResultArray found;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &found);
    try {
      point.check(at);
    } catch (const std::exception& e) {
      ADD_FAILURE() << "exception: " << e.what();
    }
  }
  verdict v;
  for (int i = 0; i < found.size(); ++i) {
    const testing::TestPartResult& part = found.GetTestPartResult(i);
    if (!part.failed()) continue;
    v.held = false;
    v.failures += std::string("\n  ") + (part.file_name() != nullptr ? part.file_name() : "") +
                  ":" + std::to_string(part.line_number()) + ": " + part.message();
  }
  return v;
}

// One of many points that are alike, on a way that is dear and has shown others of them.
bool is_left_out(const conformance_way& way, const conformance_point& point) {
  bool dear = way.client == openssh || way.of != kind::transport || way.hops > 1;
  return point.alike && dear && !is_long();
}

void check_point(const conformance_point& point, host_under_test& at) {
  if (is_left_out(at.way(), point)) return;
  const conformance_gap* gap = gap_of(at.way(), point);
  if (gap != nullptr && gap->how == conformance_gap::shown::slowly && !is_long()) return;
  std::string name = std::string(at.way().name) + ": " + point.name;
  std::cout << name << std::endl;  // if it hangs, this names it
  at.expect_a_gap(gap != nullptr);
  verdict found = verdict_of(point, at);
  if (gap == nullptr) {
    EXPECT_TRUE(found.held) << name << found.failures;
    return;
  }
  bool closed = found.held && gap->how != conformance_gap::shown::at_times;
  EXPECT_FALSE(closed) << name
                       << ": this gap has closed; take it out of the table: " << gap->reason;
  std::cout << "gap: " << name << ": " << gap->reason << "\n";
}

}  // namespace

host_under_test::host_under_test(const conformance_way& which) : way_(which) {
  static int count = 0;
  // What the caller of a connector, or of the ssh program, has of its own login.
  (void)::setenv("SHELL", "/bin/sh", 0);
  (void)::setenv("TERM", "xterm", 0);
  scratch_ = (fs::temp_directory_path() / "execo-conformance-XXXXXX").string();
  if (::mkdtemp(scratch_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  (void)::chmod(scratch_.c_str(), 0777);
  tag_ = "98765." + std::to_string(::getpid()) + std::to_string(count++);
  begin();
  driver_ = std::thread([this] { loop_->run(); });
  if (!way_.is_ssh() && !run("true").ok()) why_not_ = "no user namespaces on this machine";
}

host_under_test::~host_under_test() {
  clear();
  loop_->stop();
  driver_.join();
  // With the connections to hops: the server waits for their end.
  loop_.reset();
  server_.reset();
  std::error_code gone;
  fs::remove_all(scratch_, gone);
}

void host_under_test::begin() {
  if (!way_.is_ssh()) {
    options_.connector = way_.connector;
    return;
  }
  if (!sshd_fixture::available(way_.server)) {
    why_not_ = "no such server on this machine";
    return;
  }
  server_ = std::make_unique<sshd_fixture>("", way_.server);
  options_.port = server_->port();
  options_.user = login_user(*server_, way_);
  options_.identities = {server_->identity()};
  options_.agent = "none";
  options_.host_key_policy = host_keys::ignore;
  options_.config_file = "none";
  options_.via = way_.client;
  if (options_.user.empty()) why_not_ = "no user with such a shell on this machine";
  if (way_.hops > 0) set_hops();
}

// The ssh program takes hops from its configuration alone, which the hops read as well.
void host_under_test::set_hops() {
  std::vector<std::string> hops;
  std::string list;
  for (int i = 1; i <= way_.hops; ++i) {
    hops.push_back(options_.user + "@127.8.0." + std::to_string(i) + ":" +
                   std::to_string(options_.port));
    list += (i > 1 ? "," : "") + hops.back();
  }
  if (way_.client != ssh_client::openssh) {
    options_.jump = hops;
    return;
  }
  options_.config_file = scratch_ + "/ssh_config";
  std::ofstream(options_.config_file)
      << "IdentityFile " << server_->identity() << "\nIdentityAgent none\n"
      << "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"
      << "Host 127.1.*\nProxyJump " << list << "\n";
}

command host_under_test::posix(const std::string& text) const {
  if (is_posix(way_.shell)) return command(text);
  return command(std::vector<std::string>{"exec", "/bin/sh", "-c", text});
}

remote host_under_test::on(command what, detail::host_arguments hosts) const {
  remote made = remote(std::move(what), std::move(hosts))
                    .ssh(options_)
                    .on(*loop_)
                    .timeout(limit_)
                    .kill_timeout(limit_ / 4);
  if (way_.by_tree) made.via(tree());
  return made;
}

host_result host_under_test::result_of(remote action) {
  action_result all = sync_wait(std::move(action));
  return all.all().at(0);
}

void host_under_test::expect_a_gap(bool expected) {
  limit_ = expected ? std::chrono::milliseconds(400) : std::chrono::seconds(20);
}

std::vector<pid_t> host_under_test::endless_ones() const {
  std::vector<pid_t> found;
  std::string words;
  std::string wanted = std::string("sleep\0", 6) + tag_ + '\0';
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc", gone)) {
    pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && text_of(entry.path() / "cmdline", words) == wanted) found.push_back(pid);
  }
  return found;
}

bool host_under_test::left_over() const {
  auto end = std::chrono::steady_clock::now() + limit_;
  while (!endless_ones().empty()) {
    if (std::chrono::steady_clock::now() > end) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

void host_under_test::leaves_nothing(const result& r) const {
  has_ended(r);
  if (r.leftover() == leftover_cause::no_answer && r.started_command() != certainty::yes) return;
  EXPECT_FALSE(left_over()) << r.describe() << ", " << to_string(r.leftover());
}

void host_under_test::clear() const {
  for (pid_t pid : endless_ones()) (void)::kill(pid, SIGKILL);
  close_idle_connections(*loop_);
  if (!server_) return;
  for (pid_t pid : server_->commands()) (void)::kill(pid, SIGKILL);
}

void has_ended(const result& r) {
  if (r.leftover() == leftover_cause::no_answer) return;
  EXPECT_FALSE(r.may_still_run()) << r.describe();
}

std::span<const conformance_way> conformance_ways() { return ways; }

std::span<const conformance_area> conformance_areas() {
  static const conformance_area areas[] = {
      {"ends", points_of_ends()},   {"signals", points_of_signals()},
      {"time", points_of_time()},   {"output", points_of_output()},
      {"input", points_of_input()}, {"terminals", points_of_terminals()},
      {"words", points_of_words()}, {"surroundings", points_of_surroundings()},
      {"many", points_of_many()},
  };
  return areas;
}

const conformance_gap* gap_of(const conformance_way& way, const conformance_point& point) {
  for (const conformance_gap& gap : conformance_gaps())
    if (matches(gap.way, way.name) && matches(gap.point, point.name)) return &gap;
  return nullptr;
}

void check_conformance(const conformance_way& way, const conformance_area& area) {
  // Servers and shells show nothing new to a sanitizer, and their commands take its time.
  constexpr bool sanitized = address_sanitizer || thread_sanitizer;
  bool left_out = way.long_alone || (sanitized && way.of != kind::transport);
  if (left_out && !is_long()) GTEST_SKIP() << "only with EXECO_LONG=1";
  host_under_test at(way);
  if (!at.why_not().empty()) GTEST_SKIP() << at.why_not();
  for (const conformance_point& point : area.points) check_point(point, at);
}

std::vector<conformance_case> conformance_cases(conformance_way::kind of) {
  std::vector<conformance_case> cases;
  for (const conformance_way& way : ways) {
    if (way.of != of) continue;
    for (const conformance_area& area : conformance_areas()) cases.push_back({&way, &area});
  }
  return cases;
}

std::string name_of(const conformance_case& one) {
  return std::string(one.way->name) + "_" + one.area->name;
}

std::string conformance_matrix(conformance_way::kind of) {
  std::vector<const conformance_way*> columns;
  for (const conformance_way& way : ways)
    if (way.of == of) columns.push_back(&way);
  std::vector<std::string_view> reasons;
  std::string text = "| |";
  for (const conformance_way* way : columns) text += std::string(" ") + way->name + " |";
  text += "\n|---|";
  for (std::size_t i = 0; i < columns.size(); ++i) text += "---|";
  text += "\n";
  for (const conformance_area& area : conformance_areas()) {
    for (const conformance_point& point : area.points) {
      text += std::string("| ") + area.name + ": " + point.name + " |";
      for (const conformance_way* way : columns) {
        const conformance_gap* gap = gap_of(*way, point);
        if (gap == nullptr) {
          text += " ok |";
          continue;
        }
        auto place = std::ranges::find(reasons, gap->reason);
        if (place == reasons.end()) place = reasons.insert(place, gap->reason);
        text += " gap " + std::to_string(place - reasons.begin() + 1) + " |";
      }
      text += "\n";
    }
  }
  for (std::size_t i = 0; i < reasons.size(); ++i)
    text += (i == 0 ? "\n" : "") + std::to_string(i + 1) + ". " + std::string(reasons[i]) + "\n";
  return text;
}

}  // namespace execo::test
