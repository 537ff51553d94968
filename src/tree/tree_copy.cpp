#include "tree/tree_copy.hpp"

#include <algorithm>

#include "wire/blake2b.hpp"

namespace execo::detail {
namespace {

// What a child may have asked for in all and not been given.
constexpr std::uint64_t most_room = std::uint64_t{1024} * 1024;

}  // namespace

tree_copies::content* tree_copies::find(std::uint32_t number) noexcept {
  auto found = std::ranges::find(contents_, number, &content::number);
  return found != contents_.end() ? &*found : nullptr;
}

tree_copies::reader* tree_copies::find(const tree_child& child, std::uint32_t number) noexcept {
  auto its = readers_.find(&child);
  if (its == readers_.end()) return nullptr;
  auto found = std::ranges::find(its->second, number, &reader::number);
  return found != its->second.end() ? &*found : nullptr;
}

std::uint32_t tree_copies::number_of(const std::shared_ptr<tree_content>& what) {
  for (const content& one : contents_)
    if (one.what.lock() == what) return one.number;
  content made;
  made.number = ++last_number_;
  made.what = what;
  contents_.push_back(std::move(made));
  return last_number_;
}

std::vector<std::uint32_t> tree_copies::drop_unused() {
  std::vector<std::uint32_t> dropped;
  for (const content& one : contents_)
    if (one.what.expired()) dropped.push_back(one.number);
  if (dropped.empty()) return dropped;
  std::erase_if(contents_, [](const content& one) { return one.what.expired(); });
  for (auto& [child, its] : readers_)
    std::erase_if(its, [this](const reader& one) { return find(one.number) == nullptr; });
  return dropped;
}

void tree_copies::expect(tree_child& child, std::uint32_t number) {
  if (find(child, number) != nullptr) return;
  reader made;
  made.number = number;
  readers_[&child].push_back(made);
}

bool tree_copies::take_want(tree_child& child, const file_want_message& want) {
  reader* to = find(child, want.content);
  if (to == nullptr) return want.content != 0 && want.content <= last_number_;
  if (to->at == reading::expected) to->at = reading::open;
  to->room = std::min<std::uint64_t>(to->room + want.room, most_room);
  serve(child);
  return true;
}

void tree_copies::serve(tree_child& child) {
  auto its = readers_.find(&child);
  if (its == readers_.end()) return;
  for (reader& to : its->second)
    if (to.at == reading::open) serve(child, to);
}

void tree_copies::serve(tree_child& child, reader& to) {
  content* from = find(to.number);
  std::shared_ptr<tree_content> bytes = from != nullptr ? from->what.lock() : nullptr;
  if (bytes == nullptr) return send_none(child, to);
  while (to.next < bytes->size() && to.room > 0)
    if (send_part(child, to, *from, *bytes) != send_result::queued) return;
  if (to.next < bytes->size()) return;
  file_end_message end;
  end.content = to.number;
  end.digest = from->chain.digest();
  if (child.send(end) != send_result::full) to.at = reading::over;
}

send_result tree_copies::send_part(tree_child& child, reader& to, content& from,
                                   tree_content& bytes) {
  buffer_.resize(std::min<std::uint64_t>(file_part_limit, bytes.size() - to.next));
  if (!bytes.read(to.next, buffer_)) {
    send_none(child, to);
    return send_result::over;
  }
  file_part_message part;
  part.content = to.number;
  part.offset = to.next;
  part.bytes = std::string_view(buffer_.data(), buffer_.size());
  part.digest = blake2b128(part.bytes);
  const send_result sent = child.send(part);
  if (sent == send_result::over) to.at = reading::over;
  if (sent != send_result::queued) return sent;
  // Every reader begins at the beginning: the first one makes the digest for all.
  if (from.known == to.next) {
    from.chain.add(part.digest);
    from.known += part.bytes.size();
  }
  to.next += part.bytes.size();
  to.room -= std::min<std::uint64_t>(to.room, part.bytes.size());
  return sent;
}

void tree_copies::send_none(tree_child& child, reader& to) {
  file_none_message none;
  none.content = to.number;
  none.text = "the file cannot be read where it comes from";
  if (child.send(none) != send_result::full) to.at = reading::over;
}

}  // namespace execo::detail
