// Whether a server still has output of a command that has ended. OpenSSH sends the exit status at
// once, and what the command wrote last when the window lets it: that may be one way there and back
// later. It answers a question, too, before the data that a window adjustment of the same moment
// sets free; so only a second question, put after the answer to the first, is a proof.
#pragma once

#include "ssh/remote_session.hpp"

namespace execo::detail {

class rest_question {
 public:
  enum class answer : std::uint8_t { none_left, silence };

  rest_question(remote_session& session, callback<answer> done);

  /// `done` is called from the loop, unless withdraw() comes before.
  void put();
  /// Some of it has come.
  void withdraw() noexcept;

 private:
  void ask();
  void answered();
  void limit_struck();

  remote_session& session_;
  callback<answer> done_;
  round_trip trip_;
  timer limit_;
  std::uint64_t heard_ = 0;  // packets, when it was asked
  bool again_ = false;
};

}  // namespace execo::detail
