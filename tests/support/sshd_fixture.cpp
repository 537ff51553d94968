#include "sshd_fixture.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* openssh_program = "/usr/sbin/sshd";
constexpr const char* dropbear_program = "/usr/sbin/dropbear";
constexpr const char* ordinary_name = "execo-test";
constexpr int ordinary_id = 54321;
constexpr const char* shells[] = {"bash", "dash", "csh", "tcsh", "fish", "zsh", "ksh93"};

std::string read_all(const std::string& file) {
  std::ifstream from(file);
  std::stringstream text;
  text << from.rdbuf();
  return text.str();
}

void write_all(const std::string& file, const std::string& text, mode_t mode) {
  std::ofstream(file) << text;
  (void)::chmod(file.c_str(), mode);
}

void run(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  pid_t child = ::vfork();
  if (child == 0) {
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0)
    throw std::runtime_error(words[0] + " failed");
}

bool is_free(int port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_ANY);
  any.sin_port = htons(static_cast<std::uint16_t>(port));
  bool ok = ::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0;
  ::close(fd);
  return ok;
}

// Below those that the kernel gives to clients (ip_local_port_range), which other tests have many
// of, and another one for each test that runs beside this one.
int free_port() {
  constexpr int first = 10'000;
  constexpr int count = 22'000;
  static int used = 0;
  for (int tries = 0; tries < count; ++tries) {
    int port = first + (::getpid() + 7919 * used++) % count;
    if (is_free(port)) return port;
  }
  throw std::runtime_error("no free port");
}

std::vector<pid_t> children(pid_t of) {
  std::vector<pid_t> found;
  std::string id = std::to_string(of);
  std::ifstream list("/proc/" + id + "/task/" + id + "/children");
  for (pid_t child; list >> child;) found.push_back(child);
  return found;
}

