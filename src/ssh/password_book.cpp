#include "ssh/password_book.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "base/contain.hpp"
#include "ssh/question_thread.hpp"

namespace execo::detail {
namespace {

// A server delays its answer to a wrong password by some seconds. One that says nothing for longer
// does not keep the others from logging in.
constexpr auto turn_limit = std::chrono::seconds(5);

}  // namespace

class password_bell : public queue_node, public std::enable_shared_from_this<password_bell> {
 public:
  password_bell(loop& on, list_node& turns) noexcept
      : queue_node(delegate<>::to<&password_bell::arrive>(this)), loop_(&on), turns_(turns) {}

  /// From any thread.
  void ring() noexcept {
    std::lock_guard lock(mutex_);
    if (loop_ == nullptr || is_rung_.exchange(true)) return;
    self_ = shared_from_this();
    loop_->post(*this);
  }
  /// The loop is about to end.
  void silence() noexcept {
    std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }
  bool is_silent() noexcept {
    std::lock_guard lock(mutex_);
    return loop_ == nullptr;
  }

 private:
  void arrive() noexcept {
    std::shared_ptr<password_bell> kept = std::move(self_);
    is_rung_.store(false);
    if (is_silent()) return;
    for (list_node* n = turns_.next(); n != &turns_; n = n->next())
      static_cast<password_turn*>(n)->wake_();
  }

  std::mutex mutex_;
  loop* loop_;
  list_node& turns_;  // of a desk, which outlives the loop's use
  std::atomic<bool> is_rung_{false};
  std::shared_ptr<password_bell> self_;  // while it is rung
};

/// The turns of a loop.
class password_desk final : public loop_service {
 public:
  explicit password_desk(loop& on) : bell(std::make_shared<password_bell>(on, turns)) {}
  ~password_desk() override { bell->silence(); }

  list_node turns;
  const std::shared_ptr<password_bell> bell;
};

class password_book::asking_job final : public helper_job {
 public:
  asking_job(secret_prompt from, password_book& book, std::string user)
      : from_(std::move(from)), book_(book), user_(std::move(user)) {}
  // The loop ends before the user was asked: another one may ask.
  ~asking_job() override {
    if (!is_answered_) book_.conclude(user_, standing::unasked, secret());
  }

 private:
  void work() noexcept override {
    std::optional<secret> answer;
    contain([&] { answer = secret_store::ask_once(from_, "Password for " + user_ + ": "); },
            [](const std::exception_ptr&) {});
    is_answered_ = true;
    book_.conclude(user_, answer ? standing::untried : standing::missing,
                   answer ? std::move(*answer) : secret());
  }
  void finished() noexcept override {}

  const secret_prompt from_;  // keeps the book
  password_book& book_;
  const std::string user_;
  bool is_answered_ = false;
};

void password_book::conclude(const std::string& user, standing as, secret answer) noexcept {
  std::lock_guard lock(mutex_);
  entry& of = entries_.find(user)->second;
  of.now = as;
  of.text = std::move(answer);
  ring();
}

// Pre: the mutex is held.
void password_book::ring() noexcept {
  for (const std::shared_ptr<password_bell>& bell : bells_) bell->ring();
}

password_turn::password_turn(loop& on, const secret_prompt& prompt, std::string user,
                             delegate<> wake)
    : loop_(on),
      prompt_(prompt),
      user_(std::move(user)),
      wake_(wake),
      limit_(delegate<>::to<&password_turn::give_back>(this), "first login with a password"),
      question_(on.service<user_pause>()) {}

password_turn::~password_turn() { give_back(); }

bool password_turn::may_begin() {
  if (!is_possible()) return true;
  password_book& all = book();
  std::lock_guard lock(all.mutex_);
  auto found = all.entries_.find(user_);
  using enum password_book::standing;
  bool held =
      found != all.entries_.end() && (found->second.now == asking || found->second.now == trying);
  if (held) enroll(all);
  return !held;
}

// Pre: the book's mutex is held.
void password_turn::enroll(password_book& in) {
  if (linked()) return;
  auto& desk = loop_.service<password_desk>();
  if (std::ranges::find(in.bells_, desk.bell) == in.bells_.end()) {
    std::erase_if(in.bells_, [](const auto& bell) { return bell->is_silent(); });
    in.bells_.push_back(desk.bell);
  }
  link_before(desk.turns);
}

password_turn::answer password_turn::take() {
  password_book& all = book();
  bool ask = false;
  answer found = answer::wait;
  {
    std::lock_guard lock(all.mutex_);
    enroll(all);
    password_book::entry& mine = all.entries_[user_];
    ask = mine.now == password_book::standing::unasked;
    if (ask) mine.now = password_book::standing::asking;
    if (mine.now == password_book::standing::asking) {
      question_.open();
    } else {
      question_.close();
    }
    found = look(mine);
  }
  if (ask) ask_user(all);
  return found;
}

password_turn::answer password_turn::look(password_book::entry& mine) {
  using enum password_book::standing;
  switch (mine.now) {
    case missing:
      return answer::missing;
    case refused:
      refused_by_ = mine.refused_by;
      return answer::refused;
    case untried:
      mine.now = trying;
      mine.tried_by = this;
      loop_.arm_after(limit_, turn_limit);
      break;
    case accepted:
      break;
    case trying:
      if (mine.tried_by == this) break;
      return answer::wait;
    default:
      return answer::wait;
  }
  text_ = mine.text;
  return answer::send;
}

void password_turn::ask_user(password_book& of) {
  contain(
      [&] {
        loop_.service<question_thread>().threads.submit(
            std::make_unique<password_book::asking_job>(prompt_, of, user_));
      },
      [&](const std::exception_ptr&) {
        of.conclude(user_, password_book::standing::missing, secret());
      });
}

void password_turn::finish(password_book::standing as, const std::string& by) noexcept {
  loop_.disarm(limit_);
  password_book& all = book();
  std::lock_guard lock(all.mutex_);
  password_book::entry& mine = all.entries_.find(user_)->second;
  // One host may refuse what another one has accepted.
  if (mine.now != password_book::standing::untried && mine.now != password_book::standing::trying)
    return;
  mine.now = as;
  mine.tried_by = nullptr;
  contain([&] { mine.refused_by = by; }, [](const std::exception_ptr&) {});
  all.ring();
}

void password_turn::give_back() noexcept {
  loop_.disarm(limit_);
  if (!is_possible()) return;
  password_book& all = book();
  std::lock_guard lock(all.mutex_);
  auto found = all.entries_.find(user_);
  if (found == all.entries_.end() || found->second.tried_by != this) return;
  found->second.tried_by = nullptr;
  found->second.now = password_book::standing::untried;
  all.ring();
}

}  // namespace execo::detail
