// What clients of a port forward have in common, whichever end they come from: the socket here,
// what is waited for on it, and how they end.
#pragma once

#include <cstdint>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "ssh/forwarded_client.hpp"
#include "ssh/forwarder.hpp"

namespace execo::detail {

class carried_client : public forwarded_client, protected forward_owner {
 public:
  void close() final;

 protected:
  // asking: where to -> connecting: the server, or we -> carried; from each to closing.
  enum class stage : std::uint8_t { asking, connecting, carried, closing };

  /// `waits_for`: what has a limit, as a dump of the loop calls it.
  carried_client(forwarded_owner& of, const char* waits_for)
      : of_(of),
        ready_(delegate<int>::to<&carried_client::on_ready>(this)),
        limit_(delegate<>::to<&carried_client::on_limit>(this), waits_for) {}

  /// Until the socket can do this: POLLIN, POLLOUT.
  void await(short events);
  /// From here on the forward has the socket.
  void carry();

  forwarded_owner& of_;
  unique_fd socket_;  // until it is carried
  io_request ready_;
  deadline_timer limit_;
  forward* forward_ = nullptr;  // until it is closed
  stage stage_ = stage::asking;

 private:
  /// What was awaited, or an error of it, negative.
  virtual void socket_ready(int result) = 0;
  virtual void limit_passed() = 0;
  /// What else it waits for.
  virtual void stop_asking() noexcept {}

  void on_ready(int result);
  void on_limit() { limit_passed(); }
  void forward_ended() final { close(); }
  void forward_closed() final;
  void finish();
};

}  // namespace execo::detail
