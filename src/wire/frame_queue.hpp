// Frames that wait to be sent, one behind the other in one block of memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wire/codec.hpp"
#include "wire/frame.hpp"

namespace execo::detail {

class frame_queue {
 public:
  bool empty() const noexcept { return at_ == bytes_.size(); }
  std::size_t size() const noexcept { return bytes_.size() - at_; }
  void clear() noexcept;

  void push(const frame& f);
  /// The body is what `encode(wire_writer&)` appends. Pre: not above the limit of a frame.
  template <class Encode>
  void push(frame_type type, std::uint32_t run, std::uint32_t host, Encode encode) {
    const std::size_t place = begin_frame(bytes_, type, run, host);
    wire_writer body(bytes_);
    encode(body);
    close_frame(place);
  }

  /// Pre of both: !empty().
  std::size_t front_size() const noexcept;
  /// Moves the first frame behind `into`, sealed.
  void pop(std::string& into, std::uint16_t sequence);

 private:
  void close_frame(std::size_t place);

  std::string bytes_;
  std::size_t at_ = 0;  // where the first one begins
};

}  // namespace execo::detail
