#include "base/read_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <system_error>

#include "base/fd.hpp"

namespace execo::detail {
namespace {

std::string words_of(int error) { return std::generic_category().message(error); }

// Devices and pipes may have no end. ssh's users name /dev/null for a file that is empty.
bool is_refused(const struct stat& about, std::string& problem) {
  bool null_device = S_ISCHR(about.st_mode) && about.st_rdev == makedev(1, 3);
  if (S_ISREG(about.st_mode) || null_device) return false;
  problem = S_ISDIR(about.st_mode) ? words_of(EISDIR) : "is not a regular file";
  return true;
}

}  // namespace

file_read read_file(const std::string& path, file_kind allowed, std::size_t max_size,
                    std::string& text, std::string& problem) {
  int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
  if (allowed == file_kind::regular) flags |= O_NONBLOCK;
  unique_fd file(::open(path.c_str(), flags));
  struct stat about {};
  if (!file || ::fstat(file.get(), &about) != 0) {
    problem = words_of(errno);
    return errno == ENOENT ? file_read::missing : file_read::refused;
  }
  if (allowed == file_kind::regular && is_refused(about, problem)) return file_read::refused;
  return read_descriptor(file.get(), max_size, text, problem);
}

}  // namespace execo::detail
