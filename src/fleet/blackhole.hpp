// Hosts whose SYNs are dropped: a socket filter on the listening socket. The kernel runs it on what
// arrives for a listener before it answers (tcp_v4_rcv calls tcp_filter first), so a client of such
// a host sees exactly what an unplugged machine gives: nothing.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace execo::fleet {

/// A classic BPF program that drops packets to the given addresses and passes others, by binary
/// search over their ranges.
///
/// Pre: ascending, in host byte order.
/// Throws: usage_error if there are more ranges (about 680) than a program may have.
std::vector<sock_filter> drop_program(const std::vector<std::uint32_t>& addresses);

/// Throws: std::system_error.
void attach_filter(int fd, const std::vector<sock_filter>& program);

/// Removes the filter from an accepted socket, which inherits it, to save its cost on each packet.
void detach_filter(int fd) noexcept;

}  // namespace execo::fleet
