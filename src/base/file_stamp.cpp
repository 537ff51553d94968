#include "base/file_stamp.hpp"

namespace execo::detail {

file_stamp file_stamp::of(const std::string& path) noexcept {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? of(about) : file_stamp();
}

// The time of the last change of the inode, which no program can set: a new owner or mode
// counts, too.
file_stamp file_stamp::of(const struct stat& about) noexcept {
  file_stamp seen;
  seen.device_ = about.st_dev;
  seen.number_ = about.st_ino;
  seen.size_ = static_cast<std::uint64_t>(about.st_size);
  seen.changed_seconds_ = about.st_ctim.tv_sec;
  seen.changed_nanoseconds_ = about.st_ctim.tv_nsec;
  return seen;
}

}  // namespace execo::detail