std::vector<pid_t> descendants(pid_t of) {
  std::vector<pid_t> found = children(of);
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::vector<pid_t> more = children(found[i]);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

bool is_server(pid_t pid) {
  std::string name = read_all("/proc/" + std::to_string(pid) + "/comm");
  return name.starts_with("sshd") || name.starts_with("dropbear");
}

bool is_zombie(pid_t pid) {
  std::string stat = read_all("/proc/" + std::to_string(pid) + "/stat");
  std::size_t end = stat.rfind(") ");
  return end == stat.npos || stat[end + 2] == 'Z';
}

template <class Condition>
bool within(std::chrono::seconds limit, Condition holds) {
  auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace

bool sshd_fixture::available(ssh_server which) {
  if (which == ssh_server::openssh) return ::access(openssh_program, X_OK) == 0;
  return ::geteuid() == 0 && ::access(dropbear_program, X_OK) == 0 &&
         ::access("/usr/bin/dropbearkey", X_OK) == 0;
}

sshd_fixture::sshd_fixture(const std::string& more, ssh_server which) : which_(which) {
  std::string pattern = (fs::temp_directory_path() / "execo-sshd-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  const passwd* me = ::getpwuid(::geteuid());
  user_ = me != nullptr ? me->pw_name : "root";
  // The ordinary user has to reach its keys; nothing secret of this machine is in here.
  (void)::chmod(directory_.c_str(), 0755);
  try {
    make_files(more);
    start();
    if (!within(10s, [this] { return answers(); }))
      throw std::runtime_error("sshd does not answer: " + log());
    widen_backlog();
    if (fs::exists(directory_ + "/has-users")) ordinary_user_ = ordinary_name;
  } catch (...) {
    stop();
    throw;
  }
}

sshd_fixture::~sshd_fixture() { stop(); }

std::string sshd_fixture::user_with_shell(const std::string& name) const {
  bool has = !ordinary_user_.empty() && ::access(("/bin/" + name).c_str(), X_OK) == 0;
  return has ? "execo-" + name : std::string();
}

std::string sshd_fixture::host_key() const {
  std::stringstream line(read_all(directory_ + "/host_key.pub"));
  std::string type, key;
  line >> type >> key;
  return type + " " + key;
}

std::string sshd_fixture::log() const { return read_all(directory_ + "/log"); }

void sshd_fixture::make_files(const std::string& more) {
  for (const char* key : {"/host_key", "/identity"})
    run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", directory_ + key});
  write_all(directory_ + "/authorized_keys", read_all(directory_ + "/identity.pub"), 0644);
  fs::create_directory(directory_ + "/home");
  port_ = free_port();
  // 0.0.0.0 is what all of 127.0.0.0/8 needs; AllowUsers keeps everybody else out.
  std::string text = "ListenAddress 0.0.0.0\nPort " + std::to_string(port_) + "\nHostKey " +
                     directory_ + "/host_key\nAuthorizedKeysFile " + directory_ +
                     "/authorized_keys\nPidFile none\nMaxStartups 5000\nUsePAM no\nUseDNS no\n"
                     "StrictModes no\nPasswordAuthentication no\n"
                     "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
                     "PrintMotd no\nPrintLastLog no\nLogLevel VERBOSE\nMaxSessions 10\n"
                     "AllowUsers " +
                     user_ + "@127.0.0.0/8 execo-*@127.0.0.0/8\n";
  // The first value of an option counts.
  write_all(directory_ + "/config", more + text, 0644);
  write_all(directory_ + "/passwd", users(), 0644);
  std::string listed = "/bin/sh\n";
  for (const char* shell : shells) listed += std::string("/bin/") + shell + "\n";
  write_all(directory_ + "/shells", listed, 0644);
  if (which_ == ssh_server::openssh) return;
  run({"dropbearkey", "-t", "ed25519", "-f", directory_ + "/dropbear_key"});
  fs::create_directory(directory_ + "/home/.ssh");
  fs::copy_file(directory_ + "/authorized_keys", directory_ + "/home/.ssh/authorized_keys");
}

// Homes without start-up files: those of a real root may cost 100 ms a login.
std::string sshd_fixture::users() const {
  std::string home = directory_ + "/home:/bin/";
  std::string text =
      "root:x:0:0:root:" + home + "sh\nsshd:x:100:65534::/run/sshd:/bin/false\n" + ordinary_name;
  int id = ordinary_id;
  auto rest = [&](const std::string& shell) {
    std::string number = std::to_string(id++);
    text += ":x:" + number + ":" + number + "::" + home + shell + "\n";
  };
  rest("sh");
  for (const char* shell : shells) {
    text += std::string("execo-") + shell;
    rest(shell);
  }
  return text;
}

// Runs in the child. What fails here leaves the machine's own view in place.
void sshd_fixture::enter_namespace() const {
  if (::unshare(CLONE_NEWNS) != 0) return;
  (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  (void)::mount("none", "/run", "tmpfs", 0, "mode=755");
  (void)::mkdir("/run/sshd", 0755);
  // Dropbear lets nobody in with a shell that is not listed.
  (void)::mount((directory_ + "/shells").c_str(), "/etc/shells", nullptr, MS_BIND, nullptr);
  std::string users = directory_ + "/passwd";
  if (::mount(users.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) == 0)
    write_all(directory_ + "/has-users", "", 0644);
}

void sshd_fixture::start() {
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    if (::geteuid() == 0) enter_namespace();
    // Adopts the commands whose session has ended, so that commands() sees them.
    (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    execute_server();
    ::_exit(127);
  }
}

void sshd_fixture::execute_server() const {
  const char* end = nullptr;
  std::string log_file = directory_ + "/log";
  if (which_ == ssh_server::openssh) {
    std::string config = directory_ + "/config";
    ::execl(openssh_program, openssh_program, "-D", "-f", config.c_str(), "-E", log_file.c_str(),
            end);
    return;
  }
  int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  (void)::dup2(log, STDERR_FILENO);
  std::string port = "0.0.0.0:" + std::to_string(port_);
  std::string key = directory_ + "/dropbear_key";
  ::execl(dropbear_program, dropbear_program, "-F", "-E", "-s", "-p", port.c_str(), "-r",
          key.c_str(), end);
}

bool sshd_fixture::answers() const {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(port_));
  bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  ::close(fd);
  return connected;
}

// OpenSSH compiles in a backlog of 128; one listener that stands for many hosts overflows it, and
// its clients wait a second for the next SYN.
void sshd_fixture::widen_backlog() const {
  int server = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (server < 0) return;
  for (int number = 0; number < 16; ++number) {
    int fd = static_cast<int>(::syscall(SYS_pidfd_getfd, server, number, 0));
    int listens = 0;
    socklen_t size = sizeof listens;
    if (fd >= 0 && ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
        listens != 0)
      (void)::listen(fd, 4096);
    if (fd >= 0) ::close(fd);
  }
  ::close(server);
}

std::vector<pid_t> sshd_fixture::commands() const {
  std::vector<pid_t> found;
  for (pid_t pid : descendants(pid_))
    if (!is_server(pid) && !is_zombie(pid)) found.push_back(pid);
  return found;
}

bool sshd_fixture::no_commands_left() const {
  return within(10s, [this] { return commands().empty(); });
}

void sshd_fixture::stop() noexcept {
  if (pid_ > 0) {
    // Sessions end with their connections; what does not is ended here.
    (void)within(5s, [this] { return children(pid_).empty(); });
    // First no more are made: one that is just being started would write its log into the directory
    // while that is removed.
    (void)::kill(pid_, SIGSTOP);
    std::vector<pid_t> left = descendants(pid_);
    for (pid_t pid : left) (void)::kill(pid, SIGKILL);
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
    (void)within(5s, [&left] {
      return std::ranges::none_of(left, [](pid_t pid) { return ::kill(pid, 0) == 0; });
    });
    pid_ = -1;
  }
  std::error_code gone;
  fs::remove_all(directory_, gone);
}

}  // namespace execo::test
