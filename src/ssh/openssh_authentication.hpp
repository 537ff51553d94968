// What the log of the `ssh` program says of how it logs in. Pure.
#pragma once

#include <string>
#include <string_view>

namespace execo::detail {

class openssh_authentication {
 public:
  /// A record of the levels DEBUG1 and up, without its "debug1: ". True: that is all it says.
  bool read_step(std::string_view step);
  /// One of the other levels. The same.
  bool read_message(std::string_view message);

  /// The user's name at the host, as ssh knows it; empty: not known yet.
  const std::string& user() const noexcept { return user_; }
  /// The method that is tried: "publickey". Empty: none yet.
  const std::string& method() const noexcept { return method_; }
  /// Those of `keyboard-interactive` that the server has sent at once.
  unsigned prompts() const noexcept { return prompts_; }
  /// How often the server has refused what was tried, and how often it has accepted it and wants
  /// more.
  unsigned refusals() const noexcept { return refusals_; }
  unsigned partial_successes() const noexcept { return partial_successes_; }

 private:
  std::string user_;
  std::string method_;
  unsigned prompts_ = 0;
  unsigned refusals_ = 0;
  unsigned partial_successes_ = 0;
  bool wants_more_ = false;
};

}  // namespace execo::detail
