// Integers and byte strings in the body of a frame. Writer and reader have the same functions, so
// that the fields of a message are written down once for both. Numbers are little-endian, varints
// LEB128 in their shortest form: a value has one encoding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace execo::detail {

using bytes16 = std::array<char, 16>;

/// Appends to a string.
class wire_writer {
 public:
  explicit wire_writer(std::string& into) noexcept : into_(into) {}

  void u8(std::uint8_t value) { into_.push_back(static_cast<char>(value)); }
  void u16(std::uint16_t value) { fixed(value); }
  void u32(std::uint32_t value) { fixed(value); }
  void u64(std::uint64_t value) { fixed(value); }
  template <class Integer>
  void varint(Integer value) {
    static_assert(std::is_unsigned_v<Integer>);
    varint64(value);
  }
  void boolean(bool value) { u8(value ? 1 : 0); }
  template <std::size_t Size>
  void raw(const std::array<char, Size>& value) {
    into_.append(value.data(), Size);
  }
  /// Length and bytes. Pre: not longer than the reader's `limit`.
  void text(std::string_view value, std::size_t limit);
  /// The same. Pre: no zero byte.
  void word(std::string_view value, std::size_t limit);
  /// All bytes to the end of the body.
  void rest(std::string_view value) { into_.append(value); }
  /// Pre: below `count`.
  template <class Enum>
  void choice(Enum value, std::uint8_t /*count*/) {
    u8(static_cast<std::uint8_t>(value));
  }
  /// Calls `field(*this, item)` for each.
  template <class Item, class Field>
  void list(const std::vector<Item>& items, std::size_t limit, Field field) {
    count(items.size(), limit);
    for (const Item& item : items) field(*this, item);
  }

 private:
  template <class Integer>
  void fixed(Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
      into_.push_back(static_cast<char>(value & 0xff));
      value = static_cast<Integer>(value >> 8);
    }
  }
  void varint64(std::uint64_t value);
  void count(std::size_t items, std::size_t limit);

  std::string& into_;
};

/// Reads what a wire_writer wrote, or finds that it was none: then ok() is false for good, and all
/// further values are zero and empty. Allocates nothing for a length or count that the bytes left
/// cannot hold.
class wire_reader {
 public:
  explicit wire_reader(std::string_view from) noexcept : left_(from) {}

  bool ok() const noexcept { return ok_; }
  /// All was well, and no byte is left.
  bool finished() const noexcept { return ok_ && left_.empty(); }
  std::string_view left() const noexcept { return left_; }
  /// Something is wrong that only the caller can see.
  void fail() noexcept {
    ok_ = false;
    left_ = {};
  }

  void u8(std::uint8_t& value) noexcept { fixed(value); }
  void u16(std::uint16_t& value) noexcept { fixed(value); }
  void u32(std::uint32_t& value) noexcept { fixed(value); }
  void u64(std::uint64_t& value) noexcept { fixed(value); }
  template <class Integer>
  void varint(Integer& value) noexcept {
    static_assert(std::is_unsigned_v<Integer>);
    value = static_cast<Integer>(varint64(static_cast<Integer>(~Integer{0})));
  }
  void boolean(bool& value) noexcept;
  template <std::size_t Size>
  void raw(std::array<char, Size>& value) noexcept {
    const std::string_view bytes = take(Size);
    value.fill(0);
    bytes.copy(value.data(), bytes.size());
  }
  /// A longer one than `limit` is none.
  void text(std::string& value, std::size_t limit);
  /// As text(), without a copy.
  void text(std::string_view& value, std::size_t limit) noexcept;
  /// One with a zero byte is none: it goes where a C string does.
  void word(std::string& value, std::size_t limit);
  void rest(std::string_view& value) noexcept;
  template <class Enum>
  void choice(Enum& value, std::uint8_t count) noexcept {
    std::uint8_t number = 0;
    u8(number);
    if (number >= count) return fail();
    value = static_cast<Enum>(number);
  }
  /// Each item takes at least a byte.
  template <class Item, class Field>
  void list(std::vector<Item>& items, std::size_t limit, Field field) {
    items.clear();
    const std::size_t size = count(limit);
    items.reserve(size < items_at_once ? size : items_at_once);
    for (std::size_t i = 0; i < size && ok_; ++i) field(*this, items.emplace_back());
    if (!ok_) items.clear();
  }

 private:
  static constexpr std::size_t items_at_once = 64;  // reserved before the first has been seen

  template <class Integer>
  void fixed(Integer& value) noexcept {
    value = 0;
    const std::string_view bytes = take(sizeof value);
    for (std::size_t i = bytes.size(); i-- > 0;)
      value =
          static_cast<Integer>((std::uint64_t{value} << 8) | static_cast<std::uint8_t>(bytes[i]));
  }
  /// Empty, and failed, if there are not as many.
  std::string_view take(std::size_t size) noexcept;
  std::uint64_t varint64(std::uint64_t limit) noexcept;
  std::size_t count(std::size_t limit) noexcept;

  std::string_view left_;
  bool ok_ = true;
};

}  // namespace execo::detail
