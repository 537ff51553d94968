#include "transfer/tar_reader.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <limits>
#include <utility>

namespace execo::detail {
namespace {

constexpr std::uint64_t max_extra = std::uint64_t{1} << 20;

copy_failure broken(const char* what) {
  return copy_failure(std::make_error_code(std::errc::bad_message),
                      std::string("the archive that the host sent: ") + what);
}

std::string_view text_in(std::span<const char, tar_block> block, std::size_t at,
                         std::size_t size) noexcept {
  std::string_view field(block.data() + at, size);
  return field.substr(0, field.find('\0'));
}

// In octal digits, or in GNU's base 256.
std::optional<std::uint64_t> number_in(std::span<const char, tar_block> block, std::size_t at,
                                       std::size_t size) noexcept {
  std::string_view field(block.data() + at, size);
  auto first = static_cast<unsigned char>(field.front());
  if ((first & 0x80) != 0) {
    std::uint64_t number = first & 0x7f;
    if ((first & 0x40) != 0) return std::nullopt;  // negative
    for (char c : field.substr(1)) {
      if (number > (std::numeric_limits<std::uint64_t>::max() >> 8)) return std::nullopt;
      number = number << 8 | static_cast<unsigned char>(c);
    }
    return number;
  }
  std::size_t begin = field.find_first_not_of(' ');
  if (begin == field.npos || field[begin] == '\0') return 0;
  field.remove_prefix(begin);
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number, 8);
  bool ends_well = end == field.data() + field.size() || *end == ' ' || *end == '\0';
  return error == std::errc() && ends_well ? std::optional(number) : std::nullopt;
}

bool has_right_sum(std::span<const char, tar_block> block) noexcept {
  constexpr std::size_t at = 148;
  constexpr std::size_t size = 8;
  std::uint64_t sum = size * ' ';
  for (std::size_t i = 0; i < tar_block; ++i)
    if (i < at || i >= at + size) sum += static_cast<unsigned char>(block[i]);
  return number_in(block, at, size) == sum;
}

template <class Number>
std::optional<Number> leading_number(std::string_view text) noexcept {
  Number number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end != text.data() ? std::optional(number) : std::nullopt;
}

}  // namespace

copy_failure tar_reader::feed(std::span<const char>& bytes) {
  while (!bytes.empty() && state_ != state::over) {
    copy_failure failed;
    if (state_ != state::header && left_ > 0) {
      failed = take_contents(bytes);
    } else if (padding_ > 0) {
      skip_padding(bytes);
    } else {
      std::size_t count = std::min(bytes.size(), tar_block - filled_);
      std::copy_n(bytes.begin(), count, block_.begin() + static_cast<std::ptrdiff_t>(filled_));
      bytes = bytes.subspan(count);
      filled_ += count;
      if (filled_ == tar_block) failed = read_block();
    }
    if (failed) return failed;
  }
  return {};
}

copy_failure tar_reader::take_contents(std::span<const char>& bytes) {
  auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
  std::span<const char> some = bytes.first(count);
  bytes = bytes.subspan(count);
  left_ -= count;
  if (state_ == state::extra) {
    extra_.append(some.data(), some.size());
    return left_ == 0 ? end_extra() : copy_failure();
  }
  if (copy_failure failed = to_.on_contents(some)) return failed;
  if (left_ > 0) return {};
  end_member();
  return to_.on_contents_end();
}

void tar_reader::skip_padding(std::span<const char>& bytes) noexcept {
  std::size_t count = std::min(bytes.size(), padding_);
  bytes = bytes.subspan(count);
  padding_ -= count;
}

void tar_reader::end_member() {
  state_ = state::header;
  name_.reset();
  target_.reset();
  size_.reset();
  modified_.reset();
}

// A block of zeros is the end: the second one is not waited for, since some leave it out.
copy_failure tar_reader::read_block() {
  filled_ = 0;
  if (std::ranges::all_of(block_, [](char c) { return c == '\0'; })) {
    state_ = state::over;
    return {};
  }
  if (!has_right_sum(block_)) return broken("a header with a wrong checksum");
  constexpr std::size_t type_at = 156;
  char type = block_[type_at];
  bool is_extra = type == 'x' || type == 'g' || type == 'L' || type == 'K';
  return is_extra ? begin_extra(type) : begin_member(type);
}

