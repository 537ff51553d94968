#include "fanout_ssh/client_run.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "fleet_fixture.hpp"
#include "measure.hpp"

extern char** environ;

namespace bench {
namespace {

std::vector<char*> pointers(const words& list) {
  std::vector<char*> all;
  for (const std::string& w : list) all.push_back(const_cast<char*>(w.c_str()));
  return all;
}

/// A process and all below it.
std::vector<pid_t> family(pid_t of) {
  std::vector<pid_t> all{of};
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<pid_t> more = child_pids("/proc/" + std::to_string(all[i]));
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

// To the nanosecond, where stat of proc(5) counts hundredths of a second.
double cpu_of(pid_t pid) {
  clockid_t clock{};
  timespec t{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &t) != 0) return 0;
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Takes what a program writes.
class written {
 public:
  written() : fd_(::memfd_create("written", MFD_CLOEXEC)) {}
  written(const written&) = delete;
  written& operator=(const written&) = delete;
  ~written() { ::close(fd_); }

  int fd() const noexcept { return fd_; }
  std::string text() const {
    struct stat is {};
    std::string all;
    if (::fstat(fd_, &is) == 0) all.resize(static_cast<std::size_t>(is.st_size));
    ssize_t n = ::pread(fd_, all.data(), all.size(), 0);
    all.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return all;
  }

 private:
  int fd_;
};

pid_t spawn(const words& argv, const words& variables, const written& out, const written& errors) {
  std::vector<char*> arguments = pointers(argv), environment = pointers(variables);
  arguments.push_back(nullptr);
  for (char** own = environ; *own != nullptr; ++own) {
    const std::string_view text(*own);
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool is_changed = std::any_of(variables.begin(), variables.end(),
                                        [&](const std::string& v) { return v.starts_with(name); });
    if (!is_changed) environment.push_back(*own);
  }
  environment.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out.fd(), 1);
  posix_spawn_file_actions_adddup2(&files, errors.fd(), 2);
  pid_t pid = 0;
  int error =
      posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) fail(argv[0] + ": " + std::strerror(error));
  return pid;
}

}  // namespace

void fail(const std::string& what) { throw std::runtime_error(what); }

std::string joined(const words& list, char by) {
  std::string text;
  for (const std::string& w : list) text += (text.empty() ? "" : std::string(1, by)) + w;
  return text;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (!file.flush()) fail("cannot write " + path);
}

void adopt_orphans() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) fail("PR_SET_CHILD_SUBREAPER");
}

background::background() {
  for (pid_t pid : child_pids()) others_.insert(pid);
}

background::~background() {
  try {
    end();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
}

std::vector<pid_t> background::processes() const {
  std::vector<pid_t> all = child_pids();
  std::erase_if(all, [this](pid_t pid) { return others_.contains(pid); });
  return all;
}

double background::cpu() const {
  double sum = 0;
  for (pid_t root : processes())
    for (pid_t pid : family(root)) sum += cpu_of(pid);
  return sum;
}

bool background::reap(cost& into, bool ask) const {
  for (pid_t pid : processes()) {
    // Not waited for yet, so that it is still this one.
    if (ask) (void)::kill(pid, SIGTERM);
    rusage r{};
    if (::wait4(pid, nullptr, WNOHANG, &r) != pid) continue;
    into.cpu += seconds(r.ru_utime) + seconds(r.ru_stime);
    into.peak_kb = std::max(into.peak_kb, r.ru_maxrss);
  }
  return processes().empty();
}

background::cost background::wait() {
  cost all;
  if (!execo::test::soon([&] { return reap(all, false); })) fail("processes are left");
  return all;
}

// What ends leaves its own children here, and those are asked in turn.
background::cost background::end() {
  cost all;
  if (!execo::test::soon([&] { return reap(all, true); })) fail("processes do not end");
  return all;
}

client_run run_client(const words& argv, const words& variables, const background* keeper) {
  std::optional<background> own;
  if (keeper == nullptr) own.emplace();
  written out, errors;
  double begun = usage::now().wall;
  pid_t pid = spawn(argv, variables, out, errors);
  int status = 0;
  rusage r{};
  if (wait4(pid, &status, 0, &r) != pid) fail("wait4");
  client_run made;
  made.wall = usage::now().wall - begun;
  background::cost left;
  if (own) left = own->wait();
  made.cpu = seconds(r.ru_utime) + seconds(r.ru_stime) + left.cpu;
  made.peak_kb = std::max(r.ru_maxrss, left.peak_kb);
  made.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  made.out = out.text();
  made.complaint = errors.text();
  return made;
}

client_run run_well(const words& argv, const words& variables, const background* keeper) {
  client_run r = run_client(argv, variables, keeper);
  if (r.code != 0)
    fail(joined(argv, ' ') + " ended with " + std::to_string(r.code) + ": " + r.complaint);
  return r;
}

double server_cpu(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double ticks = 0, field = 0;
  for (int i = 0; i < 4 && rest >> field; ++i) ticks += field;
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double server_cpu_at_rest(pid_t pid) {
  std::string place = "/proc/" + std::to_string(pid);
  if (!execo::test::soon([&] { return child_pids(place).empty(); }))
    fail("the server does not come to rest");
  return server_cpu(pid);
}

}  // namespace bench
