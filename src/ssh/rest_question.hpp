// Whether a server still has output of a command that has ended. OpenSSH sends the exit status at
// once, and what the command wrote last when the window lets it: that may be one way there and back
// later. A turn of its loop reads packets, answers their questions at once, sends what it has read
// of the command, and only then reads more of the command, and of the packets in the same breath.
// So it may answer two questions before data that a window adjustment sets free: one that is read
// with the adjustment, and one that is read with the data. The answer to a third is a proof.
#pragma once

#include "ssh/remote_session.hpp"

namespace execo::detail {

class rest_question {
 public:
  enum class answer : std::uint8_t { none_left, silence };

  rest_question(remote_session& session, delegate<answer> done);

  /// `done` is called from the loop, unless withdraw() comes before.
  void put();
  /// Some of it has come.
  void withdraw() noexcept;

 private:
  void ask();
  void answered();
  void limit_expired();

  remote_session& session_;
  delegate<answer> done_;
  round_trip trip_;
  deadline_timer limit_;
  std::uint64_t received_ = 0;  // packets, when it was asked
  clock::duration unread_{0};   // the connection, so far
  int to_ask_ = 0;              // after this one
};

}  // namespace execo::detail
