// One client of a port that a server listens on for us: a connection to something here, or to what
// is reached from here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "ssh/forwarded_client.hpp"
#include "ssh/forwarder.hpp"
#include "ssh/resolver.hpp"

namespace execo::detail {

class near_connection final : public forwarded_client, private forward_owner {
 public:
  explicit near_connection(forwarded_owner& of);

  /// Throws: std::bad_alloc; the channel is the caller's still.
  void adopt(ssh_channel_struct* channel) { forward_ = &of_.forwards().adopt(channel, *this); }
  /// Pre: it has adopted a channel.
  void begin();
  void close() override;

 private:
  // resolving -> connecting -> carried; from each to closing.
  enum class stage : std::uint8_t { resolving, connecting, carried, closing };

  void on_addresses();
  void try_next();
  void try_path(const std::string& path);
  void connect(int family, const sockaddr* to, socklen_t size);
  void on_writable(int result);
  void connected();
  void refuse(const std::string& why);
  void expired() { refuse("it does not answer"); }
  void forward_opened() override {}
  void forward_refused(std::string why) override { refuse(why); }
  void forward_ended() override { close(); }
  void forward_closed() override;
  void finish();

  forwarded_owner& of_;
  resolver::question question_;
  std::size_t next_ = 0;  // of its addresses
  unique_fd socket_;      // until it is carried
  io_request writable_;
  deadline_timer limit_;
  forward* forward_ = nullptr;  // until it is closed
  stage stage_ = stage::resolving;
};

}  // namespace execo::detail
