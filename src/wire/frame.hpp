// Frames: what the bytes between two neighbours in the tree consist of. Little-endian:
//   u32 length of the body | u8 type | u8 flags | u16 sequence | u32 run | u32 host | u32 crc32c |
//   body
// The checksum is that of the header with zero in its place, then the body. The sequence counts the
// frames of a link in one direction, from 0, and wraps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/fault.hpp"

namespace execo::detail {

inline constexpr std::size_t frame_header_size = 20;
inline constexpr std::size_t frame_body_limit = 65'536;
/// In the place of the host: the set of hosts is in the body, or the frame is about no host.
inline constexpr std::uint32_t no_host = 0xffff'ffff;

/// Down is from the root towards the leaves.
enum class flow : std::uint8_t { down, up };

/// The two highest bits tell who may send a type: 00 down, 01 up, 10 both.
enum class frame_type : std::uint8_t {
  welcome = 0x01,
  connector = 0x02,
  image = 0x03,
  work = 0x04,
  revoke = 0x05,
  execute = 0x06,
  input = 0x07,
  signal = 0x08,
  cancel = 0x09,
  ping = 0x0a,
  part = 0x0c,
  wave = 0x0d,
  file_order = 0x10,
  file_part = 0x11,
  file_end = 0x12,
  file_none = 0x13,
  file_forget = 0x14,
  deliver = 0x20,
  accepted = 0x21,
  gathered = 0x22,
  sign_answer = 0x28,
  certificate = 0x29,
  hello = 0x41,
  steal = 0x42,
  returned = 0x43,
  host_state = 0x44,
  started = 0x45,
  output = 0x46,
  folded = 0x47,
  ended = 0x48,
  pong = 0x49,
  answers = 0x4a,
  file_want = 0x50,
  say = 0x60,
  contribute = 0x61,
  consumed = 0x62,
  sign_ask = 0x68,
  credit = 0x81,
  goodbye = 0x82,
  // Kept free, and unknown so far: 0x0b for agents that are taken up again, 0x10-0x1f, 0x50-0x5f
  // and 0x90-0x9f for files, 0x23-0x27, 0x63-0x67 and 0xa0-0xa7 for messages between commands,
  // 0x2a-0x2b and 0x69-0x6b for signatures.
};

/// Which credit a frame needs.
enum class frame_class : std::uint8_t {
  link,     // none: of the link itself, and dealt with at once
  control,  // the reserve of control frames
  data,     // the window of the link
};

/// What the run and the host of a frame's header may be.
enum class frame_address : std::uint8_t {
  nobody,        // run 0, no host
  hosts,         // run 0; a host, or a set at the front of the body
  hosts_of_run,  // a run; a host, or a set at the front of the body
  host_of_run,   // a run and a host
  credit,        // run 0 and no host, or a run and a host
};

bool is_known(frame_type type) noexcept;
/// Pre of all: is_known(type).
bool may_flow(frame_type type, flow direction) noexcept;
frame_address address_of(frame_type type) noexcept;
std::string_view name_of(frame_type type) noexcept;

/// A frame in the bytes of somebody else.
class frame {
 public:
  frame() = default;
  frame(frame_type type_, std::uint32_t run_, std::uint32_t host_, std::string_view body_) noexcept
      : type(type_), run(run_), host(host_), body(body_) {}

  /// What it costs of a credit.
  std::size_t size() const noexcept { return frame_header_size + body.size(); }

  frame_type type = frame_type::goodbye;
  std::uint32_t run = 0;
  std::uint32_t host = no_host;
  std::string_view body;
};

/// Which credit it needs: a credit of a stream is a control frame, one of the link is of the link.
frame_class class_of(const frame& f) noexcept;
/// Run and host are as the type has them; a set in the body is not looked at.
bool is_addressed_right(const frame& f) noexcept;

/// Appends a header, returns its place. Append the body behind it, then seal the frame. The body of
/// `about` is not looked at.
std::size_t begin_frame(std::string& into, const frame& about);
/// For frames that are not sealed yet: writes, and reads back, the length of the body of the one at
/// `at`. The second counts the header.
void set_body_size(std::string& bytes, std::size_t at, std::size_t size) noexcept;
std::size_t frame_size_at(const std::string& bytes, std::size_t at) noexcept;
/// Fills in length, sequence and checksum of the frame that begins at `at` and reaches to the end.
/// Pre: its body is not above the limit.
void seal_frame(std::string& into, std::size_t at, std::uint16_t sequence) noexcept;
/// Both, with a body that is there already. Pre: as seal_frame().
void append_frame(std::string& into, const frame& f, std::uint16_t sequence);

/// Finds the frames in bytes that come cut anywhere. Holds one frame at most.
class frame_reader {
 public:
  explicit frame_reader(flow from) noexcept : from_(from) {}

  /// The next frame, taken off the front of `bytes`. Its body lies in `bytes`, or in the reader
  /// until the next call. Nothing: all of `bytes` was taken and the frame goes on behind them, or
  /// fault().
  std::optional<frame> next(std::string_view& bytes);

  /// None, or why no frame comes any more.
  wire_fault fault() const noexcept { return fault_; }
  /// A frame has begun and is not whole.
  bool in_frame() const noexcept { return !held_.empty() && !given_; }

 private:
  std::optional<frame> next_held(std::string_view& bytes);
  bool hold(std::string_view& bytes, std::size_t size);
  void drop_given();
  bool accept_header(const char* header) noexcept;
  std::optional<frame> open(std::string_view whole);

  flow from_;
  wire_fault fault_ = wire_fault::none;
  std::uint16_t sequence_ = 0;
  bool given_ = false;  // held_ is a frame that the last call has given
  std::string held_;    // the front of a frame that was cut
};

}  // namespace execo::detail
