// What a file was when it was looked at, to know later whether it is still that.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace execo::detail {

/// Equal to another one when neither saw a change; two of a file that is not there are equal.
class file_stamp {
 public:
  file_stamp() = default;
  static file_stamp of(const std::string& path) noexcept;

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
