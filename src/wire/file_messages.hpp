// Messages about files: an order to write what a content says, the parts of the content, and who
// wants them. A content is a row of bytes that a number names in the whole tree; each agent asks
// its parent for it and passes it on to those of its children who ask. See messages.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

inline constexpr std::size_t file_part_limit = 61'440;  // bytes of a content in one frame
inline constexpr std::size_t file_name_limit = 255;
inline constexpr std::size_t file_path_limit = 4'096;

/// file: the content is that of one file. entries: it is a row of file_entry, each followed by the
/// bytes of its file.
enum class file_form : std::uint8_t { file, entries };
inline constexpr std::uint8_t file_form_count = 2;

/// Bits of file_order_message::flags.
enum class file_flag : std::uint8_t {
  preserve = 1,          // modes and times as they are; owners where the user is root
  sync = 2,              // on the disk before it has its name
  make_directories = 4,  // where the destination has none
  several = 8,           // of entries: they have several names at their top
  resume = 16,           // a part that is there is gone on with, and stays if more cannot be had
  skip_same = 32,        // a file that has the digest already is left as it is
};
inline constexpr std::uint8_t file_flags_all = 63;

/// What is said of a file beside its bytes.
class file_facts {
 public:
  file_facts() = default;
  friend bool operator==(const file_facts&, const file_facts&) = default;

  std::uint32_t mode = 0;      // permission bits
  std::uint64_t modified = 0;  // seconds since 1970, as two's complement
  std::uint32_t user = 0;
  std::uint32_t group = 0;
};

/// A file, a directory or a link of a content. Directories come before what is in them.
class file_entry {
 public:
  enum class kind : std::uint8_t { file, directory, link };
  file_entry() = default;
  /// Bytes in front of an entry: of the length of the rest.
  static constexpr std::size_t length_size = 2;
  static constexpr std::size_t head_limit = 2 * file_path_limit + 100;
  /// Appends length and head.
  void encode(std::string& into) const;
  /// From a head without its length. No name of it leads out of its directory.
  static std::optional<file_entry> decode(std::string_view head);
  friend bool operator==(const file_entry&, const file_entry&) = default;

  kind what = kind::file;
  file_facts facts;
  std::uint64_t size = 0;  // of a file
  std::string name;        // "conf/app.toml"
  std::string target;      // of a link
};

/// Writes a content to files on hosts. It is a run, which ends as a command does: `exited` with 0,
/// or `not_started` with an errno and, as text, the step and the path; `lost` if the content could
/// not be had by way of the parent. The measure of its output are the bytes that were there.
class file_order_message {
 public:
  static constexpr frame_type type = frame_type::file_order;
  file_order_message() = default;
  bool has(file_flag which) const noexcept {
    return (flags & static_cast<std::uint8_t>(which)) != 0;
  }
  void encode(wire_writer& body) const;
  static std::optional<file_order_message> decode(const frame& from);
  friend bool operator==(const file_order_message&, const file_order_message&) = default;

  std::uint32_t run = 0;
  index_ranges hosts;
  std::uint32_t content = 0;
  std::uint64_t size = 0;  // of the content
  file_form form = file_form::file;
  std::uint8_t flags = 0;
  file_facts facts;         // of a file
  std::string name;         // of what is at the top; empty: it is several
  std::string destination;  // as the user gave it
};

/// A part of a content, to a child that wants it. Parts come in order.
class file_part_message {
 public:
  static constexpr frame_type type = frame_type::file_part;
  file_part_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<file_part_message> decode(const frame& from);
  friend bool operator==(const file_part_message&, const file_part_message&) = default;

  std::uint32_t content = 0;
  std::uint64_t offset = 0;
  bytes16 digest{};  // part_digest() of the bytes
  std::string_view bytes;
};

/// Behind the last part. See content_digests::whole().
class file_end_message {
 public:
  static constexpr frame_type type = frame_type::file_end;
  file_end_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<file_end_message> decode(const frame& from);
  friend bool operator==(const file_end_message&, const file_end_message&) = default;

  std::uint32_t content = 0;
  bytes16 digest{};
};

/// No further part of a content comes to this child.
class file_none_message {
 public:
  static constexpr frame_type type = frame_type::file_none;
  file_none_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<file_none_message> decode(const frame& from);
  friend bool operator==(const file_none_message&, const file_none_message&) = default;

  std::uint32_t content = 0;
  std::string text;  // for people
};

/// A content will not be asked for any more: who keeps it for children lets it go.
class file_forget_message {
 public:
  static constexpr frame_type type = frame_type::file_forget;
  file_forget_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<file_forget_message> decode(const frame& from);
  friend bool operator==(const file_forget_message&, const file_forget_message&) = default;

  std::uint32_t content = 0;
};

/// The child wants a content, and has room for that much more of it. The first one says how much it
/// has already, parts or all, and what content_digests::whole() of that is: it gets the rest if
/// that is right, else all.
class file_want_message {
 public:
  static constexpr frame_type type = frame_type::file_want;
  file_want_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<file_want_message> decode(const frame& from);
  friend bool operator==(const file_want_message&, const file_want_message&) = default;

  std::uint32_t content = 0;
  std::uint32_t room = 0;
  std::uint64_t offset = 0;
  bytes16 digest{};
};

}  // namespace execo::detail
