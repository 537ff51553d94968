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

  /// The body is what `encode(wire_writer&)` appends, that of `about` is not looked at. False, and
  /// nothing was taken: it is above the limit of a frame.
  template <class Encode>
  [[nodiscard]] bool push(const frame& about, Encode encode) {
    const std::size_t place = begin_frame(bytes_, about);
    wire_writer body(bytes_);
    encode(body);
    return close_frame(place);
  }

  /// Pre of both: !empty().
  std::size_t front_size() const noexcept;
  /// Moves the first frame behind `into`, sealed.
  void pop(std::string& into, std::uint16_t sequence);

 private:
  bool close_frame(std::size_t place);
  void drop_front();

  std::string bytes_;
  std::size_t at_ = 0;  // where the first one begins
};

}  // namespace execo::detail
