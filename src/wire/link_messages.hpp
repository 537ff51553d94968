// Messages of a link itself: greeting, credit, heartbeat, goodbye. See messages.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/machine.hpp"

namespace execo::detail {

/// The versions of the protocol that this build speaks. 2: a welcome says how long output is held.
/// 3: several hosts give a text to a histogram in one frame.
inline constexpr std::uint16_t protocol_lowest = 1;
inline constexpr std::uint16_t protocol_highest = 3;

/// Bits of hello_message::capabilities. Unknown ones are kept and mean nothing.
enum class capability : std::uint32_t {
  ssh = 1,     // has an ssh client: may have children
  gzip = 2,    // unpacks
  memfd = 4,   // runs programs from memory
  cgroup = 8,  // has a delegated cgroup
  perl = 16,
  python = 32,
  connection = 64,  // connects to addresses: command_form::connection
};

/// The first frame that a child sends: who it is and what it can.
class hello_message {
 public:
  static constexpr frame_type type = frame_type::hello;
  static constexpr std::uint32_t right_magic = 0x6f637865;  // "exco"
  hello_message() = default;
  bool can(capability what) const noexcept {
    return (capabilities & static_cast<std::uint32_t>(what)) != 0;
  }
  void encode(wire_writer& body) const;
  /// A child that speaks a higher protocol than this build may say more: that is not looked at.
  static std::optional<hello_message> decode(const frame& from);
  friend bool operator==(const hello_message&, const hello_message&) = default;

  std::uint32_t magic = right_magic;
  std::uint16_t protocol_min = protocol_lowest;
  std::uint16_t protocol_max = protocol_highest;
  bytes16 build{};  // a hash of the agent's program
  bytes16 nonce{};  // as the parent gave it
  std::uint32_t capabilities = 0;
  machine arch = machine::other;
  std::uint16_t cores = 1;
  std::uint64_t memory_available = 0;  // bytes
  std::uint32_t open_files = 0;        // the limit
  bytes16 boot_id{};
  std::uint32_t pid = 0;
};

/// The parent's answer to a hello.
class welcome_message {
 public:
  static constexpr frame_type type = frame_type::welcome;
  welcome_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<welcome_message> decode(const frame& from);
  friend bool operator==(const welcome_message&, const welcome_message&) = default;

  std::uint16_t protocol = protocol_highest;  // the one to speak: the link fills it in
  bytes16 tree_secret{};
  std::uint32_t index = 0;  // the child's own
  std::uint8_t depth = 0;   // of the child; the root has 0
  std::uint32_t heartbeat_ms = 5'000;
  std::uint32_t dead_ms = 15'000;
  std::uint32_t orphan_grace_ms = 30'000;
  std::uint32_t link_window = 1'048'576;
  std::uint32_t stream_window = 65'536;
  std::string host;                 // the child's name as the user gave it
  std::string father;               // the parent's; of the root, the name of its machine
  std::uint32_t grooming_ms = 100;  // how long what may be folded is held; from protocol 2 on
};

/// How much more may be sent. Run 0: on this link, of data and of control frames. Else `data` bytes
/// more of a stream of a command.
class credit_message {
 public:
  static constexpr frame_type type = frame_type::credit;
  credit_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<credit_message> decode(const frame& from);
  friend bool operator==(const credit_message&, const credit_message&) = default;

  std::uint32_t run = 0;
  std::uint32_t host = no_host;
  std::uint8_t stream = 0;  // 0 input, 1 output, 2 errors; 0 for the link
  std::uint32_t data = 0;
  std::uint32_t control = 0;  // 0 for a stream
};

/// From a parent, when a link was idle.
class ping_message {
 public:
  static constexpr frame_type type = frame_type::ping;
  ping_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<ping_message> decode(const frame& from);
  friend bool operator==(const ping_message&, const ping_message&) = default;

  std::uint64_t token = 0;
};

/// The answer, with the same token.
class pong_message {
 public:
  static constexpr frame_type type = frame_type::pong;
  pong_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<pong_message> decode(const frame& from);
  friend bool operator==(const pong_message&, const pong_message&) = default;

  std::uint64_t token = 0;
};

enum class goodbye_reason : std::uint8_t {
  done,         // nothing more to do: a child ends what still runs, and itself
  protocol,     // the other end broke the protocol
  version,      // no protocol that both speak
  overload,     // this end cannot go on: memory, descriptors
  unreachable,  // this end has lost its parent
};
inline constexpr std::uint8_t goodbye_reason_count = 5;

/// What agents have used, without the commands that they ran.
class agent_usage {
 public:
  agent_usage() = default;
  friend bool operator==(const agent_usage&, const agent_usage&) = default;
  /// At most what the numbers can be.
  agent_usage& operator+=(const agent_usage& more) noexcept;

  std::uint32_t agents = 0;
  std::uint64_t cpu_us = 0;
  std::uint64_t memory_kib = 0;  // the most that each had in memory, in all
};

/// The last frame of an end.
class goodbye_message {
 public:
  static constexpr frame_type type = frame_type::goodbye;
  goodbye_message() = default;
  goodbye_message(goodbye_reason reason_, std::string text_)
      : reason(reason_), text(std::move(text_)) {}
  void encode(wire_writer& body) const;
  static std::optional<goodbye_message> decode(const frame& from);
  friend bool operator==(const goodbye_message&, const goodbye_message&) = default;

  goodbye_reason reason = goodbye_reason::done;
  std::string text;  // for people
  agent_usage used;  // from a child: by itself and by those below it that have said so
};

}  // namespace execo::detail
