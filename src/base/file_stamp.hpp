// The state of a file at one moment, to detect later whether it has changed.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

namespace execo::detail {

/// Two stamps are equal if the file did not change in between; so are two of a missing file.
class file_stamp {
 public:
  file_stamp() = default;
  static file_stamp of(const std::string& path) noexcept;
  static file_stamp of(const struct stat& about) noexcept;

  std::uint64_t size() const noexcept { return size_; }
  friend bool operator==(const file_stamp&, const file_stamp&) = default;

 private:
  dev_t device_ = 0;
  ino_t number_ = 0;
  std::uint64_t size_ = 0;
  std::int64_t changed_seconds_ = 0;
  std::int64_t changed_nanoseconds_ = 0;
};

}  // namespace execo::detail
