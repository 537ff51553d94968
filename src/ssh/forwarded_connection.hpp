// One client of a port here: what it says where to, if anything, then its connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "ssh/forwarded_client.hpp"
#include "ssh/forwarder.hpp"
#include "ssh/socks_dialogue.hpp"

namespace execo::detail {

class forwarded_connection final : public forwarded_client, private forward_owner {
 public:
  /// The socket does not block.
  forwarded_connection(forwarded_owner& of, unique_fd client);

  void begin();
  void close() override;

 private:
  // greeting (SOCKS) -> opening: the server connects -> carried; from each to closing.
  enum class stage : std::uint8_t { greeting, opening, carried, closing };

  bool converse();
  void await_bytes();
  void on_readable(int result);
  void greeting_expired();
  bool send_now(std::string_view bytes) noexcept;
  void connect(const std::string& to, int port);
  void refuse(std::string why);
  void forward_opened() override;
  void forward_refused(std::string why) override;
  void forward_ended() override { close(); }
  void forward_closed() override;
  void finish();

  forwarded_owner& of_;
  unique_fd client_;  // until it is carried
  std::unique_ptr<socks_dialogue> socks_;
  io_request readable_;
  deadline_timer limit_;        // of the dialogue
  forward* forward_ = nullptr;  // until it is closed
  stage stage_ = stage::greeting;
};

}  // namespace execo::detail
