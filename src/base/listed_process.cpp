#include "base/listed_process.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include <cstddef>

namespace execo::detail {
namespace {

/// "4711 (any name) S 1 ...": the name may hold a parenthesis. Negative if there is no such
/// process, or if it is a zombie.
EXECO_UNINSTRUMENTED long field_of(int proc, const char* number, stat_field which) {
  char path[32];
  std::size_t size = 0;
  auto* to = static_cast<volatile char*>(path);
  for (; number[size] != '\0' && size < 20; ++size) to[size] = number[size];
  const volatile char* file = "/stat";
  for (std::size_t i = 0; i < 6; ++i) to[size + i] = file[i];
  long fd = call(SYS_openat, proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  char text[512];
  long got = call(SYS_read, fd, text, sizeof text);
  (void)call(SYS_close, fd);
  long at = got - 1;
  while (at >= 0 && text[at] != ')') --at;
  at += 2;
  if (at < 2 || at >= got || text[at] == 'Z' || text[at] == 'X') return -1;
  for (int blanks = 0; at < got; ++at)
    if (text[at] == ' ' && ++blanks == static_cast<int>(which))
      return number_at(text + at + 1, text + got);
  return -1;
}

}  // namespace

EXECO_UNINSTRUMENTED long number_at(const char* text, const char* end) {
  long number = 0;
  for (; text != end && *text >= '0' && *text <= '9'; ++text) number = number * 10 + (*text - '0');
  return number;
}

EXECO_UNINSTRUMENTED long kill_listed_with(int proc, stat_field which, long value) {
  long found = 0;
  alignas(directory_entry) char entries[4096];
  (void)call(SYS_lseek, proc, 0, SEEK_SET);
  for (long size; (size = call(SYS_getdents64, proc, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < size;) {
      auto* entry = reinterpret_cast<const directory_entry*>(entries + at);
      at += entry->size;
      long pid = number_at(entry->name, nullptr);
      if (pid == 0 || field_of(proc, entry->name, which) != value) continue;
      if (call(SYS_kill, pid, SIGKILL) == 0) ++found;
    }
  }
  return found;
}

}  // namespace execo::detail
