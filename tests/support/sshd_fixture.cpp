#include "sshd_fixture.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
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

#include "child_processes.hpp"
#include "file_bytes.hpp"
#include "places.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* openssh_program = "/usr/sbin/sshd";
constexpr const char* dropbear_program = "/usr/sbin/dropbear";
constexpr const char* tinyssh_program = "/usr/sbin/tinysshd";
constexpr const char* python_program = "/usr/bin/python3";
constexpr const char* ordinary_name = "execo-test";
constexpr int ordinary_id = 54321;
constexpr const char* shells[] = {"bash", "dash", "csh", "tcsh", "fish", "zsh", "ksh93"};

void write_all(const std::string& file, const std::string& text, mode_t mode) {
  std::ofstream(file) << text;
  (void)::chmod(file.c_str(), mode);
}

// Valid as long as they are.
std::vector<char*> argv_of(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
  argv.push_back(nullptr);
  return argv;
}

void run(const std::vector<std::string>& words) {
  std::vector<char*> argv = argv_of(words);
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

// Beside the tool, if the build had a Go compiler.
std::string go_program() { return fs::path(EXECO_TOOL).replace_filename("crypto_ssh_server"); }

std::string library_of(ssh_server which) {
  return which == ssh_server::asyncssh ? "asyncssh" : "paramiko";
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

std::vector<pid_t> descendants(pid_t of) {
  std::vector<pid_t> found = child_processes(of);
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::vector<pid_t> more = child_processes(found[i]);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

bool is_server(pid_t pid) {
  std::string name = file_bytes("/proc/" + std::to_string(pid) + "/comm");
  for (const char* server : {"sshd", "dropbear", "tinyssh"})
    if (name.starts_with(server)) return true;
  return false;
}

bool is_zombie(pid_t pid) {
  std::string stat = file_bytes("/proc/" + std::to_string(pid) + "/stat");
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
  auto is_program = [](const char* path) { return ::access(path, X_OK) == 0; };
  bool root = ::geteuid() == 0;
  switch (which) {
    case ssh_server::openssh:
      return is_program(openssh_program);
    case ssh_server::dropbear:
      return root && is_program(dropbear_program) && is_program("/usr/bin/dropbearkey");
    case ssh_server::tinyssh:
      return root && is_program(tinyssh_program) && is_program("/usr/sbin/tinysshd-makekey");
    case ssh_server::crypto_ssh:
      return is_program(go_program().c_str());
    default:
      return is_program(python_program) &&
             fs::exists("/usr/lib/python3/dist-packages/" + library_of(which));
  }
}

sshd_fixture::sshd_fixture(const std::string& more, ssh_server which,
                           const std::map<std::string, std::string>& etc)
    : which_(which) {
  std::string pattern = (fs::temp_directory_path() / "execo-sshd-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  const passwd* me = ::getpwuid(::geteuid());
  user_ = me != nullptr ? me->pw_name : "root";
  // The ordinary user has to reach its keys; nothing secret of this machine is in here.
  (void)::chmod(directory_.c_str(), 0755);
  try {
    make_files(more, etc);
    start();
    if (!within(30s, [this] { return answers(); }))
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

std::vector<std::string> sshd_fixture::login_users() const {
  std::vector<std::string> all{user_};
  if (!ordinary_user_.empty()) all.push_back(ordinary_user_);
  return all;
}

std::string sshd_fixture::host_key() const {
  std::stringstream line(file_bytes(directory_ + "/host_key.pub"));
  std::string type, key;
  line >> type >> key;
  return type + " " + key;
}

std::string sshd_fixture::log() const { return file_bytes(directory_ + "/log"); }

void sshd_fixture::make_files(const std::string& more,
                              const std::map<std::string, std::string>& etc) {
  for (const char* key : {"/host_key", "/identity"})
    run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", directory_ + key});
  write_all(directory_ + "/authorized_keys", file_bytes(directory_ + "/identity.pub"), 0644);
  fs::create_directory(directory_ + "/home");
  // fish complains to each command of a home where it may not write; its users share this one.
  for (const char* folder : {"/home/.config/fish", "/home/.local/share/fish"}) {
    fs::create_directories(directory_ + folder);
    (void)::chmod((directory_ + folder).c_str(), 0777);
  }
  port_ = free_port();
  // 0.0.0.0 is what all of 127.0.0.0/8 needs; AllowUsers keeps everybody else out.
  std::string text = "ListenAddress 0.0.0.0\nPort " + std::to_string(port_) + "\nHostKey " +
                     directory_ + "/host_key\nAuthorizedKeysFile " + directory_ +
                     "/authorized_keys\nPidFile none\nUsePAM no\nUseDNS no\n"
                     "StrictModes no\nPasswordAuthentication no\n"
                     "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
                     "PrintMotd no\nPrintLastLog no\nLogLevel VERBOSE\nMaxSessions 10\n"
                     "AllowUsers " +
                     user_ + "@127.0.0.0/8 execo-*@127.0.0.0/8\n";
  // The first value of an option counts, but for this one.
  if (more.find("MaxStartups") == more.npos) text += "MaxStartups 5000\n";
  write_all(directory_ + "/config", more + text, 0644);
  std::string more_users;
  for (const auto& [name, words] : etc) {
    if (name == "passwd") more_users = words;
    std::string file = directory_ + "/etc/" + name;
    fs::create_directories(fs::path(file).parent_path());
    // As sudo and doas want theirs.
    if (name != "passwd") write_all(file, words, 0400);
  }
  write_all(directory_ + "/passwd", users() + more_users, 0644);
  std::string listed = "/bin/sh\n";
  for (const char* shell : shells) listed += std::string("/bin/") + shell + "\n";
  write_all(directory_ + "/shells", listed, 0644);
  if (which_ == ssh_server::tinyssh) run({"tinysshd-makekey", "-q", directory_ + "/tiny_keys"});
  if (which_ != ssh_server::dropbear) return;
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

// A copy of the machine's /etc with our files in it: a mount takes the place of a file only where
// there is one.
void sshd_fixture::take_etc() const {
  const fs::path whole = directory_ + "/whole-etc";
  (void)::mkdir(whole.c_str(), 0755);
  if (::mount("none", whole.c_str(), "tmpfs", 0, "mode=755") != 0) return;
  auto how = fs::copy_options::recursive | fs::copy_options::copy_symlinks |
             fs::copy_options::overwrite_existing;
  std::error_code missing;
  for (const fs::path& from : {fs::path("/etc"), fs::path(directory_ + "/etc")})
    for (const auto& entry : fs::directory_iterator(from, missing))
      fs::copy(entry.path(), whole / entry.path().filename(), how, missing);
  (void)::mount(whole.c_str(), "/etc", nullptr, MS_BIND, nullptr);
}

// Runs in the child. What fails here leaves the machine's own view in place.
void sshd_fixture::enter_namespace() const {
  if (::unshare(CLONE_NEWNS) != 0) return;
  (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  (void)::mount("none", "/run", "tmpfs", 0, "mode=755");
  (void)::mkdir("/run/sshd", 0755);
  if (fs::exists(directory_ + "/etc")) take_etc();
  // Dropbear refuses users whose shell is not listed.
  (void)::mount((directory_ + "/shells").c_str(), "/etc/shells", nullptr, MS_BIND, nullptr);
  std::string users = directory_ + "/passwd";
  if (::mount(users.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr) == 0)
    write_all(directory_ + "/has-users", "", 0644);
  if (which_ == ssh_server::tinyssh) give_home_of_root();
}

// Runs in the child. Tinyssh trusts no key below a directory that others may write to.
void sshd_fixture::give_home_of_root() const {
  (void)::mount("none", "/srv", "tmpfs", 0, "mode=755");
  (void)::mkdir("/srv/.ssh", 0700);
  write_all("/srv/.ssh/authorized_keys", file_bytes(directory_ + "/authorized_keys"), 0600);
  write_all("/srv/passwd", "root:x:0:0:root:/srv:/bin/sh\n", 0644);
  (void)::mount("/srv/passwd", "/etc/passwd", nullptr, MS_BIND, nullptr);
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

// Runs in the child. What this process was given is not for the commands of a server.
void sshd_fixture::execute_server() const {
  (void)::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  int log = ::open((directory_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  (void)::dup2(log, STDERR_FILENO);
  if (which_ == ssh_server::tinyssh) return execute_for_each_connection();
  std::vector<std::string> words = server_words();
  ::execv(words[0].c_str(), argv_of(words).data());
}

// Runs in the child, as inetd does.
void sshd_fixture::execute_for_each_connection() const {
  std::vector<std::string> words = server_words();
  std::vector<char*> argv = argv_of(words);
  (void)::prctl(PR_SET_NAME, "tinyssh-inetd");
  (void)::signal(SIGCHLD, SIG_IGN);
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(static_cast<std::uint16_t>(port_));
  (void)::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any);
  (void)::listen(listener, 512);
  for (;;) {
    int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0 || ::fork() != 0) {
      ::close(socket);
      continue;
    }
    (void)::signal(SIGCHLD, SIG_DFL);
    (void)::dup2(socket, STDIN_FILENO);
    (void)::dup2(socket, STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
}

std::vector<std::string> sshd_fixture::server_words() const {
  std::string port = std::to_string(port_);
  std::string key = directory_ + "/host_key";
  std::string known = directory_ + "/authorized_keys";
  switch (which_) {
    case ssh_server::openssh:
      return {openssh_program, "-D", "-f", directory_ + "/config", "-E", directory_ + "/log"};
    case ssh_server::dropbear:
      return {dropbear_program,
              "-F",
              "-E",
              "-s",
              "-p",
              "0.0.0.0:" + port,
              "-r",
              directory_ + "/dropbear_key"};
    case ssh_server::tinyssh:
      return {tinyssh_program, "-v", directory_ + "/tiny_keys"};
    case ssh_server::crypto_ssh:
      return {go_program(), port, key, known};
    default:
      return {python_program,
              std::string(EXECO_TEST_DATA) + "/ssh_servers/" + library_of(which_) + "_server.py",
              port, key, known};
  }
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
    (void)within(5s, [this] { return child_processes(pid_).empty(); });
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
