// Messages of a wave: a parent asks all agents below it whether they are there. See messages.hpp.
#pragma once

#include <cstdint>
#include <optional>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

/// To an agent, which passes it on to its children: all are to answer.
class wave_message {
 public:
  static constexpr frame_type type = frame_type::wave;
  wave_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<wave_message> decode(const frame& from);
  friend bool operator==(const wave_message&, const wave_message&) = default;

  std::uint32_t number = 0;   // above that of the wave before, and above 0
  std::uint32_t hold_ms = 0;  // how long an agent waits for its children to answer in one frame
};

/// These have answered the wave: the sender, and what it has heard from its children.
class answers_message {
 public:
  static constexpr frame_type type = frame_type::answers;
  answers_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<answers_message> decode(const frame& from);
  friend bool operator==(const answers_message&, const answers_message&) = default;

  index_ranges hosts;
  std::uint32_t number = 0;  // of the wave
};

}  // namespace execo::detail
