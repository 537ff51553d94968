// A file system on which a quota of 1 MiB is in force, for root as well: a real one, of btrfs,
// which needs root, a loop device and mkfs.btrfs.
#pragma once

#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "program.hpp"

namespace execo::test {

/// Mounted at `path` while this is there.
class quota_disk {
 public:
  explicit quota_disk(std::string path) : path_(std::move(path)) {
    if (::geteuid() != 0) return;
    std::filesystem::create_directories(path_);
    const outcome made = run_program({"/bin/sh", "-c", mount_it, "sh", path_});
    is_mounted_ = made.code == 0;
    why_not_ = made.err;
  }
  quota_disk(const quota_disk&) = delete;
  quota_disk& operator=(const quota_disk&) = delete;
  ~quota_disk() {
    if (is_mounted_) (void)::umount2(path_.c_str(), MNT_DETACH);
  }

  bool is_mounted() const noexcept { return is_mounted_; }
  const std::string& why_not() const noexcept { return why_not_; }

 private:
  // The image goes when the file system does.
  static constexpr const char* mount_it = R"(PATH=$PATH:/usr/sbin:/sbin
truncate -s 32M "$1.img" && mkfs.btrfs -q -M "$1.img" && mount -o loop "$1.img" "$1" || exit 1
rm "$1.img"
btrfs quota enable "$1" && btrfs qgroup limit 1M "$1" && exit 0
umount "$1"
exit 1)";

  std::string path_;
  std::string why_not_ = "only root mounts file systems";
  bool is_mounted_ = false;
};

}  // namespace execo::test
