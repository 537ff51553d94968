// The packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), as a client sends and reads them.
// Pure. What a server sends is not trusted: no packet is longer than max_sftp_packet, and no name
// longer than a path may be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {

/// Without its length. OpenSSH takes and sends no longer ones.
inline constexpr std::size_t max_sftp_packet = std::size_t{256} * 1024;

/// What a request asks for: the first byte of its packet.
enum class sftp_request_type : std::uint8_t {
  init = 1,
  open = 3,
  close = 4,
  read = 5,
  write = 6,
  lstat = 7,
  fstat = 8,
  setstat = 9,
  fsetstat = 10,
  opendir = 11,
  readdir = 12,
  remove = 13,
  mkdir = 14,
  rmdir = 15,
  realpath = 16,
  stat = 17,
  rename = 18,
  readlink = 19,
  symlink = 20,
  extended = 200,
};

/// The codes of a server, and two of ours.
enum class sftp_status : std::uint32_t {
  ok = 0,
  end_of_file = 1,
  no_such_file = 2,
  permission_denied = 3,
  failure = 4,
  bad_message = 5,
  no_connection = 6,
  connection_lost = 7,
  unsupported = 8,
  lost = 0xffff0000,     // the server ended before it answered
  stopped = 0xffff0001,  // the copy is being ended
};

/// Of a file: those that were said.
class sftp_attributes {
 public:
  sftp_attributes() = default;

  std::optional<std::uint64_t> size;
  std::optional<std::uint32_t> user, group;  // both or none
  std::optional<std::uint32_t> mode;         // with the kind of file, as st_mode
  std::optional<std::uint32_t> modified;

  bool is_directory() const noexcept { return is(0040000); }
  bool is_file() const noexcept { return is(0100000); }
  bool is_link() const noexcept { return is(0120000); }

 private:
  bool is(std::uint32_t kind) const noexcept { return mode && (*mode & 0170000U) == kind; }
};

/// A request that is being written. Its id is set when it is sent.
class sftp_request {
 public:
  explicit sftp_request(sftp_request_type what);

  sftp_request& number(std::uint32_t value);
  sftp_request& long_number(std::uint64_t value);
  sftp_request& text(std::string_view bytes);
  sftp_request& attributes(const sftp_attributes& those);

  /// The packet. Pre: one of init() has no id.
  std::string packet(std::uint32_t id) &&;

 private:
  std::string bytes_;
};

/// The first packet of a client.
std::string sftp_init();
/// Appends the packet of a request to write, without a copy of the bytes on the way.
void append_sftp_write(std::string& to, std::uint32_t id, std::string_view handle,
                       std::uint64_t offset, std::span<const char> bytes);
/// The same of one to read.
void append_sftp_read(std::string& to, std::uint32_t id, std::string_view handle,
                      std::uint64_t offset, std::uint32_t size);

class sftp_name {
 public:
  std::string name;
  sftp_attributes about;
};

/// A packet of the server.
class sftp_answer {
 public:
  enum class kind : std::uint8_t { version, status, handle, data, names, attributes, extended };

  sftp_answer() = default;
  explicit sftp_answer(sftp_status code) : status(code) {}
  bool ok() const noexcept { return what != kind::status || status == sftp_status::ok; }
  bool is(kind k) const noexcept { return what == k; }

  kind what = kind::status;
  std::uint32_t id = 0;  // of the request; of a version, that
  sftp_status status = sftp_status::failure;
  std::string text;                     // what a status says, a handle, an extended answer
  std::string_view data;                // of the packet
  std::vector<sftp_name> names;         // of a directory, or one path
  std::vector<std::string> extensions;  // of a version
  sftp_attributes attributes;
};

/// None: it is none that a server may send.
std::optional<sftp_answer> read_sftp_answer(std::string_view packet);

/// Cuts a stream into packets.
class sftp_splitter {
 public:
  /// The next packet, without its length, valid until the next call; takes `bytes` up to its end.
  /// None: they are all taken, or the stream is broken.
  std::optional<std::string_view> next(std::span<const char>& bytes);
  /// A packet is empty, or longer than it may be.
  bool broken() const noexcept { return is_broken_; }
  /// What came of a packet that is not complete, or of one that broke it.
  std::string_view pending() const noexcept { return kept_; }

 private:
  std::string kept_;
  bool is_whole_ = false;  // it was handed out
  bool is_broken_ = false;
};

}  // namespace execo::detail
