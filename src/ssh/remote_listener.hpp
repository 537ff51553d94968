// Has a server listen on a port for us: the request, and the connections that come of it
// (forwarded-tcpip channels). The session is its own, for two reasons. The answer to the request
// says which port was chosen, but libssh 0.10 reads it from the packet that came last, whatever
// that is. And a connection does not say reliably which of several requests it belongs to.
#pragma once

#include <cstdint>
#include <string>

#include "execo/forward_endpoint.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {

/// From the loop.
class remote_listener_owner {
 public:
  virtual void remote_listens(int port) = 0;
  virtual void remote_refused(std::string why) = 0;
  /// Whether one more connection is carried. False: it is refused.
  virtual bool admits_remote_client() noexcept = 0;
  /// The owner's from now on. In the middle of a call of libssh, which must not be entered.
  virtual void take_remote_client(ssh_channel_struct* channel) = 0;

 protected:
  ~remote_listener_owner() = default;
};

class remote_listener final : public session_member {
 public:
  /// Asks the server. Pre: the session is authenticated, and has no other listener.
  remote_listener(remote_session& on, const forward_endpoint& at, remote_listener_owner& owner);
  remote_listener(const remote_listener&) = delete;
  remote_listener& operator=(const remote_listener&) = delete;
  ~remote_listener() { stop(); }

  /// Takes no connection any more, and sends no event.
  void stop() noexcept;

  need advance() override;
  void broke(const std::exception_ptr& error) override;
  bool pumps() const noexcept override { return stage_ == stage::asking; }
  void abandon() noexcept override { stage_ = stage::over; }

 private:
  // asking -> listening; from both to over.
  enum class stage : std::uint8_t { asking, listening, over };

  void refuse(std::string why);
  int take(ssh_message_struct* message) noexcept;

  remote_session& session_;
  remote_listener_owner& owner_;
  std::string address_;  // empty: all
  std::string shown_;
  int wanted_port_;
  stage stage_ = stage::asking;
};

}  // namespace execo::detail