copy_failure tar_reader::begin_extra(char type) {
  std::optional<std::uint64_t> size = number_in(block_, 124, 12);
  if (!size || *size > max_extra) return broken("records that are too long");
  state_ = state::extra;
  extra_type_ = type;
  extra_.clear();
  left_ = *size;
  padding_ = tar_padding(left_);
  return left_ == 0 ? end_extra() : copy_failure();
}

copy_failure tar_reader::end_extra() {
  state_ = state::header;
  std::string text = std::exchange(extra_, std::string());
  if (extra_type_ == 'g') return {};  // says nothing that is used here
  if (extra_type_ == 'x') {
    extra_ = std::move(text);
    return read_pax();
  }
  text.resize(std::min(text.size(), text.find('\0')));
  (extra_type_ == 'L' ? name_ : target_) = std::move(text);
  return {};
}

// "27 path=...\n" each.
copy_failure tar_reader::read_pax() {
  std::string_view rest = extra_;
  while (!rest.empty()) {
    std::optional<std::size_t> size = leading_number<std::size_t>(rest);
    std::size_t blank = rest.find(' ');
    if (!size || *size > rest.size() || blank == rest.npos || *size < blank + 3 ||
        rest[*size - 1] != '\n')
      return broken("a record that has another length than it says");
    std::string_view record = rest.substr(blank + 1, *size - blank - 2);
    rest.remove_prefix(*size);
    std::size_t equals = record.find('=');
    if (equals == record.npos) return broken("a record without a value");
    std::string_view key = record.substr(0, equals);
    std::string_view value = record.substr(equals + 1);
    if (key == "path") name_ = std::string(value);
    if (key == "linkpath") target_ = std::string(value);
    if (key == "size") size_ = leading_number<std::uint64_t>(value);
    if (key == "mtime") modified_ = leading_number<std::int64_t>(value);
    if (key.starts_with("GNU.sparse")) return broken("a sparse file, in a form of GNU tar alone");
  }
  extra_.clear();
  return {};
}

copy_failure tar_reader::begin_member(char type) {
  std::optional<std::uint64_t> size = number_in(block_, 124, 12);
  std::optional<std::uint64_t> mode = number_in(block_, 100, 8);
  if (!size || !mode) return broken("a header with a wrong number");
  entry_ = tar_entry();
  std::string_view prefix;
  if (text_in(block_, 257, 6) == "ustar") prefix = text_in(block_, 345, 155);
  std::string name(text_in(block_, 0, 100));
  if (!prefix.empty()) name = std::string(prefix) + "/" + name;
  entry_.name = name_ ? std::move(*name_) : std::move(name);
  entry_.target = target_ ? std::move(*target_) : std::string(text_in(block_, 157, 100));
  entry_.mode = static_cast<unsigned>(*mode & 07777);
  std::uint64_t time = number_in(block_, 136, 12).value_or(0);
  constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
  entry_.modified = modified_.value_or(static_cast<std::int64_t>(std::min(time, last)));
  std::uint64_t contents = size_.value_or(*size);
  switch (type) {
    case '0':
    case '\0':
    case '7':
      // Before POSIX a directory was a file with a slash.
      entry_.what = entry_.name.ends_with('/') ? tar_entry::kind::directory : tar_entry::kind::file;
      break;
    case '1':
      entry_.what = tar_entry::kind::hard_link;
      contents = 0;
      break;
    case '2':
      entry_.what = tar_entry::kind::link;
      contents = 0;
      break;
    case '5':
      entry_.what = tar_entry::kind::directory;
      contents = 0;
      break;
    case '3':
    case '4':
    case '6':
      end_member();  // a device or a FIFO: left out
      return {};
    default:
      return broken("a member of a kind that is not known here");
  }
  bool is_file = entry_.what == tar_entry::kind::file;
  if (!is_file && contents > 0) return broken("a directory with contents");
  entry_.size = contents;
  left_ = contents;
  padding_ = tar_padding(contents);
  tar_entry member = entry_;
  if (left_ > 0) {
    state_ = state::contents;
    return to_.on_entry(member);
  }
  end_member();
  if (copy_failure failed = to_.on_entry(member)) return failed;
  return is_file ? to_.on_contents_end() : copy_failure();
}

}  // namespace execo::detail
