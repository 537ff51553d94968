// libssh asks an agent with calls that block (0.10: agent.c). Here it talks to one whose answers
// are in the socket before it asks, so it never waits.
#pragma once

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "ssh/agent_protocol.hpp"
#include "ssh/libssh.hpp"

namespace execo::detail {

class agent_stand_in final : public loop_service {
 public:
  explicit agent_stand_in(loop&) {}

  /// Goes on with ssh_userauth_agent, for an agent that gives these answers and then no more.
  /// `asked`: what it was asked to sign, in this call. False: there is no socket for it; `result`
  /// is not set.
  bool go_on(ssh_session_struct* session, const std::string& answers, int& result,
             std::optional<signature_request>& asked);

 private:
  bool make_pair();

  // Made before it is needed: when all descriptors are taken by sessions that log in, none of them
  // would become free.
  unique_fd ours_, theirs_;
};

}  // namespace execo::detail
