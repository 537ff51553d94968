#include "agent/kernel_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "base/fd.hpp"

namespace execo::agent {

std::string kernel_file(const std::string& path) {
  std::string text;
  detail::unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 2048> part;
  while (file) {
    ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {};
    if (got == 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace execo::agent
