#include "fleet/blackhole.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <span>
#include <string>
#include <system_error>

#include "fleet/faults.hpp"

namespace execo::fleet {

namespace {

constexpr std::uint32_t drop = 0;
constexpr std::uint32_t pass = 0xffffffff;
// The destination address is 16 bytes into the IPv4 header, which is found by SKF_NET_OFF: the
// filter's own offset 0 is the TCP header here.
constexpr auto destination = static_cast<std::uint32_t>(SKF_NET_OFF + 16);

/// `verdict` applies to addresses from `start` up to the next range.
struct boundary {
  std::uint32_t start;
  std::uint32_t verdict;
};

std::vector<boundary> boundaries(const std::vector<std::uint32_t>& addresses) {
  std::vector<boundary> found{{0, pass}};
  for (std::uint32_t a : addresses) {
    if (found.back().start == a && found.size() > 1) {
      found.pop_back();  // adjacent to the range before: grow it
    } else {
      found.push_back({a, drop});
    }
    found.push_back({a + 1, pass});
  }
  return found;
}

void search(std::span<const boundary> among, std::vector<sock_filter>& program) {
  if (among.size() == 1) {
    program.push_back(BPF_STMT(BPF_RET | BPF_K, among.front().verdict));
    return;
  }
  std::size_t middle = among.size() / 2;
  // Conditional jumps reach 255 instructions; the unconditional one after it reaches all.
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, among[middle].start, 0, 1));
  std::size_t far_jump = program.size();
  program.push_back(BPF_STMT(BPF_JMP | BPF_JA, 0));
  search(among.first(middle), program);
  program[far_jump].k = static_cast<std::uint32_t>(program.size() - far_jump - 1);
  search(among.subspan(middle), program);
}

}  // namespace

std::vector<sock_filter> drop_program(const std::vector<std::uint32_t>& addresses) {
  assert(std::is_sorted(addresses.begin(), addresses.end()));
  std::vector<sock_filter> program;
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, destination));
  search(boundaries(addresses), program);
  if (program.size() > BPF_MAXINSNS)
    throw usage_error("--fault: too many separate ranges of hosts for blackhole");
  return program;
}

void attach_filter(int fd, const std::vector<sock_filter>& program) {
  sock_fprog header{};
  header.len = static_cast<unsigned short>(program.size());
  header.filter = const_cast<sock_filter*>(program.data());  // the kernel only reads it
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &header, sizeof(header)) == 0) return;
  std::string what = "attaching the filter for the fault blackhole";
  if (errno == ENOMEM) what += " (too many ranges of hosts for net.core.optmem_max)";
  throw std::system_error(errno, std::generic_category(), what);
}

void detach_filter(int fd) noexcept {
  int unused = 0;
  // If this fails, the socket still works, a little slower.
  (void)::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}

}  // namespace execo::fleet
