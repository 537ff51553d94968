#include "transfer/put_content.hpp"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>
#include <vector>

#include "base/contain.hpp"
#include "transfer/digest_threads.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {
class put_content::digest_job final : public helper_job {
 public:
  explicit digest_job(put_content& of)
      : of_(of.weak_from_this()),
        tree_(of.tree_),
        which_(of.which_),
        wants_each_(of.wants_each_),
        given_up_(of.given_up_) {}

  std::string hex;
  std::vector<std::string> hex_of_each;
  copy_failure failed;

  void work() noexcept override {
    contain([this] { failed = read_all(); },
            [this](const std::exception_ptr&) { is_out_of_memory_ = true; });
  }
  void finished() noexcept override {
    std::shared_ptr<put_content> of = of_.lock();
    if (!of) return;
    if (is_out_of_memory_) failed.why = std::make_error_code(std::errc::not_enough_memory);
    of->on_digest(*this);
  }

 private:
  copy_failure read_all() {
    sha256 all;
    for (std::size_t i = 0; i < tree_->entries.size(); ++i) {
      const source_entry& entry = tree_->entries[i];
      if (entry.what != source_entry::kind::file || use_of(which_, i) == entry_use::left_out)
        continue;
      std::optional<sha256> own;
      if (wants_each_) own.emplace();
      if (copy_failure why = read_file(entry, all, own)) return why;
      if (own) hex_of_each.push_back(own->hex());
    }
    hex = all.hex();
    return {};
  }
  copy_failure read_file(const source_entry& entry, sha256& all, std::optional<sha256>& own) {
    for (std::uint64_t at = 0; at < entry.size;) {
      if (given_up_->load(std::memory_order_relaxed)) return {};
      auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), entry.size - at));
      std::span<char> into(buffer_.data(), count);
      if (copy_failure why = reader_.read(entry, at, into)) return why;
      all.update(into);
      if (own) own->update(into);
      at += count;
    }
    return {};
  }

  std::weak_ptr<put_content> of_;
  std::shared_ptr<const source_tree> tree_;
  const selection which_;
  const bool wants_each_;
  std::shared_ptr<const std::atomic<bool>> given_up_;
  source_reader reader_;
  std::vector<char> buffer_ = std::vector<char>(digest_threads::bytes_at_once);
  bool is_out_of_memory_ = false;
};

put_content::put_content(loop& on, std::shared_ptr<const source_tree> tree, payload::form how,
                         bool preserves, selection which)
    : loop_(on),
      store_(on.service<piece_store>()),
      tree_(std::move(tree)),
      which_(std::move(which)),
      payload_(*tree_, how, preserves, which_),
      preserves_(preserves),
      given_up_(std::make_shared<std::atomic<bool>>(false)) {}

put_content::~put_content() {
  assert(!waiters_.linked());
  given_up_->store(true, std::memory_order_relaxed);
  store_.forget(this);
}

std::size_t put_content::files() const noexcept {
  auto left = std::ranges::count(which_, entry_use::left_out);
  return tree_->files - static_cast<std::size_t>(left);
}

std::shared_ptr<put_content> put_content::part_of(selection which, payload::form how) {
  auto is_sent = [](entry_use use) { return use == entry_use::sent; };
  if (std::ranges::all_of(which, is_sent)) which.clear();
  if (which.empty() && how == payload_.how()) return shared_from_this();
  std::erase_if(parts_, [](const auto& one) { return one.second.expired(); });
  std::weak_ptr<put_content>& kept = parts_[{which, how}];
  std::shared_ptr<put_content> made = kept.lock();
  if (!made) {
    made = std::make_shared<put_content>(loop_, tree_, how, preserves_, std::move(which));
    kept = made;
  }
  return made;
}

const std::string& put_content::names() {
  if (names_.empty()) names_ = names_of_files(*tree_);
  return names_;
}

void put_content::wait_for_digest(digest_waiter& w) {
  assert(stage_ <= stage::computing);
  if (stage_ == stage::unasked) begin_digest();
  w.link_before(waiters_);
}

void put_content::begin_digest() {
  loop_.service<digest_threads>().threads.submit(std::make_unique<digest_job>(*this));
  stage_ = stage::computing;
}

void put_content::on_digest(digest_job& done) noexcept {
  stage_ = done.failed ? stage::failed : stage::known;
  failed_ = std::move(done.failed);
  digest_ = std::move(done.hex);
  digest_of_each_ = std::move(done.hex_of_each);
  if (stage_ == stage::known && payload_.how() != payload::form::file) payload_.set_digest(digest_);
  while (waiters_.linked()) {
    auto& w = static_cast<digest_waiter&>(*waiters_.next());
    w.unlink();
    w.on_digest();
  }
}

put_content::got put_content::take(std::uint64_t offset, part& into, copy_failure& why) {
  assert(offset < size());
  constexpr std::uint64_t each = piece_store::piece_size;
  std::uint64_t number = offset / each;
  std::uint64_t begin = number * each;
  auto count = static_cast<std::size_t>(std::min(each, size() - begin));
  bool is_archive = payload_.how() != payload::form::file;
  if (is_archive && begin + count > payload_.digest_at() && !has_digest()) {
    why = failed_;
    return failed_ ? got::failure : got::needs_digest;
  }
  into.of = store_.find(this, number);
  if (into.of == nullptr) {
    into.of = store_.make(this, number);
    if (into.of == nullptr) return got::no_room;
    why = payload_.read(begin, std::span<char>(into.of->bytes(), count));
    if (why) {
      store_.drop(*std::exchange(into.of, nullptr));
      return got::failure;
    }
  }
  auto skipped = static_cast<std::size_t>(offset - begin);
  into.bytes = std::span<const char>(into.of->bytes(), count).subspan(skipped);
  return got::bytes;
}

}  // namespace execo::detail
