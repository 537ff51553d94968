#include "wire/codec.hpp"

#include <cassert>

namespace execo::detail {

namespace {

constexpr unsigned varint_bits = 7;
constexpr std::uint8_t varint_more = 0x80;

}  // namespace

void wire_writer::text(std::string_view value, [[maybe_unused]] std::size_t limit) {
  assert(value.size() <= limit);
  varint64(value.size());
  into_.append(value);
}

void wire_writer::word(std::string_view value, std::size_t limit) {
  assert(value.find('\0') == std::string_view::npos);
  text(value, limit);
}

void wire_writer::varint64(std::uint64_t value) {
  for (; value >= varint_more; value >>= varint_bits)
    u8(static_cast<std::uint8_t>(value | varint_more));
  u8(static_cast<std::uint8_t>(value));
}

void wire_writer::count(std::size_t items, [[maybe_unused]] std::size_t limit) {
  assert(items <= limit);
  varint64(items);
}

void wire_reader::boolean(bool& value) noexcept {
  std::uint8_t number = 0;
  u8(number);
  value = number == 1;
  if (number > 1) fail();
}

void wire_reader::text(std::string& value, std::size_t limit) {
  std::string_view bytes;
  text(bytes, limit);
  value.assign(bytes);
}

void wire_reader::text(std::string_view& value, std::size_t limit) noexcept {
  value = take(static_cast<std::size_t>(varint64(limit)));
}

void wire_reader::word(std::string& value, std::size_t limit) {
  text(value, limit);
  if (value.find('\0') == std::string::npos) return;
  value.clear();
  fail();
}

void wire_reader::rest(std::string_view& value) noexcept {
  value = left_;
  left_ = {};
}

std::string_view wire_reader::take(std::size_t size) noexcept {
  if (size > left_.size()) {
    fail();
    return {};
  }
  const std::string_view bytes = left_.substr(0, size);
  left_.remove_prefix(size);
  return bytes;
}

// The last byte is never zero, but for the value zero, and the tenth holds one bit.
std::uint64_t wire_reader::varint64(std::uint64_t limit) noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && ok_; shift += varint_bits) {
    std::uint8_t byte = 0;
    u8(byte);
    const std::uint64_t bits = byte & (varint_more - 1U);
    if ((bits << shift) >> shift != bits || (byte == 0 && shift > 0)) break;
    value |= bits << shift;
    if ((byte & varint_more) == 0) {
      if (!ok_ || value > limit) break;
      return value;
    }
  }
  fail();
  return 0;
}

std::size_t wire_reader::count(std::size_t limit) noexcept {
  return static_cast<std::size_t>(varint64(limit < left_.size() ? limit : left_.size()));
}

}  // namespace execo::detail
