#include "transfer/put_content.hpp"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include "base/contain.hpp"
#include "transfer/digest_threads.hpp"
#include "transfer/sha256.hpp"

namespace execo::detail {
namespace {

copy_failure digest_of(const source_tree& tree, const std::atomic<bool>& given_up,
                       std::string& hex) {
  sha256 sum;
  source_reader reader;
  std::vector<char> buffer(digest_threads::bytes_at_once);
  for (const source_entry& entry : tree.entries) {
    if (entry.what != source_entry::kind::file) continue;
    for (std::uint64_t at = 0; at < entry.size;) {
      if (given_up.load(std::memory_order_relaxed)) return {};
      auto count =
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), entry.size - at));
      std::span<char> into(buffer.data(), count);
      if (copy_failure failed = reader.read(entry, at, into)) return failed;
      sum.update(into);
      at += count;
    }
  }
  hex = sum.hex();
  return {};
}

}  // namespace

class put_content::digest_job final : public helper_job {
 public:
  explicit digest_job(put_content& of)
      : of_(of.weak_from_this()), tree_(of.tree_), given_up_(of.given_up_) {}

  void work() noexcept override {
    contain([this] { failed_ = digest_of(*tree_, *given_up_, hex_); },
            [this](const std::exception_ptr&) { is_out_of_memory_ = true; });
  }
  void finished() noexcept override {
    std::shared_ptr<put_content> of = of_.lock();
    if (!of) return;
    if (is_out_of_memory_) failed_.why = std::make_error_code(std::errc::not_enough_memory);
    of->on_digest(std::move(hex_), std::move(failed_));
  }

 private:
  std::weak_ptr<put_content> of_;
  std::shared_ptr<const source_tree> tree_;
  std::shared_ptr<const std::atomic<bool>> given_up_;
  std::string hex_;
  copy_failure failed_;
  bool is_out_of_memory_ = false;
};

put_content::put_content(loop& on, std::shared_ptr<const source_tree> tree, payload::form how,
                         bool preserves)
    : loop_(on),
      store_(on.service<piece_store>()),
      tree_(std::move(tree)),
      payload_(*tree_, how, preserves),
      given_up_(std::make_shared<std::atomic<bool>>(false)) {}

put_content::~put_content() {
  assert(!waiters_.linked());
  given_up_->store(true, std::memory_order_relaxed);
  store_.forget(this);
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

void put_content::on_digest(std::string hex, copy_failure failed) noexcept {
  stage_ = failed ? stage::failed : stage::known;
  failed_ = std::move(failed);
  digest_ = std::move(hex);
  if (stage_ == stage::known && payload_.how() == payload::form::archive)
    payload_.set_digest(digest_);
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
  bool is_archive = payload_.how() == payload::form::archive;
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
