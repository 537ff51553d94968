#include "transfer/source_reader.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace execo::detail {
namespace {

copy_failure failed_to(const char* step, const source_entry& file, int error) {
  return copy_failure::of_errno(error, step + shown_path(file.path));
}

copy_failure changed(const source_entry& file) {
  return copy_failure(failure_reason::source_changed,
                      shown_path(file.path) + " was changed while it was read");
}

}  // namespace

copy_failure source_reader::open(const source_entry& file) {
  opened_ = nullptr;
  // A FIFO that took its place is not waited for.
  fd_.reset(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd_) return failed_to("open ", file, errno);
  opened_ = &file;
  return {};
}

copy_failure source_reader::read(const source_entry& file, std::uint64_t offset,
                                 std::span<char> into) {
  if (opened_ != &file)
    if (copy_failure failed = open(file)) return failed;
  while (!into.empty()) {
    ssize_t count = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed_to("read ", file, errno);
    if (count == 0) return changed(file);
    into = into.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  struct stat now {};
  if (::fstat(fd_.get(), &now) != 0) return failed_to("read ", file, errno);
  return file_stamp::of(now) == file.stamp ? copy_failure() : changed(file);
}

}  // namespace execo::detail
