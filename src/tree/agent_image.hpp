// The agents that this library can start on hosts: programs that it holds, compressed.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "wire/bootstrap.hpp"

namespace execo::detail {

/// One of them. It refers to constant data, which is read from the file of the program when it is
/// used.
class agent_image {
 public:
  constexpr agent_image(machine arch, const char* begin, const char* end, std::size_t size,
                        std::string_view sha256) noexcept
      : arch_(arch), begin_(begin), end_(end), size_(size), sha256_(sha256) {}

  machine arch() const noexcept { return arch_; }
  /// As gzip compresses it.
  std::span<const char> gzipped() const noexcept { return {begin_, end_}; }
  /// Uncompressed.
  std::size_t size() const noexcept { return size_; }
  /// 64 digits, of the uncompressed bytes: the name of the image.
  std::string_view sha256() const noexcept { return sha256_; }

  /// What is sent before `sent` bytes of it.
  std::string header(image_form form, std::size_t sent) const {
    return stage1_header(form, sent, image_identity(size_, sha256_));
  }
  /// The uncompressed bytes, for a host without gzip.
  /// Throws: std::runtime_error if the compressed ones are not what was built; std::bad_alloc.
  std::string plain() const;

 private:
  machine arch_;
  const char* begin_;
  const char* end_;
  std::size_t size_;
  std::string_view sha256_;
};

/// Those of this build, one for each kind of machine that it has an agent for. The build writes the
/// body: cmake/ExecoAgentImages.cmake.
std::span<const agent_image> agent_images() noexcept;

/// The one for that machine, or null.
const agent_image* find_agent_image(std::span<const agent_image> images, machine arch) noexcept;

}  // namespace execo::detail
