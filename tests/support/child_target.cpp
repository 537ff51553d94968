// The child that tests run: each mode is one behaviour that a process library has to cope with.
// Only the C library is used, so that it starts fast. Nothing it does lasts longer than five
// minutes: a test that forgets it leaves nothing for good.
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "random_bytes.hpp"

namespace {

constexpr int usage_error = 64;
constexpr unsigned longest_life = 300;  // seconds

constexpr char usage[] =
    "usage: child_target MODE\n"
    "  exit N            ends with that code\n"
    "  sleep SECONDS     fractions allowed\n"
    "  ignore-term       ignores TERM and INT, prints \"ready\", stays\n"
    "  leave-group SECONDS  goes over to a group that a child of it made, prints its pid, stays\n"
    "  become-root SECONDS  as a set-user-ID program may; prints \"ready\", stays\n"
    "  echo              standard input to standard output\n"
    "  flood BYTES [out|err]   lines of 63 'x'; K, M and G are understood\n"
    "  die-by SIGNAL     number or name\n"
    "  orphan SECONDS    prints the pid of a grandchild that keeps the output open, and exits\n"
    "  print-env NAME    its value; ends with 1 when it is not set\n"
    "  print-fds         a line \"FD TARGET\" for each open descriptor\n"
    "  print-signals     SigBlk, SigIgn and SigCgt as the kernel shows them\n"
    "  args WORD...      each word on a line\n"
    "  cwd               the working directory\n"
    "  random BYTES SEED deterministic bytes on standard output, others on standard error\n"
    "  listen            prints \"listening on port N\", then what one client sends, and stays\n"
    "  send PORT         standard input to a server on 127.0.0.1\n";

int fail(const char* what) {
  fprintf(stderr, "child_target: %s: %s\n", what, strerror(errno));
  return 1;
}

bool write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

void sleep_for(double seconds) {
  timespec left{};
  left.tv_sec = static_cast<time_t>(seconds);
  left.tv_nsec = static_cast<long>((seconds - static_cast<double>(left.tv_sec)) * 1e9);
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

unsigned long long byte_count(const char* text) {
  char* end = nullptr;
  unsigned long long count = strtoull(text, &end, 10);
  if (*end == 'K') count <<= 10;
  if (*end == 'M') count <<= 20;
  if (*end == 'G') count <<= 30;
  return count;
}

int ignore_term() {
  signal(SIGTERM, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  if (!write_all(STDOUT_FILENO, "ready\n", 6)) return fail("write");
  for (;;) pause();
}

int leave_group(double seconds) {
  const pid_t child = fork();
  if (child < 0) return fail("fork");
  if (child == 0) {
    sleep_for(seconds);
    return 0;
  }
  if (setpgid(child, child) != 0 || setpgid(0, child) != 0) return fail("setpgid");
  printf("%d\n", static_cast<int>(child));
  fflush(stdout);
  sleep_for(seconds);
  return 0;
}

int become_root(double seconds) {
  if (setuid(0) != 0) return fail("setuid");
  if (!write_all(STDOUT_FILENO, "ready\n", 6)) return fail("write");
  sleep_for(seconds);
  return 0;
}

int copy(int from, int to) {
  char buffer[65536];
  for (;;) {
    const ssize_t got = read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail("read");
    if (got == 0) return 0;
    if (!write_all(to, buffer, static_cast<size_t>(got))) return fail("write");
  }
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int listen_once() {
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (server < 0 || bind(server, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(server, 1) != 0 ||
      getsockname(server, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return fail("listen");
  printf("listening on port %d\n", static_cast<int>(ntohs(address.sin_port)));
  fflush(stdout);
  const int client = accept(server, nullptr, nullptr);
  if (client < 0) return fail("accept");
  if (copy(client, STDOUT_FILENO) != 0) return 1;
  for (;;) pause();
}

int send_to(int port) {
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(port);
  if (server < 0 || connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail("connect");
  return copy(STDIN_FILENO, server);
}

int flood(unsigned long long bytes, const char* stream) {
  const int fd = strcmp(stream, "err") == 0 ? STDERR_FILENO : STDOUT_FILENO;
  char buffer[65536];
  memset(buffer, 'x', sizeof buffer);
  for (size_t i = 63; i < sizeof buffer; i += 64) buffer[i] = '\n';
  while (bytes > 0) {
    const size_t part = bytes < sizeof buffer ? static_cast<size_t>(bytes) : sizeof buffer;
    if (!write_all(fd, buffer, part)) return fail("write");
    bytes -= part;
  }
  return 0;
}

int signal_number(const char* text) {
  if (*text >= '0' && *text <= '9') return atoi(text);
  if (strncmp(text, "SIG", 3) == 0) text += 3;
  for (int number = 1; number < NSIG; ++number) {
    const char* name = sigabbrev_np(number);
    if (name != nullptr && strcmp(name, text) == 0) return number;
  }
  return 0;
}

int die_by(const char* text) {
  const int number = signal_number(text);
  if (number == 0) {
    fprintf(stderr, "child_target: no signal %s\n", text);
    return usage_error;
  }
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  signal(number, SIG_DFL);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_UNBLOCK, &all, nullptr);
  raise(number);
  return usage_error;  // a signal that does not kill
}

int orphan(double seconds) {
  const pid_t grandchild = fork();
  if (grandchild < 0) return fail("fork");
  if (grandchild == 0) {
    sleep_for(seconds);
    return 0;
  }
  printf("%d\n", static_cast<int>(grandchild));
  return 0;
}

int print_env(const char* name) {
  const char* value = getenv(name);
  if (value == nullptr) return 1;
  puts(value);
  return 0;
}

int print_fds() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return fail("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory)) continue;
    char target[4096];
    const ssize_t size = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
    target[size < 0 ? 0 : size] = '\0';
    printf("%s %s\n", entry->d_name, target);
  }
  closedir(directory);
  return 0;
}

int print_signals() {
  FILE* status = fopen("/proc/self/status", "re");
  if (status == nullptr) return fail("/proc/self/status");
  char line[256];
  while (fgets(line, sizeof line, status) != nullptr) {
    if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0 ||
        strncmp(line, "SigCgt:", 7) == 0) {
      fputs(line, stdout);
    }
  }
  fclose(status);
  return 0;
}

int print_cwd() {
  char path[4096];
  if (getcwd(path, sizeof path) == nullptr) return fail("getcwd");
  puts(path);
  return 0;
}

int random_streams(unsigned long long bytes, unsigned long long seed) {
  execo::test::random_bytes out = execo::test::random_out(seed);
  execo::test::random_bytes err = execo::test::random_err(seed);
  char buffer[4096];
  while (bytes > 0) {
    const size_t part = bytes < sizeof buffer ? static_cast<size_t>(bytes) : sizeof buffer;
    out.fill(buffer, part);
    if (!write_all(STDOUT_FILENO, buffer, part)) return fail("write");
    err.fill(buffer, part);
    if (!write_all(STDERR_FILENO, buffer, part)) return fail("write");
    bytes -= part;
  }
  return 0;
}

int run(int count, char** words) {
  const char* mode = count > 0 ? words[0] : "";
  const auto is = [&](const char* name, int arguments) {
    return strcmp(mode, name) == 0 && count > arguments;
  };
  if (is("exit", 1)) return atoi(words[1]);
  if (is("sleep", 1)) return sleep_for(atof(words[1])), 0;
  if (is("ignore-term", 0)) return ignore_term();
  if (is("leave-group", 1)) return leave_group(atof(words[1]));
  if (is("become-root", 1)) return become_root(atof(words[1]));
  if (is("echo", 0)) return copy(STDIN_FILENO, STDOUT_FILENO);
  if (is("listen", 0)) return listen_once();
  if (is("send", 1)) return send_to(atoi(words[1]));
  if (is("flood", 1)) return flood(byte_count(words[1]), count > 2 ? words[2] : "out");
  if (is("die-by", 1)) return die_by(words[1]);
  if (is("orphan", 1)) return orphan(atof(words[1]));
  if (is("print-env", 1)) return print_env(words[1]);
  if (is("print-fds", 0)) return print_fds();
  if (is("print-signals", 0)) return print_signals();
  if (is("cwd", 0)) return print_cwd();
  if (is("random", 2)) return random_streams(byte_count(words[1]), byte_count(words[2]));
  if (is("args", 0)) {
    for (int i = 1; i < count; ++i) puts(words[i]);
    return 0;
  }
  fputs(usage, stderr);
  return usage_error;
}

}  // namespace

int main(int argc, char** argv) {
  alarm(longest_life);
  const int code = run(argc - 1, argv + 1);
  return fflush(stdout) == 0 ? code : fail("write");
}
