#include "transfer/tar_header.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace execo::detail {
namespace {

// pax(1), "ustar Interchange Format": where the fields begin, and how long they are.
class field {
 public:
  std::size_t at;
  std::size_t size;
};
constexpr field name_field{0, 100};
constexpr field mode_field{100, 8};
constexpr field user_field{108, 8};
constexpr field group_field{116, 8};
constexpr field size_field{124, 12};
constexpr field time_field{136, 12};
constexpr field sum_field{148, 8};
constexpr std::size_t type_at = 156;
constexpr field target_field{157, 100};
constexpr field magic_field{257, 8};

// The number that a field has room for, which ends with a NUL.
constexpr std::uint64_t max_in(field where) noexcept {
  return (std::uint64_t{1} << (3 * (where.size - 1))) - 1;
}

void put_text(std::string& block, field where, std::string_view text) {
  std::size_t count = std::min(text.size(), where.size);
  std::copy_n(text.begin(), count, block.begin() + static_cast<std::ptrdiff_t>(where.at));
}

void put_number(std::string& block, field where, std::uint64_t number) {
  for (std::size_t i = where.size - 1; i-- > 0; number >>= 3)
    block[where.at + i] = static_cast<char>('0' + (number & 7));
}

// With the field itself as blanks; six digits, a NUL and a blank.
void put_sum(std::string& block) {
  std::fill_n(block.begin() + static_cast<std::ptrdiff_t>(sum_field.at), sum_field.size, ' ');
  std::uint64_t sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  put_number(block, field{sum_field.at, sum_field.size - 1}, sum);
  block[sum_field.at + sum_field.size - 2] = '\0';
}

char type_of(source_entry::kind what) noexcept {
  switch (what) {
    case source_entry::kind::directory:
      return '5';
    case source_entry::kind::link:
      return '2';
    case source_entry::kind::file:
      break;
  }
  return '0';
}

// "27 path=...\n": the number counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  std::string rest = " " + std::string(key) + "=" + std::string(value) + "\n";
  std::size_t size = rest.size() + 1;
  while (std::to_string(size).size() + rest.size() != size)
    size = std::to_string(size).size() + rest.size();
  return std::to_string(size) + rest;
}

bool fits(std::int64_t time) noexcept {
  return time >= 0 && static_cast<std::uint64_t>(time) <= max_in(time_field);
}

std::string pax_records(const tar_member& of) {
  std::string text;
  if (of.name.size() > name_field.size) text += pax_record("path", of.name);
  if (of.target.size() > target_field.size) text += pax_record("linkpath", of.target);
  if (of.size > max_in(size_field)) text += pax_record("size", std::to_string(of.size));
  if (of.user > max_in(user_field)) text += pax_record("uid", std::to_string(of.user));
  if (of.group > max_in(group_field)) text += pax_record("gid", std::to_string(of.group));
  if (!fits(of.modified)) text += pax_record("mtime", std::to_string(of.modified));
  return text;
}

std::string block_of(const tar_member& of, char type, std::uint64_t size) {
  std::string block(tar_block, '\0');
  put_text(block, name_field, of.name);
  put_number(block, mode_field, of.mode & 07777);
  put_number(block, user_field, std::min(of.user, max_in(user_field)));
  put_number(block, group_field, std::min(of.group, max_in(group_field)));
  put_number(block, size_field, std::min(size, max_in(size_field)));
  put_number(block, time_field, fits(of.modified) ? static_cast<std::uint64_t>(of.modified) : 0);
  block[type_at] = type;
  put_text(block, target_field, of.target);
  put_text(block, magic_field, std::string_view("ustar\00000", 8));
  put_sum(block);
  return block;
}

}  // namespace

std::size_t tar_header_size(const tar_member& of) {
  std::size_t extra = pax_records(of).size();
  return tar_block + (extra == 0 ? 0 : tar_block + extra + tar_padding(extra));
}

std::string tar_header(const tar_member& of) {
  std::string records = pax_records(of);
  std::string made;
  if (!records.empty()) {
    tar_member extra;
    extra.name = "@PaxHeader";
    made = block_of(extra, 'x', records.size());
    made += records;
    made.append(tar_padding(records.size()), '\0');
  }
  return made + block_of(of, type_of(of.what), of.size);
}

}  // namespace execo::detail
