// What a process of a command asks its agent over the socket for messages, and is answered: one
// packet each way, little-endian. include/execo/execo_msg.h is the other end.
//   send     u8 0 | u8 1: to all other commands, 0: to ranks | u16 how many ranges | of each u32
//            first, u32 last | bytes
//   receive  u8 1 | u32 ms to wait at most, 0xffffffff: without end
//   reduce   u8 2 | u8 operation | u8 kind | u64 bits | text
//   sent     u8 0 | u32 receivers
//   message  u8 1 | u32 rank that it is from | bytes
//   nothing  u8 2: none has come in time
//   reduced  u8 3 | u8 operation | u8 kind | u64 bits | u32 commands that took part | text
//   problem  u8 4 | text
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/index_ranges.hpp"
#include "wire/talk_messages.hpp"

namespace execo::detail {

enum class talk_wish : std::uint8_t { send, receive, reduce };
inline constexpr std::uint8_t talk_wish_count = 3;
inline constexpr std::size_t talk_ranges_limit = 1'024;
/// A longer packet is no request.
inline constexpr std::size_t talk_packet_limit = 49'152;
inline constexpr std::uint32_t talk_without_end = 0xffff'ffff;

class talk_request {
 public:
  talk_request() = default;
  talk_wish wish = talk_wish::send;
  bool to_all = false;
  index_ranges to_ranks;
  std::uint32_t patience_ms = 0;
  reduce_value value;
  std::string_view bytes;  // in the packet
};

/// Nothing: it is none.
std::optional<talk_request> read_talk_request(std::string_view packet);

std::string talk_sent_answer(std::uint32_t receivers);
std::string talk_message_answer(std::uint32_t from, std::string_view bytes);
std::string talk_nothing_answer();
std::string talk_reduced_answer(const gathered_message& what);
std::string talk_problem_answer(std::string_view words);

}  // namespace execo::detail
