#include "tree/agent_image.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <stdexcept>

namespace execo::detail {
namespace {

/// zlib's state while one image is inflated.
class gzip_stream {
 public:
  explicit gzip_stream(std::span<const char> from) {
    // zlib reads, and does not write, what next_in points to.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()));
    stream_.avail_in = static_cast<uInt>(from.size());
    constexpr int with_gzip_header = 16;
    if (::inflateInit2(&stream_, MAX_WBITS + with_gzip_header) != Z_OK) throw std::bad_alloc();
  }
  gzip_stream(const gzip_stream&) = delete;
  gzip_stream& operator=(const gzip_stream&) = delete;
  ~gzip_stream() { (void)::inflateEnd(&stream_); }

  /// Whether the stream holds just as many bytes, and they are intact.
  bool read(std::string& into) {
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    return ::inflate(&stream_, Z_FINISH) == Z_STREAM_END && stream_.avail_out == 0 &&
           stream_.avail_in == 0;
  }

 private:
  z_stream stream_{};
};

}  // namespace

std::string agent_image::plain() const {
  std::string bytes(size_, '\0');
  gzip_stream stream(gzipped());
  if (!stream.read(bytes))
    throw std::runtime_error("the agent for " + std::string(name_of(arch_)) +
                             " is damaged in this program: install it anew");
  return bytes;
}

const agent_image* find_agent_image(std::span<const agent_image> images, machine arch) noexcept {
  auto found = std::ranges::find(images, arch, &agent_image::arch);
  return found == images.end() ? nullptr : &*found;
}

}  // namespace execo::detail
