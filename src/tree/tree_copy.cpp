#include "tree/tree_copy.hpp"

#include <algorithm>

namespace execo::detail {

tree_copies::content* tree_copies::find(std::uint32_t number) noexcept {
  auto found = std::ranges::find(contents_, number, &content::number);
  return found != contents_.end() ? &*found : nullptr;
}

content_reader* tree_copies::find(tree_child& child, std::uint32_t number) noexcept {
  auto its = readers_.find(&child);
  if (its == readers_.end()) return nullptr;
  auto found = std::ranges::find(its->second, number, &content_reader::key);
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
    std::erase_if(its, [this](const content_reader& one) { return find(one.key()) == nullptr; });
  return dropped;
}

void tree_copies::expect(tree_child& child, std::uint32_t number) {
  if (find(child, number) != nullptr) return;
  readers_[&child].emplace_back(number);
}

bool tree_copies::take_want(tree_child& child, const file_want_message& want) {
  content_reader* to = find(child, want.content);
  if (to == nullptr) return want.content != 0 && want.content <= last_number_;
  content* from = find(want.content);
  std::shared_ptr<tree_content> bytes = from != nullptr ? from->what.lock() : nullptr;
  to->want(want, bytes != nullptr ? bytes->size() : 0);
  serve(child);
  return true;
}

void tree_copies::serve(tree_child& child) {
  auto its = readers_.find(&child);
  if (its == readers_.end()) return;
  for (content_reader& to : its->second)
    if (to.is_open() || to.is_comparing()) serve(child, to);
}

void tree_copies::serve(tree_child& child, content_reader& to) {
  content* from = find(to.key());
  std::shared_ptr<tree_content> bytes = from != nullptr ? from->what.lock() : nullptr;
  if (bytes == nullptr) return send_none(child, to);
  if (to.is_comparing()) {
    if (from->digests.parts() < to.parts_to_compare())
      return loop_.arm_after(read_ahead_, clock::duration(0));
    to.compare(from->digests);
  }
  while (to.next_size(bytes->size()) > 0)
    if (send_part(child, to, *from, *bytes) != send_result::queued) return;
  if (to.next() < bytes->size()) return;
  file_end_message end;
  end.content = to.key();
  end.digest = from->digests.whole();
  if (child.send(end) != send_result::full) to.end();
}

// What a host has is compared with digests: they are made a few at a time, beside all else.
void tree_copies::read_ahead() {
  for (auto& [child, its] : readers_) {
    for (content_reader& to : its) {
      if (!to.is_comparing()) continue;
      content* from = find(to.key());
      std::shared_ptr<tree_content> bytes = from != nullptr ? from->what.lock() : nullptr;
      if (bytes != nullptr && from->digests.parts() < to.parts_to_compare() &&
          !read_some(*from, *bytes))
        send_none(*child, to);
      else
        serve(*child, to);
    }
  }
}

bool tree_copies::read_some(content& from, tree_content& bytes) {
  constexpr int parts_at_once = 16;
  for (int i = 0; i < parts_at_once; ++i) {
    const std::uint64_t at = from.digests.parts() * file_part_limit;
    if (at >= bytes.size()) return true;
    buffer_.resize(std::min<std::uint64_t>(file_part_limit, bytes.size() - at));
    if (!bytes.read(at, buffer_)) return false;
    from.digests.add(part_digest(std::string_view(buffer_.data(), buffer_.size())));
  }
  return true;
}

send_result tree_copies::send_part(tree_child& child, content_reader& to, content& from,
                                   tree_content& bytes) {
  buffer_.resize(to.next_size(bytes.size()));
  if (!bytes.read(to.next(), buffer_)) {
    send_none(child, to);
    return send_result::over;
  }
  file_part_message part;
  part.content = to.key();
  part.offset = to.next();
  part.bytes = std::string_view(buffer_.data(), buffer_.size());
  part.digest = from.digests.of(part.offset, part.bytes);
  // The first reader that comes so far makes the digests for all.
  if (part.offset == from.digests.parts() * file_part_limit) from.digests.add(part.digest);
  const send_result sent = child.send(part);
  if (sent == send_result::over) to.end();
  if (sent == send_result::queued) to.sent(part.bytes.size());
  return sent;
}

void tree_copies::send_none(tree_child& child, content_reader& to) {
  file_none_message none;
  none.content = to.key();
  none.text = "the file cannot be read where it comes from";
  if (child.send(none) != send_result::full) to.end();
}

}  // namespace execo::detail
