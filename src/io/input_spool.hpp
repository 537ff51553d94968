// Bytes that come once and are read many times, each time from the beginning: the first ones are
// kept in memory, the rest in a file without a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "base/fd.hpp"

namespace execo::detail {

class input_spool {
 public:
  static constexpr std::size_t default_memory = std::size_t{32} * 1024 * 1024;

  /// `memory`: how much of them stays there.
  explicit input_spool(std::size_t memory = default_memory) noexcept : memory_(memory) {}

  std::uint64_t size() const noexcept { return size_; }
  /// All of the bytes, or none and why; folder() is then where the file is or was to be.
  /// Throws: std::bad_alloc.
  std::error_code append(std::span<const char> bytes);
  const std::string& folder() const noexcept { return folder_; }

  /// Of what is in memory, from `position` on, up to the end of a block: valid as long as the
  /// spool. Empty: it is in the file. Pre: position < size().
  std::span<const char> in_memory(std::uint64_t position) const noexcept;
  /// Of what is in the file: a count or a negative errno. Pre: in_memory(position) is empty.
  ssize_t read_file(std::uint64_t position, std::span<char> into) const noexcept;

 private:
  static constexpr std::size_t block_size = std::size_t{64} * 1024;

  std::size_t append_to_memory(std::span<const char> bytes);
  std::error_code append_to_file(std::span<const char> bytes);
  std::error_code make_file();

  std::size_t memory_;
  std::uint64_t size_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
  unique_fd file_;  // what is beyond `memory_`, from its beginning on
  std::string folder_;
};

}  // namespace execo::detail
