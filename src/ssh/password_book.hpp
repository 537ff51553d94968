// The passwords that come from a secret_prompt, by user name, for all logins that share it, on
// whatever loops: each is asked for once, and the first login with it goes alone, so that a wrong
// one is sent to one host and not to all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/secret_store.hpp"
#include "execo/detail/deadline_timer.hpp"
#include "execo/secret.hpp"
#include "loop/loop.hpp"
#include "loop/user_pause.hpp"

namespace execo::detail {

class password_turn;

/// Wakes the logins of one loop, from any thread.
class password_bell;

class password_book final : public secret_companion {
 public:
  // unasked -> asking -> missing, or untried -> trying -> accepted or refused. From trying back to
  // untried: the login that had its turn ended otherwise, or takes too long.
  enum class standing : std::uint8_t {
    unasked,
    asking,
    missing,
    untried,
    trying,
    accepted,
    refused
  };

 private:
  friend class password_turn;
  class asking_job;
  class entry {
   public:
    standing now = standing::unasked;
    secret text;
    std::string refused_by;
    const password_turn* tried_by = nullptr;
  };

  void conclude(const std::string& user, standing as, secret answer) noexcept;
  void ring() noexcept;

  std::mutex mutex_;
  std::unordered_map<std::string, entry> entries_;
  std::vector<std::shared_ptr<password_bell>> bells_;
};

/// A login's use of the password of its user.
class password_turn : private list_node {
 public:
  enum class answer : std::uint8_t {
    wait,     ///< it is asked for, or another login tries it
    send,     ///< text() is it
    missing,  ///< it was not given
    refused,  ///< by refused_by()
  };

  /// `wake`: something has changed; it only takes note.
  password_turn(loop& on, const secret_prompt& prompt, std::string user, delegate<> wake);
  password_turn(const password_turn&) = delete;
  password_turn& operator=(const password_turn&) = delete;
  ~password_turn();

  /// No password can come from an empty prompt.
  bool is_possible() const noexcept { return static_cast<bool>(prompt_); }
  /// False, and wakes later: the password is being asked for or tried, and a login that began now
  /// would only wait for that.
  bool may_begin();
  /// Asks the user, unless another login has asked already. Pre: is_possible().
  answer take();
  const secret& text() const noexcept { return text_; }
  const std::string& refused_by() const noexcept { return refused_by_; }
  /// What a server said to it. Pre: take() gave it.
  void accepted() noexcept { finish(password_book::standing::accepted, {}); }
  void refused(const std::string& by) noexcept { finish(password_book::standing::refused, by); }
  /// The server said neither.
  void give_back() noexcept;

 private:
  friend class password_bell;
  friend class password_desk;

  void enroll(password_book& in);
  answer look(password_book::entry& mine);
  void finish(password_book::standing as, const std::string& by) noexcept;
  void ask_user(password_book& of);
  password_book& book() const { return secret_store::companion_of<password_book>(prompt_); }

  loop& loop_;
  const secret_prompt prompt_;
  const std::string user_;
  delegate<> wake_;
  secret text_;
  std::string refused_by_;
  deadline_timer limit_;
  user_pause::question question_;
};

}  // namespace execo::detail
