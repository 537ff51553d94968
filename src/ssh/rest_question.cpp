#include "ssh/rest_question.hpp"

#include <utility>

namespace execo::detail {
namespace {

constexpr int questions = 3;

}  // namespace

rest_question::rest_question(remote_session& session, delegate<answer> done)
    : session_(session),
      done_(done),
      trip_(delegate<>::to<&rest_question::answered>(this)),
      limit_(delegate<>::to<&rest_question::limit_expired>(this), "answer of a server") {}

void rest_question::put() {
  to_ask_ = questions - 1;
  ask();
}

void rest_question::withdraw() noexcept {
  trip_.unlink();
  session_.shared().home.disarm(limit_);
}

void rest_question::ask() {
  received_ = session_.packets_received();
  unread_ = session_.unread_time();
  session_.ask(trip_);
  session_.shared().home.arm_after(limit_, session_.shared().answer_limit);
}

void rest_question::answered() {
  withdraw();
  if (to_ask_-- > 0) return ask();
  done_(answer::none_left);
}

// A server that does not know the request may say so in a way that libssh keeps to itself. While
// others hold the connection it is not even asked.
void rest_question::limit_expired() {
  clock::duration unread = session_.unread_time();
  if (std::exchange(unread_, unread) != unread)
    return session_.shared().home.arm_after(limit_, session_.shared().answer_limit);
  bool spoke = session_.packets_received() != received_;
  withdraw();
  done_(spoke ? answer::none_left : answer::silence);
}

}  // namespace execo::detail
