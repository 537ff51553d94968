// Bytes that look random and are the same for the same seed: what child_target writes and what a
// test expects to read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace execo::test {

/// splitmix64: small, and good enough that a lost or swapped byte shows.
class random_bytes {
 public:
  explicit random_bytes(std::uint64_t seed) noexcept : state_(seed) {}

  void fill(char* to, std::size_t size) noexcept {
    for (std::size_t i = 0; i < size; ++i) {
      if (left_ == 0) refill();
      to[i] = static_cast<char>(word_ & 0xff);
      word_ >>= 8;
      --left_;
    }
  }

  std::string take(std::size_t size) {
    std::string bytes(size, '\0');
    fill(bytes.data(), size);
    return bytes;
  }

 private:
  void refill() noexcept {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word_ = z ^ (z >> 31);
    left_ = 8;
  }

  std::uint64_t state_;
  std::uint64_t word_ = 0;
  int left_ = 0;
};

/// The generators of `child_target random BYTES SEED`, for its standard output and its error.
inline random_bytes random_out(std::uint64_t seed) noexcept { return random_bytes(seed * 2); }
inline random_bytes random_err(std::uint64_t seed) noexcept { return random_bytes(seed * 2 + 1); }

}  // namespace execo::test
