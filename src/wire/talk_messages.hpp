// Messages between commands: the frames of what the commands of one action say to each other and to
// the root, and of their barriers and reductions. Their run is the number of the talk, which all
// commands of the action have in common; a host has at most one command in it. A rank is a position
// among the hosts of the action, from 1; 0 is the root. See messages.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

/// For the command there.
class deliver_message {
 public:
  static constexpr frame_type type = frame_type::deliver;
  deliver_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<deliver_message> decode(const frame& from);
  friend bool operator==(const deliver_message&, const deliver_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  std::uint32_t from = 0;  // rank
  std::string_view bytes;
};

/// What the command there has said is on its way to so many.
class accepted_message {
 public:
  static constexpr frame_type type = frame_type::accepted;
  accepted_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<accepted_message> decode(const frame& from);
  friend bool operator==(const accepted_message&, const accepted_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  std::uint32_t receivers = 0;
};

/// From a command. It says nothing more until this is accepted.
class say_message {
 public:
  static constexpr frame_type type = frame_type::say;
  say_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<say_message> decode(const frame& from);
  friend bool operator==(const say_message&, const say_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;     // of the command, alone
  bool to_all = false;    // the other commands
  index_ranges to_ranks;  // empty if it is to all, and only then
  std::string_view bytes;
};

/// The command there has taken so many bytes of what was delivered.
class consumed_message {
 public:
  static constexpr frame_type type = frame_type::consumed;
  consumed_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<consumed_message> decode(const frame& from);
  friend bool operator==(const consumed_message&, const consumed_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;  // of the command, alone
  std::uint32_t bytes = 0;
};

/// barrier: nothing but the wait. histogram: how often there is each text. fold: the texts go to
/// the root, which makes one of them.
enum class reduce_operation : std::uint8_t { barrier, sum, minimum, maximum, histogram, fold };
inline constexpr std::uint8_t reduce_operation_count = 6;

enum class reduce_kind : std::uint8_t { integer, real };
inline constexpr std::uint8_t reduce_kind_count = 2;

/// The value of a barrier or of a reduction, so far or of all.
class reduce_value {
 public:
  reduce_value() = default;
  friend bool operator==(const reduce_value&, const reduce_value&) = default;

  reduce_operation operation = reduce_operation::barrier;
  reduce_kind kind = reduce_kind::integer;
  std::uint64_t bits = 0;  // of an int64 or of a double, of sum, minimum and maximum

  bool is_number() const noexcept {
    return operation == reduce_operation::sum || operation == reduce_operation::minimum ||
           operation == reduce_operation::maximum;
  }
  double real() const noexcept;
  std::int64_t integer() const noexcept { return static_cast<std::int64_t>(bits); }
  void set(double value) noexcept;
  void set(std::int64_t value) noexcept;
  /// With a further one of the same operation. An integer and a real are reals from then; a sum of
  /// integers that is too large wraps.
  void join(const reduce_value& other) noexcept;
};

/// Commands wait for all others with these values, joined. The text of a fold is of one command.
/// Up to protocol 2 that of a histogram is, too.
class contribute_message {
 public:
  static constexpr frame_type type = frame_type::contribute;
  contribute_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<contribute_message> decode(const frame& from);
  friend bool operator==(const contribute_message&, const contribute_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  reduce_value value;
  std::string_view text;  // of histogram and fold, else empty
};

/// All that are there have come.
class gathered_message {
 public:
  static constexpr frame_type type = frame_type::gathered;
  gathered_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<gathered_message> decode(const frame& from);
  friend bool operator==(const gathered_message&, const gathered_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  reduce_value value;
  std::uint32_t took = 0;  // commands; 0: it came to nothing, the text says why
  std::string_view text;
};

}  // namespace execo::detail
