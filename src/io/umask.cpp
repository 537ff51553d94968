#include "io/umask.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "base/fd.hpp"

namespace execo::detail {

std::optional<mode_t> listed_umask() noexcept {
  unique_fd file(::open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  char text[256];
  ssize_t size = ::read(file.get(), text, sizeof text);
  constexpr std::string_view label = "\nUmask:\t";
  std::string_view status(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  auto at = status.find(label);
  if (at == status.npos) return std::nullopt;
  mode_t mask = 0;
  const char* digits = status.data() + at + label.size();
  auto read = std::from_chars(digits, status.data() + status.size(), mask, 8);
  return read.ec == std::errc() ? std::optional<mode_t>(mask) : std::nullopt;
}

}  // namespace execo::detail
