// One client of a port that a server listens on for us: a connection to something here, or to what
// is reached from here.
#pragma once

#include <string>

#include "ssh/carried_client.hpp"
#include "ssh/resolver.hpp"

namespace execo::detail {

class near_connection final : public carried_client {
 public:
  explicit near_connection(forwarded_owner& of);

  /// Throws: std::bad_alloc; the channel is the caller's still.
  void adopt(ssh_channel_struct* channel) { forward_ = &of_.forwards().adopt(channel, *this); }
  /// Pre: it has adopted a channel.
  void begin();

 private:
  void on_addresses();
  void try_next();
  void try_path(const std::string& path);
  void connect(int family, const sockaddr* to, socklen_t size);
  void socket_ready(int result) override;
  void connected();
  void refuse(const std::string& why);
  void limit_passed() override { refuse("it does not answer"); }
  void stop_asking() noexcept override;
  void forward_opened() override {}
  void forward_refused(std::string why) override { refuse(why); }

  resolver::question question_;
  std::size_t next_ = 0;  // of its addresses
};

}  // namespace execo::detail
