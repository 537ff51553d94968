#include "transfer/payload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "transfer/put_script.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t digest_line = 65;  // its digits and LF
constexpr std::size_t end_of_archive = 2 * tar_block;

// The part of `from` at `offset` that `into` has room for; takes it from `into`.
void copy_from(std::string_view from, std::uint64_t offset, std::span<char>& into) {
  std::string_view rest = from.substr(std::min<std::uint64_t>(offset, from.size()));
  std::size_t count = std::min(rest.size(), into.size());
  std::copy_n(rest.begin(), count, into.begin());
  into = into.subspan(count);
}

}  // namespace

payload::payload(const source_tree& tree, form how, bool preserves, const selection& which)
    : tree_(tree),
      how_(how),
      preserves_(preserves),
      now_(std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
               .count()) {
  if (how_ == form::file) {
    assert(tree.is_one_file());
    size_ = tree.bytes;
    return;
  }
  for (std::size_t i = 0; i < tree.entries.size(); ++i) {
    const entry_use use = use_of(which, i);
    if (use == entry_use::sent) members_.push_back(i);
    if (use != entry_use::left_out && tree.entries[i].what == source_entry::kind::file)
      list_ += "./" + tree.entries[i].name + '\0';
  }
  parts_.reserve(members_.size() + 3);
  for (std::size_t i = 0; i <= digest_member(); ++i) add_part(i);
  if (how_ == form::indexed_archive) add_index();
  digest_at_ = front_.size() + parts_.back().at;
  size_ += front_.size() + end_of_archive;
}

// `d`, `f` or `l`, the block where the contents begin, counted from the end of the index, their
// bytes, mode, time, owner, name, and the target of a link. The name is that of the member.
std::string payload::index_line(std::size_t index) const {
  const std::string name = name_of(index);
  const tar_member of = member_of(index, name);
  const char kind = of.what == source_entry::kind::directory ? 'd'
                    : of.what == source_entry::kind::link    ? 'l'
                                                             : 'f';
  const part& where = parts_[index];
  return fmt::format("{} {} {} {:o} {} {}:{} {} {}\n", kind, (where.at + where.header) / tar_block,
                     of.size, of.mode, touch_time(of.modified), of.user, of.group,
                     escaped_for_printf(of.name),
                     of.target.empty() ? "-" : escaped_for_printf(of.target));
}

void payload::add_index() {
  std::string lines;
  for (std::size_t i = 0; i <= digest_member(); ++i) lines += index_line(i);
  lines += "e\n";
  tar_member member;
  member.name = "index";
  member.modified = now_;
  member.size = lines.size();
  front_ = tar_header(member) + lines + std::string(tar_padding(lines.size()), '\0');
}

void payload::set_digest(std::string hex) {
  assert(digest_.empty());
  digest_ = std::move(hex) + "\n";
  assert(digest_.size() == digest_line);
}

std::string payload::name_of(std::size_t index) const {
  if (index == data_member()) return "data/";
  if (index == list_member()) return "list";
  if (index == digest_member()) return "digest";
  const source_entry& entry = entry_of(index);
  return "data/" + entry.name + (entry.what == source_entry::kind::directory ? "/" : "");
}

tar_member payload::member_of(std::size_t index, const std::string& name) const {
  tar_member made;
  made.name = name;
  made.modified = now_;
  if (index == data_member()) {
    made.what = source_entry::kind::directory;
    made.mode = 0700;
  } else if (index == list_member()) {
    made.size = list_.size();
  } else if (index == digest_member()) {
    made.size = digest_line;
  } else {
    const source_entry& entry = entry_of(index);
    made.what = entry.what;
    made.target = entry.target;
    made.size = entry.size;
    made.mode = entry.mode;
    if (preserves_) {
      made.modified = entry.modified;
      made.user = entry.user;
      made.group = entry.group;
    }
  }
  return made;
}

std::string payload::header_of(std::size_t index) const {
  std::string name = name_of(index);
  return tar_header(member_of(index, name));
}

void payload::add_part(std::size_t index) {
  std::string name = name_of(index);
  tar_member member = member_of(index, name);
  part made{size_, tar_header_size(member), member.size};
  parts_.push_back(made);
  size_ += made.header + made.contents + tar_padding(made.contents);
}

copy_failure payload::read(std::uint64_t offset, std::span<char> into) {
  assert(offset + into.size() <= size_);
  if (how_ == form::file) return reader_.read(tree_.entries.front(), offset, into);
  const std::size_t before = into.size();
  copy_from(front_, offset, into);
  offset += before - into.size();
  return into.empty() ? copy_failure() : read_archive(offset - front_.size(), into);
}

copy_failure payload::read_archive(std::uint64_t offset, std::span<char> into) {
  auto after = std::ranges::upper_bound(parts_, offset, {}, &part::at);
  auto index = static_cast<std::size_t>(after - parts_.begin()) - 1;
  while (!into.empty()) {
    std::uint64_t end = index + 1 < parts_.size() ? parts_[index + 1].at : size_;
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), end - offset));
    if (copy_failure failed = read_part(index, offset - parts_[index].at, into.first(count)))
      return failed;
    into = into.subspan(count);
    offset += count;
    ++index;
  }
  return {};
}

copy_failure payload::read_part(std::size_t index, std::uint64_t offset, std::span<char> into) {
  const part& of = parts_[index];
  if (offset < of.header) {
    std::size_t before = into.size();
    copy_from(header_of(index), offset, into);
    offset += before - into.size();
  }
  std::uint64_t at = offset - of.header;
  if (!into.empty() && at < of.contents) {
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), of.contents - at));
    if (copy_failure failed = read_contents(index, at, into.first(count))) return failed;
    into = into.subspan(count);
  }
  std::ranges::fill(into, '\0');
  return {};
}

copy_failure payload::read_contents(std::size_t index, std::uint64_t offset, std::span<char> into) {
  if (index == list_member()) return copy_from(list_, offset, into), copy_failure();
  if (index != digest_member()) return reader_.read(entry_of(index), offset, into);
  assert(!digest_.empty());
  return copy_from(digest_, offset, into), copy_failure();
}

}  // namespace execo::detail
