#include "agent/facts.hpp"

#include <elf.h>
#include <link.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>

#include "agent/command_cgroups.hpp"
#include "agent/kernel_file.hpp"

// The front of this program in memory: the linker says where.
extern "C" const ElfW(Ehdr) __ehdr_start [[gnu::visibility("hidden")]];

namespace execo::agent {
namespace {

using detail::bytes16;
using detail::capability;
using detail::hello_message;
using detail::machine;

std::size_t padded(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

bool find_build(const char* note, const char* end, bytes16& build) {
  while (note + sizeof(ElfW(Nhdr)) <= end) {
    ElfW(Nhdr) header;
    std::memcpy(&header, note, sizeof header);
    const char* bytes = note + sizeof header + padded(header.n_namesz);
    if (header.n_type == NT_GNU_BUILD_ID && header.n_descsz >= build.size()) {
      std::memcpy(build.data(), bytes, build.size());
      return true;
    }
    note = bytes + padded(header.n_descsz);
  }
  return false;
}

// The linker has made a hash of the program and left it in the program.
bytes16 build_of_self() {
  bytes16 build{};
  const auto* base = reinterpret_cast<const char*>(&__ehdr_start);
  const char* headers = base + __ehdr_start.e_phoff;
  const char* load_base = nullptr;
  for (unsigned i = 0; i < __ehdr_start.e_phnum; ++i) {
    ElfW(Phdr) part;
    std::memcpy(&part, headers + i * sizeof part, sizeof part);
    if (part.p_type == PT_LOAD && part.p_offset == 0) load_base = base - part.p_vaddr;
    if (part.p_type != PT_NOTE || load_base == nullptr) continue;
    const char* note = load_base + part.p_vaddr;
    if (find_build(note, note + part.p_memsz, build)) break;
  }
  return build;
}

// "MemAvailable:   12345 kB"; 0 if there is no such line.
std::uint64_t kilobytes_in(const std::string& file, std::string_view field) {
  std::string text = kernel_file(file);
  std::size_t at = text.find(field);
  if (at == std::string::npos) return 0;
  at = text.find_first_not_of(" \t", at + field.size());
  if (at == std::string::npos) return 0;
  std::uint64_t kilobytes = 0;
  (void)std::from_chars(text.data() + at, text.data() + text.size(), kilobytes);
  return kilobytes;
}

// Digits and dashes.
bytes16 boot_id() {
  bytes16 id{};
  std::string text = kernel_file("/proc/sys/kernel/random/boot_id");
  std::erase(text, '-');
  for (std::size_t i = 0; i < id.size() && 2 * i + 2 <= text.size(); ++i) {
    unsigned value = 0;
    (void)std::from_chars(text.data() + 2 * i, text.data() + 2 * i + 2, value, 16);
    id[i] = static_cast<char>(value);
  }
  return id;
}

std::uint32_t open_files() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::uint32_t>(
      std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t capabilities() {
  auto bits = static_cast<std::uint32_t>(capability::memfd) |
              static_cast<std::uint32_t>(capability::connection);
  auto note = [&bits](capability what, const char* program) {
    if (has_program(program)) bits |= static_cast<std::uint32_t>(what);
  };
  if (!delegated_cgroup().empty()) bits |= static_cast<std::uint32_t>(capability::cgroup);
  note(capability::ssh, "ssh");
  note(capability::gzip, "gzip");
  note(capability::perl, "perl");
  note(capability::python, "python3");
  return bits;
}

// "name:x:1000:1000:comment:home:shell"
std::string listed_shell(uid_t user) {
  std::string text = kernel_file("/etc/passwd");
  std::string number = std::to_string(user);
  std::string_view left = text;
  while (!left.empty()) {
    std::size_t end = std::min(left.find('\n'), left.size());
    std::string_view line = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    std::size_t password = line.find(':');
    std::size_t id = line.find(':', password + 1);
    if (password == std::string_view::npos || id == std::string_view::npos) continue;
    std::string_view found = line.substr(id + 1);
    if (found.substr(0, found.find(':')) != number) continue;
    return std::string(line.substr(line.rfind(':') + 1));
  }
  return {};
}

}  // namespace

hello_message describe_self(const bytes16& nonce) {
  hello_message self;
  self.build = build_of_self();
  self.nonce = nonce;
  self.capabilities = capabilities();
#if defined(__x86_64__)
  self.arch = machine::x86_64;
#elif defined(__aarch64__)
  self.arch = machine::aarch64;
#endif
  self.cores = usable_cores();
  self.memory_available = kilobytes_in("/proc/meminfo", "MemAvailable:") * 1024;
  self.open_files = open_files();
  self.boot_id = boot_id();
  self.pid = static_cast<std::uint32_t>(::getpid());
  return self;
}

std::uint16_t usable_cores() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return 1;
  return static_cast<std::uint16_t>(std::max(1, CPU_COUNT(&usable)));
}

// What its rusage says of memory is that of the process that it was before.
detail::agent_usage own_usage() {
  rusage used{};
  (void)::getrusage(RUSAGE_SELF, &used);
  detail::agent_usage found;
  found.agents = 1;
  for (const timeval& part : {used.ru_utime, used.ru_stime})
    found.cpu_us += static_cast<std::uint64_t>(part.tv_sec) * 1'000'000 +
                    static_cast<std::uint64_t>(part.tv_usec);
  found.memory_kib = kilobytes_in("/proc/self/status", "VmHWM:");
  return found;
}

std::string login_shell() {
  const char* named = std::getenv("SHELL");
  std::string shell = named != nullptr ? named : "";
  if (!shell.starts_with('/')) shell = listed_shell(::getuid());
  return shell.starts_with('/') ? shell : "/bin/sh";
}

bool has_program(const char* name) {
  const char* path = std::getenv("PATH");
  std::string_view left = path != nullptr ? path : "/bin:/usr/bin";
  for (;;) {
    std::size_t end = left.find(':');
    std::string file(left.substr(0, end));
    if (::access(file.append("/").append(name).c_str(), X_OK) == 0) return true;
    if (end == std::string_view::npos) return false;
    left.remove_prefix(end + 1);
  }
}

}  // namespace execo::agent
