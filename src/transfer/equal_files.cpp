#include "transfer/equal_files.hpp"

#include <cassert>
#include <utility>

namespace execo::detail {

class wanted_file::content : public list_node {
 public:
  explicit content(std::string of) : key(std::move(of)) {}

  std::string key;
  wanted_file* sender = nullptr;  // who is to send it
  list_node waiting;              // who has the same
  unique_fd file;                 // once it has come
  struct stat as_it_came {};
};

namespace {

constexpr std::size_t digits_of_digest = 64;

wanted_file& first_of(list_node& list) noexcept { return static_cast<wanted_file&>(*list.next()); }

bool is_same_file(const struct stat& one, const struct stat& other) noexcept {
  return one.st_size == other.st_size && one.st_mtim.tv_sec == other.st_mtim.tv_sec &&
         one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

}  // namespace

equal_files::equal_files(loop& on) noexcept
    : loop_(on),
      notice_(delegate<>::to<&equal_files::tell>(this), "turns of a copy"),
      look_(delegate<>::to<&equal_files::look>(this), "a look at who sends in a copy") {}

void equal_files::want(wanted_file& which, const std::string& digest, std::uint64_t size) {
  assert(which.state_ == state::none);
  which.came_ = which.seen_ = 0;
  if (digest.size() != digits_of_digest) return queue(which);
  std::string key = digest + ' ' + std::to_string(size);
  std::shared_ptr<content>& of = contents_[key];
  if (of == nullptr) of = std::make_shared<content>(std::move(key));
  which.content_ = of;
  if (of->file) return copy(which);
  if (of->sender == nullptr) {
    of->sender = &which;
    return queue(which);
  }
  which.state_ = state::waiting;
  which.link_before(of->waiting);
}

void equal_files::queue(wanted_file& which) noexcept {
  which.state_ = state::queued;
  which.link_before(queue_);
  begin_turns();
}

void equal_files::begin_turns() noexcept {
  for (; senders_ < max_senders && queue_.linked(); ++senders_) {
    wanted_file& next = first_of(queue_);
    next.state_ = state::sending;
    decide(next);
  }
}

void equal_files::copy(wanted_file& which) noexcept {
  which.state_ = state::copying;
  which.link_before(copies_);
  begin_copy();
}

void equal_files::begin_copy() noexcept {
  if (copied_ != nullptr || !copies_.linked()) return;
  copied_ = &first_of(copies_);
  decide(*copied_);
}

void equal_files::decide(wanted_file& which) noexcept {
  which.link_before(decided_);
  if (!notice_.armed()) loop_.arm_after(notice_, clock::duration(0));
}

// What is decided meanwhile is told in a later turn of the loop.
void equal_files::tell() {
  list_node now;
  while (decided_.linked()) decided_.next()->link_before(now);
  while (now.linked()) {
    wanted_file& next = first_of(now);
    next.unlink();
    if (next.state_ == state::sending) next.link_before(sending_);
    next.decided_();
  }
  if (sending_.linked() && !look_.armed()) loop_.arm_after(look_, patience);
}

void equal_files::whole(wanted_file& which, unique_fd file) {
  assert(which.is_sending());
  const std::shared_ptr<content> of = which.content_;
  const bool is_kept =
      of != nullptr && !of->file && file && ::fstat(file.get(), &of->as_it_came) == 0;
  if (is_kept) {
    of->file = std::move(file);
    keep(of);
    while (of->waiting.linked()) copy(first_of(of->waiting));
  }
  end(which);
}

void equal_files::keep(const std::shared_ptr<content>& of) {
  contents_[of->key] = of;
  of->link_before(kept_);
  if (++count_kept_ > max_kept) forget(static_cast<content&>(*kept_.next()));
}

// Those that copy it hold it.
void equal_files::forget(content& of) noexcept {
  if (of.linked()) --count_kept_;
  of.unlink();
  auto found = contents_.find(of.key);
  if (found != contents_.end() && found->second.get() == &of) contents_.erase(found);
}

void equal_files::end(wanted_file& which) noexcept {
  const std::shared_ptr<content> of = std::exchange(which.content_, nullptr);
  leave_turn(which);
  which.unlink();
  which.state_ = state::none;
  which.is_held_ = false;
  if (copied_ == &which) copied_ = nullptr;
  if (of != nullptr && of->sender == &which) pass_on(*of);
  begin_turns();
  begin_copy();
  if (senders_ == 0) loop_.disarm(look_);
  if (!decided_.linked()) loop_.disarm(notice_);
}

void equal_files::leave_turn(wanted_file& which) noexcept {
  if (which.state_ == state::sending) --senders_;
}

// Who waits for it is asked next.
void equal_files::pass_on(content& of) noexcept {
  of.sender = nullptr;
  if (of.file) return;
  if (!of.waiting.linked()) return forget(of);
  of.sender = &first_of(of.waiting);
  queue(*of.sender);
}

// What goes on slowly may still end well.
void equal_files::look() {
  for (list_node* next = sending_.next(); next != &sending_;) {
    wanted_file& one = static_cast<wanted_file&>(*next);
    next = next->next();
    const std::uint64_t since = one.came_ - std::exchange(one.seen_, one.came_);
    if (since >= least_bytes || one.is_held_) continue;
    leave_turn(one);
    one.unlink();
    one.state_ = state::slow;
    if (one.content_ != nullptr && one.content_->sender == &one) pass_on(*one.content_);
  }
  begin_turns();
  if (sending_.linked()) loop_.arm_after(look_, patience);
}

bool equal_files::is_as_it_came(const wanted_file& which) const noexcept {
  assert(which.state_ == state::copying);
  struct stat now {};
  return ::fstat(file_of(which), &now) == 0 && is_same_file(now, which.content_->as_it_came);
}

int equal_files::file_of(const wanted_file& which) const noexcept {
  assert(which.state_ == state::copying);
  return which.content_->file.get();
}

void equal_files::doubt(wanted_file& which) {
  assert(which.state_ == state::copying);
  const std::shared_ptr<content> of = which.content_;
  forget(*of);
  const std::size_t at = of->key.find(' ');
  end(which);
  want(which, of->key.substr(0, at), std::stoull(of->key.substr(at + 1)));
}

}  // namespace execo::detail
