#include "io/input_spool.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace execo::detail {
namespace {

// Not /tmp: that is often in memory.
std::string folder_for_spools() {
  const char* given = ::getenv("TMPDIR");
  return given != nullptr && *given != '\0' ? given : "/var/tmp";
}

// A file system without O_TMPFILE gets one whose name is removed at once. A negative errno.
int open_nameless(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  if (fd >= 0) return fd;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return -errno;
  std::string path = folder + "/execo-input-XXXXXX";
  fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return -errno;
  (void)::unlink(path.c_str());
  return fd;
}

}  // namespace

std::error_code input_spool::append(std::span<const char> bytes) {
  const std::uint64_t before = size_;
  const std::size_t kept = append_to_memory(bytes);
  size_ += kept;
  std::error_code why = append_to_file(bytes.subspan(kept));
  size_ = why ? before : before + bytes.size();
  return why;
}

std::size_t input_spool::append_to_memory(std::span<const char> bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && size_ + taken < memory_) {
    const auto position = static_cast<std::size_t>(size_) + taken;
    const std::size_t in_block = position % block_size;
    if (position / block_size == blocks_.size())
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_size));
    const std::size_t room = std::min(block_size - in_block, memory_ - position);
    const std::size_t count = std::min(room, bytes.size() - taken);
    std::memcpy(blocks_[position / block_size].get() + in_block, bytes.data() + taken, count);
    taken += count;
  }
  return taken;
}

std::error_code input_spool::append_to_file(std::span<const char> bytes) {
  if (bytes.empty()) return {};
  if (!file_)
    if (std::error_code why = make_file()) return why;
  std::uint64_t position = size_ - memory_;
  while (!bytes.empty()) {
    ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(position));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return {errno, std::system_category()};
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    position += static_cast<std::uint64_t>(n);
  }
  return {};
}

std::error_code input_spool::make_file() {
  folder_ = folder_for_spools();
  int fd = open_nameless(folder_);
  if (fd < 0) return {-fd, std::system_category()};
  file_.reset(fd);
  return {};
}

std::span<const char> input_spool::in_memory(std::uint64_t position) const noexcept {
  assert(position < size_);
  if (position >= memory_) return {};
  const auto at = static_cast<std::size_t>(position);
  const std::size_t in_block = at % block_size;
  const auto end = static_cast<std::size_t>(std::min<std::uint64_t>(size_, memory_));
  return {blocks_[at / block_size].get() + in_block, std::min(block_size - in_block, end - at)};
}

ssize_t input_spool::read_file(std::uint64_t position, std::span<char> into) const noexcept {
  assert(position >= memory_ && position < size_);
  const std::size_t count = std::min<std::uint64_t>(into.size(), size_ - position);
  ssize_t n = 0;
  do {
    n = ::pread(file_.get(), into.data(), count, static_cast<off_t>(position - memory_));
  } while (n < 0 && errno == EINTR);
  // It has that much, unless somebody changes a file that has no name.
  if (n == 0) return -EIO;
  return n < 0 ? -errno : n;
}

}  // namespace execo::detail
