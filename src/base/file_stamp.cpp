#include "base/file_stamp.hpp"

#include <sys/stat.h>

namespace execo::detail {

// The time of the last change of the inode, which no program can set: a new owner or mode
// counts, too.
file_stamp file_stamp::of(const std::string& path) noexcept {
  file_stamp seen;
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return seen;
  seen.device_ = about.st_dev;
  seen.number_ = about.st_ino;
  seen.size_ = static_cast<std::uint64_t>(about.st_size);
  seen.changed_seconds_ = about.st_ctim.tv_sec;
  seen.changed_nanoseconds_ = about.st_ctim.tv_nsec;
  return seen;
}

}  // namespace execo::detail
