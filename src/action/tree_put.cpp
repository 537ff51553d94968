#include "action/tree_put.hpp"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "execo/printable.hpp"
#include "transfer/source_reader.hpp"

namespace execo::detail {
namespace {

class put_bytes final : public tree_content {
 public:
  explicit put_bytes(std::shared_ptr<const source_tree> file) : file_(std::move(file)) {}

  std::uint64_t size() const noexcept override { return file_->bytes; }
  // Why they cannot be had, each host finds out when it is sent the file alone.
  bool read(std::uint64_t offset, std::span<char> into) override {
    return !reader_.read(file_->entries.front(), offset, into);
  }

 private:
  std::shared_ptr<const source_tree> file_;
  source_reader reader_;
};

file_facts facts_of(const source_entry& from) {
  file_facts made;
  made.mode = from.mode;
  made.modified = static_cast<std::uint64_t>(from.modified);
  made.user = from.user;
  made.group = from.group;
  return made;
}

file_entry entry_of(const source_entry& from) {
  file_entry made;
  if (from.what == source_entry::kind::directory) made.what = file_entry::kind::directory;
  if (from.what == source_entry::kind::link) made.what = file_entry::kind::link;
  made.facts = facts_of(from);
  made.size = from.size;
  made.name = from.name;
  made.target = from.target;
  return made;
}

std::string head_of(const source_entry& from) {
  std::string head;
  entry_of(from).encode(head);
  return head;
}

bool has_room_for(const source_entry& one) noexcept {
  return one.name.size() <= file_path_limit && one.target.size() <= file_path_limit;
}

/// A row of entries.
class put_entries final : public tree_content {
 public:
  explicit put_entries(std::shared_ptr<const source_tree> tree) : tree_(std::move(tree)) {
    places_.reserve(tree_->entries.size());
    for (const source_entry& one : tree_->entries) {
      places_.push_back(size_);
      size_ += head_of(one).size() + one.size;
    }
  }

  std::uint64_t size() const noexcept override { return size_; }
  bool read(std::uint64_t offset, std::span<char> into) override {
    auto next = std::ranges::upper_bound(places_, offset);
    for (auto i = static_cast<std::size_t>(next - places_.begin()) - 1; !into.empty(); ++i) {
      const std::size_t count = read_entry(tree_->entries[i], offset - places_[i], into);
      if (count == 0) return false;
      into = into.subspan(count);
      offset += count;
    }
    return true;
  }

 private:
  // What it has from `at` on, as much as there is room for. 0: it cannot be read.
  std::size_t read_entry(const source_entry& from, std::uint64_t at, std::span<char> into) {
    const std::string head = head_of(from);
    std::size_t count = 0;
    if (at < head.size()) {
      count = std::min(into.size(), head.size() - static_cast<std::size_t>(at));
      head.copy(into.data(), count, static_cast<std::size_t>(at));
      at += count;
      into = into.subspan(count);
    }
    const std::uint64_t left = head.size() + from.size - at;
    into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left)));
    if (!into.empty() && reader_.read(from, at - head.size(), into)) return 0;
    return count + into.size();
  }

  std::shared_ptr<const source_tree> tree_;
  source_reader reader_;
  std::vector<std::uint64_t> places_;  // of each entry
  std::uint64_t size_ = 0;
};

}  // namespace

std::shared_ptr<tree_content> make_tree_content(std::shared_ptr<const source_tree> sources) {
  if (!sources->is_one_file()) return std::make_shared<put_entries>(std::move(sources));
  return std::make_shared<put_bytes>(std::move(sources));
}

bool agents_can(const put_settings& how, const put_content& what,
                const std::string& destination) noexcept {
  const bool is_skipped_by_digest = how.skip == skip_rule::same_digest && what.tree().is_one_file();
  return (how.skip == skip_rule::none || is_skipped_by_digest) &&
         destination.size() <= file_path_limit &&
         std::ranges::all_of(what.tree().entries, has_room_for);
}

file_order_message order_of(const put_settings& how, const put_content& what,
                            const std::string& destination) {
  assert(agents_can(how, what, destination));
  const source_tree& sources = what.tree();
  file_order_message made;
  const bool is_several = sources.tops.size() > 1;
  if (!is_several) made.name = sources.tops.front();
  if (sources.is_one_file())
    made.facts = facts_of(sources.entries.front());
  else
    made.form = file_form::entries;
  made.destination = destination;
  auto set = [&made](bool wanted, file_flag which) {
    if (wanted) made.flags |= static_cast<std::uint8_t>(which);
  };
  set(how.preserves, file_flag::preserve);
  set(how.syncs, file_flag::sync);
  set(how.makes_directories, file_flag::make_directories);
  set(is_several, file_flag::several);
  set(how.resumes, file_flag::resume);
  set(how.skip == skip_rule::same_digest, file_flag::skip_same);
  return made;
}

tree_put::tree_put(loop& on, intrusive_ptr<lifecycle> writer, std::shared_ptr<tree_file> what,
                   std::shared_ptr<copy_share> shared)
    : copy_execution(on, std::move(writer), *shared, {}, delegate<>::to<&tree_put::no_turn>(this)),
      what_(std::move(what)),
      shared_(std::move(shared)) {}

void tree_put::on_start() {
  assert(state_ == state::idle);
  state_ = state::running;
  counts().expect(what_->content->size());
}

void tree_put::let_go() noexcept {
  if (what_->is_lost) counts().expect_less(what_->content->size());
  state_ = state::ended;
}

copy_failure tree_put::judged() {
  if (peer_result().status().code() == 0) {
    const std::uint64_t all = what_->content->size();
    const std::uint64_t there = std::min(what_->there, all);
    const bool is_unchanged = what_->order.has(file_flag::skip_same) && there == all;
    counts().skipped(there);
    counts().moved(all - there);
    counts().files(is_unchanged ? 0 : what_->files);
    return copy_failure();
  }
  return copy_failure::of_errno(what_->error, printable(what_->failure));
}

}  // namespace execo::detail
