#include "transfer/sftp_wire.hpp"

#include <limits.h>

#include <algorithm>
#include <utility>

#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

constexpr std::uint32_t version = 3;
constexpr std::size_t length_size = 4;
constexpr std::size_t id_at = 5;
// A name and its line of `ls -l` need no less.
constexpr std::size_t least_name = 12;
constexpr std::size_t max_handle = 256;
constexpr std::size_t max_extensions = 64;

constexpr std::uint32_t has_size = 1;
constexpr std::uint32_t has_owner = 2;
constexpr std::uint32_t has_mode = 4;
constexpr std::uint32_t has_times = 8;
constexpr std::uint32_t has_more = 0x80000000;

enum class answer_type : std::uint8_t {
  version = 2,
  status = 101,
  handle = 102,
  data = 103,
  name = 104,
  attrs = 105,
  extended = 201,
};

void append_long(std::string& to, std::uint64_t value) {
  append_number(to, value >> 32U);
  append_number(to, value & 0xffffffffU);
}

void set_number(std::string& in, std::size_t at, std::size_t value) {
  for (unsigned shift : {24U, 16U, 8U, 0U}) in[at++] = static_cast<char>(value >> shift & 0xffU);
}

void append_head(std::string& to, sftp_request_type what, std::size_t size, std::uint32_t id) {
  append_number(to, size);
  to += static_cast<char>(what);
  append_number(to, id);
}

std::uint64_t read_long(ssh_reader& from) {
  std::uint64_t high = from.number();
  return high << 32U | from.number();
}

sftp_attributes read_attributes(ssh_reader& from) {
  sftp_attributes read;
  std::uint32_t flags = from.number();
  if ((flags & has_size) != 0) read.size = read_long(from);
  if ((flags & has_owner) != 0) {
    read.user = from.number();
    read.group = from.number();
  }
  if ((flags & has_mode) != 0) read.mode = from.number();
  if ((flags & has_times) != 0) {
    (void)from.number();
    read.modified = from.number();
  }
  if ((flags & has_more) != 0) {
    std::uint32_t count = from.number();
    for (std::uint32_t i = 0; i < count && !from.failed(); ++i) {
      (void)from.text();
      (void)from.text();
    }
  }
  return read;
}

bool read_names(ssh_reader& from, std::vector<sftp_name>& into) {
  std::uint32_t count = from.number();
  if (count > from.rest().size() / least_name) return false;
  into.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    sftp_name one;
    one.name = from.text();
    (void)from.text();  // a line as of `ls -l`
    one.about = read_attributes(from);
    if (from.failed() || one.name.size() > PATH_MAX) return false;
    into.push_back(std::move(one));
  }
  return true;
}

void read_version(ssh_reader& from, sftp_answer& into) {
  while (!from.rest().empty() && !from.failed() && into.extensions.size() < max_extensions) {
    into.extensions.emplace_back(from.text());
    (void)from.text();  // its version
  }
}

bool read_body(answer_type type, ssh_reader& from, sftp_answer& into) {
  using kind = sftp_answer::kind;
  switch (type) {
    case answer_type::version:
      into.what = kind::version;
      read_version(from, into);
      return true;
    case answer_type::status:
      into.what = kind::status;
      into.status = static_cast<sftp_status>(from.number());
      // Old servers send no words.
      if (!from.rest().empty()) into.text = from.text();
      return into.status < sftp_status::lost;
    case answer_type::handle:
      into.what = kind::handle;
      into.text = from.text();
      return into.text.size() <= max_handle;
    case answer_type::data:
      into.what = kind::data;
      into.data = from.text();
      return true;
    case answer_type::name:
      into.what = kind::names;
      return read_names(from, into.names);
    case answer_type::attrs:
      into.what = kind::attributes;
      into.attributes = read_attributes(from);
      return true;
    case answer_type::extended:
      into.what = kind::extended;
      into.text = from.rest();
      return true;
  }
  return false;
}

}  // namespace

sftp_request::sftp_request(sftp_request_type what) { append_head(bytes_, what, 0, 0); }

sftp_request& sftp_request::number(std::uint32_t value) {
  append_number(bytes_, value);
  return *this;
}

sftp_request& sftp_request::long_number(std::uint64_t value) {
  append_long(bytes_, value);
  return *this;
}

sftp_request& sftp_request::text(std::string_view bytes) {
  append_field(bytes_, bytes);
  return *this;
}

sftp_request& sftp_request::attributes(const sftp_attributes& those) {
  number((those.size ? has_size : 0) | (those.user ? has_owner : 0) | (those.mode ? has_mode : 0) |
         (those.modified ? has_times : 0));
  if (those.size) long_number(*those.size);
  if (those.user) number(*those.user).number(those.group.value_or(*those.user));
  if (those.mode) number(*those.mode);
  // When it was read, and when it was changed.
  if (those.modified) number(*those.modified).number(*those.modified);
  return *this;
}

std::string sftp_request::packet(std::uint32_t id) && {
  set_number(bytes_, 0, bytes_.size() - length_size);
  set_number(bytes_, id_at, id);
  return std::move(bytes_);
}

std::string sftp_init() {
  std::string made;
  append_number(made, 5);
  made += static_cast<char>(sftp_request_type::init);
  append_number(made, version);
  return made;
}

void append_sftp_write(std::string& to, std::uint32_t id, std::string_view handle,
                       std::uint64_t offset, std::span<const char> bytes) {
  append_head(to, sftp_request_type::write, 5 + 4 + handle.size() + 8 + 4 + bytes.size(), id);
  append_field(to, handle);
  append_long(to, offset);
  append_field(to, std::string_view(bytes.data(), bytes.size()));
}

void append_sftp_read(std::string& to, std::uint32_t id, std::string_view handle,
                      std::uint64_t offset, std::uint32_t size) {
  append_head(to, sftp_request_type::read, 5 + 4 + handle.size() + 8 + 4, id);
  append_field(to, handle);
  append_long(to, offset);
  append_number(to, size);
}

std::optional<sftp_answer> read_sftp_answer(std::string_view packet) {
  ssh_reader from(packet);
  auto type = static_cast<answer_type>(from.byte());
  sftp_answer read;
  read.id = from.number();
  if (from.failed() || !read_body(type, from, read) || from.failed()) return std::nullopt;
  return read;
}

std::optional<std::string_view> sftp_splitter::next(std::span<const char>& bytes) {
  if (std::exchange(is_whole_, false)) kept_.clear();
  auto take = [&](std::size_t up_to) {
    std::size_t count = std::min(bytes.size(), up_to - std::min(up_to, kept_.size()));
    kept_.append(bytes.data(), count);
    bytes = bytes.subspan(count);
    return kept_.size() >= up_to;
  };
  if (is_broken_ || !take(length_size)) return std::nullopt;
  std::size_t size = ssh_reader(kept_).number();
  is_broken_ = size == 0 || size > max_sftp_packet;
  if (is_broken_) take(max_sftp_packet / 1024);
  if (is_broken_ || !take(length_size + size)) return std::nullopt;
  is_whole_ = true;
  return std::string_view(kept_).substr(length_size);
}

}  // namespace execo::detail
