// A prompt of a server that the user answers: each is asked once, and the answer is kept nowhere.
#pragma once

#include <optional>
#include <string>

#include "execo/detail/delegate.hpp"
#include "execo/secret.hpp"
#include "loop/loop.hpp"
#include "loop/user_pause.hpp"

namespace execo::detail {

/// Destroyed, it is withdrawn; the user may still see it.
class code_question {
 public:
  /// `answered` only takes note.
  code_question(loop& on, delegate<> answered) noexcept;
  code_question(const code_question&) = delete;
  code_question& operator=(const code_question&) = delete;
  ~code_question();

  /// Pre: it is not pending. Throws: std::system_error if there is no thread to ask on.
  void ask(const secret_prompt& whom, const std::string& text);
  bool is_pending() const noexcept { return job_ != nullptr; }
  /// Of the last question; nullopt: the user gave none.
  std::optional<secret> answer;

 private:
  class job;

  loop& loop_;
  delegate<> answered_;
  job* job_ = nullptr;
  user_pause::question open_;
};

}  // namespace execo::detail
