// A prompt that the user answers.
#pragma once

#include <optional>
#include <string>
#include <utility>

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

  /// A prompt of a server: the answer is kept nowhere.
  /// Pre: it is not pending. Throws: std::system_error if there is no thread to ask on.
  void ask(const secret_prompt& whom, std::string text) { put(whom, {}, std::move(text)); }
  /// The passphrase of a key file: the answer is kept with `whom`, and the next one who asks for
  /// the file gets it. The same.
  void ask_for(const secret_prompt& whom, std::string key_file, std::string text) {
    put(whom, std::move(key_file), std::move(text));
  }
  bool is_pending() const noexcept { return job_ != nullptr; }
  /// Of the last question; nullopt: the user gave none.
  std::optional<secret> answer;

 private:
  class job;

  void put(const secret_prompt& whom, std::string key_file, std::string text);

  loop& loop_;
  delegate<> answered_;
  job* job_ = nullptr;
  user_pause::question open_;
};

}  // namespace execo::detail
