// The program that `ssh` asks in place of a user (SSH_ASKPASS): a few pages, without a library. It
// hands the prompt to the program that has started ssh, and the answer to ssh.
#include <errno.h>
#include <linux/un.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "base/askpass_talk.hpp"
#include "base/raw_call.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t page = 4096;
alignas(page) char answer[page];
char question[askpass_token_size + max_askpass_prompt];
sockaddr_un place;

[[noreturn]] void leave(int status) {
  for (;;) (void)call(SYS_exit_group, status);
}

bool is_address(const char* text) {
  constexpr std::size_t size = askpass_name_size + askpass_token_size;
  for (std::size_t i = 0; i < size; ++i)
    if (text[i] == '\0') return false;
  return text[size] == '\0';
}

/// Of a variable. Null: `entry` is another one.
const char* value_of(const char* name, const char* entry) {
  while (*name != '\0')
    if (*name++ != *entry++) return nullptr;
  return *entry == '=' ? entry + 1 : nullptr;
}

const char* find_variable(const char* name, char** environment) {
  for (; *environment != nullptr; ++environment)
    if (const char* value = value_of(name, *environment)) return value;
  return nullptr;
}

// That a security key wants to be touched, say: SSH_ASKPASS_PROMPT=none.
bool is_notice(char** environment) {
  const char* kind = find_variable("SSH_ASKPASS_PROMPT", environment);
  return kind != nullptr && kind[0] == 'n';
}

// No core of it, and no page of it in one of another.
void hide_answer() {
  rlimit none;
  none.rlim_cur = none.rlim_max = 0;
  (void)call(SYS_prlimit64, 0, RLIMIT_CORE, &none, nullptr);
  (void)call(SYS_madvise, answer, page, MADV_DONTDUMP);
  (void)call(SYS_mlock, answer, page);
}

void wipe_answer() {
  for (volatile char& byte : answer) byte = '\0';
}

long connect_to(const char* name) {
  place.sun_family = AF_UNIX;
  for (std::size_t i = 0; i < askpass_name_size; ++i) place.sun_path[1 + i] = name[i];
  long fd = call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  long size = static_cast<long>(offsetof(sockaddr_un, sun_path) + 1 + askpass_name_size);
  long done = call(SYS_connect, fd, &place, size);
  return done < 0 ? done : fd;
}

bool put_question(long fd, const char* token, const char* prompt) {
  std::size_t size = 0;
  while (size < askpass_token_size) question[size++] = *token++;
  while (*prompt != '\0' && size < sizeof question) question[size++] = *prompt++;
  return call(SYS_write, fd, question, size) == static_cast<long>(size);
}

/// Its size; 0: none is given.
long read_answer(long fd) {
  long size = 0;
  do {
    size = call(SYS_read, fd, answer, page);
  } while (size == -EINTR);
  return size > 0 && answer[0] == askpass_given ? size : 0;
}

int ask(const char* prompt, char** environment) {
  if (is_notice(environment)) return 0;
  const char* where = find_variable(askpass_variable, environment);
  if (where == nullptr || !is_address(where)) return 1;
  long fd = connect_to(where);
  if (fd < 0 || !put_question(fd, where + askpass_name_size, prompt)) return 1;
  hide_answer();
  long size = read_answer(fd);
  // A pipe that is empty takes it whole.
  bool done = size > 0 && call(SYS_write, 1, answer + 1, size - 1) == size - 1;
  wipe_answer();
  return done ? 0 : 1;
}

}  // namespace
}  // namespace execo::detail

// The kernel enters with the arguments on the stack, not as a call does.
__asm__(
    ".globl _start\n"
    "_start:\n"
#if defined(__x86_64__)
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call execo_askpass\n"
#else
    "  mov x0, sp\n"
    "  bl execo_askpass\n"
#endif
);

extern "C" {
[[noreturn, gnu::used]] void execo_askpass(std::intptr_t* stack) {
  std::intptr_t count = stack[0];
  auto** words = reinterpret_cast<char**>(stack + 1);
  if (count < 2) execo::detail::leave(1);
  execo::detail::leave(execo::detail::ask(words[1], words + count + 1));
}
}
