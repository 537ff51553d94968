// Messages about commands: the order, what they read and print, their end. See messages.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

/// connection: no command, the agent connects to an address; input goes there, what comes from
/// there is output. Its one word is connection_word().
enum class command_form : std::uint8_t { text, words, connection };
inline constexpr std::uint8_t command_form_count = 3;

/// The port as four hexadecimal digits, then the address, of IPv4 as 8, of IPv6 as 32.
std::string connection_word(std::uint16_t port, std::string_view address);
/// Whether it is one.
bool is_connection_word(std::string_view word) noexcept;

/// Bits of execute_message::flags.
enum class execute_flag : std::uint8_t {
  input = 1,     // input will come: else standard input is empty
  terminal = 2,  // a pty
  fold = 4,      // output is folded on its way; else it is streamed
  talk = 8,      // it is given a socket for messages to other commands
};
inline constexpr std::uint8_t execute_flags_all = 15;

/// Runs a command on hosts. A host executes a run at most once, whatever comes again.
class execute_message {
 public:
  static constexpr frame_type type = frame_type::execute;
  execute_message() = default;
  bool has(execute_flag which) const noexcept {
    return (flags & static_cast<std::uint8_t>(which)) != 0;
  }
  void encode(wire_writer& body) const;
  static std::optional<execute_message> decode(const frame& from);
  friend bool operator==(const execute_message&, const execute_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  command_form form = command_form::text;
  std::vector<std::string> words;  // one, for the login shell, if the form is text
  std::string directory;           // empty: the user's
  std::vector<std::pair<std::string, std::string>> environment;
  std::uint8_t flags = 0;
  std::uint64_t output_cap = 0;  // bytes that are kept of each stream; what is beyond is counted
  std::uint64_t error_cap = 0;
  std::uint32_t kill_grace_ms = 0;      // between TERM and KILL
  std::uint32_t idle_limit_ms = 0;      // 0: none
  std::uint32_t run_limit_ms = 0;       // 0: none
  std::uint16_t rows = 0, columns = 0;  // of the terminal
  // The place of its host in the action is its index and this, without a carry: one order is for
  // many hosts.
  std::uint32_t rank_shift = 0;
  std::uint32_t count = 0;  // of the hosts of the action; 0: it has no places
  std::uint32_t talk = 0;   // its number, 0 unless it has the flag; the command is the only one of
                            // its host in it
  std::uint32_t ranks = 0;  // in the talk; 0 unless it has the flag
  std::uint32_t more = 0;   // bytes of the text that follow in parts: it runs once they are there
};

/// The next bytes of the text of an order.
class part_message {
 public:
  static constexpr frame_type type = frame_type::part;
  part_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<part_message> decode(const frame& from);
  friend bool operator==(const part_message&, const part_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  std::string_view bytes;
};

/// Bytes for the standard input of a command.
class input_message {
 public:
  static constexpr frame_type type = frame_type::input;
  input_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<input_message> decode(const frame& from);
  friend bool operator==(const input_message&, const input_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  bool end = false;  // behind these bytes
  std::string_view bytes;
};

class signal_message {
 public:
  static constexpr frame_type type = frame_type::signal;
  signal_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<signal_message> decode(const frame& from);
  friend bool operator==(const signal_message&, const signal_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  std::uint8_t number = 0;  // 1 to 64, as on Linux; 0: none, the command is being ended by those
                            // that follow: it has not ended before nothing is left of it
};

/// TERM, the grace, then KILL, of the process group and of all descendants.
class cancel_message {
 public:
  static constexpr frame_type type = frame_type::cancel;
  cancel_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<cancel_message> decode(const frame& from);
  friend bool operator==(const cancel_message&, const cancel_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
};

/// The command runs.
class started_message {
 public:
  static constexpr frame_type type = frame_type::started;
  started_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<started_message> decode(const frame& from);
  friend bool operator==(const started_message&, const started_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  std::uint32_t after_us = 0;  // since the order came to the host; the longest of the set
};

enum class command_stream : std::uint8_t { input, output, errors };
inline constexpr std::uint8_t command_stream_count = 3;

class output_message {
 public:
  static constexpr frame_type type = frame_type::output;
  output_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<output_message> decode(const frame& from);
  friend bool operator==(const output_message&, const output_message&) = default;

  std::uint32_t run = 0;
  std::uint32_t host = no_host;
  command_stream stream = command_stream::output;  // never input
  std::uint64_t offset = 0;                        // of the first byte in the stream
  std::string_view bytes;
};

/// A block of output that hosts printed alike. A host's stream is cut into blocks of chunk_limit
/// bytes; the last one, or the only one, is shorter and may be empty.
class folded_message {
 public:
  static constexpr frame_type type = frame_type::folded;
  folded_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<folded_message> decode(const frame& from);
  friend bool operator==(const folded_message&, const folded_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  command_stream stream = command_stream::output;  // never input
  std::uint64_t offset = 0;                        // of the block in the stream
  bytes16 digest{};                                // of the bytes: fold_table::digest_of
  bool has_bytes = true;  // false: they came before, on this link and for this run
  std::string_view bytes;
};

/// How a command ended there.
enum class command_end : std::uint8_t {
  exited,      // code: of exit
  signaled,    // code: the signal
  run_limit,   // took too long
  idle_limit,  // said nothing for too long
  cancelled,
  not_started,  // code: errno, 0 if the host never came up
  lost,         // it may have run, its end is not known
  twice,        // the run is known there and has ended: nothing was done
};
inline constexpr std::uint8_t command_end_count = 8;

/// What an end knows of each host.
class host_measure {
 public:
  host_measure() = default;
  friend bool operator==(const host_measure&, const host_measure&) = default;

  std::uint64_t elapsed_us = 0;
  std::uint64_t output = 0;  // bytes that were printed, with those that were dropped
  std::uint64_t errors = 0;
  std::uint64_t output_dropped = 0;
  std::uint64_t errors_dropped = 0;
};

/// The last that is said of a run about these hosts: their output has come before.
class ended_message {
 public:
  static constexpr frame_type type = frame_type::ended;
  ended_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<ended_message> decode(const frame& from);
  friend bool operator==(const ended_message&, const ended_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;  // at most measured_hosts_limit
  command_end how = command_end::exited;
  std::uint32_t code = 0;
  bool forced = false;  // KILL was needed
  bool whole = true;    // false: output may be missing, somebody else held the pipe for too long
  std::string text;     // for people, of not_started and lost
  std::vector<host_measure> measures;  // of each host, in order
};

}  // namespace execo::detail
