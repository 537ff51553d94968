// One client of a port here: what it says where to, if anything, then its connection.
#pragma once

#include <memory>
#include <string>

#include "ssh/carried_client.hpp"
#include "ssh/socks_dialogue.hpp"

namespace execo::detail {

class forwarded_connection final : public carried_client {
 public:
  /// The socket does not block.
  forwarded_connection(forwarded_owner& of, unique_fd client);

  void begin();

 private:
  bool converse();
  void socket_ready(int result) override;
  void limit_passed() override;
  bool send_now(std::string_view bytes) noexcept;
  void connect(const std::string& to, int port);
  void refuse(std::string why);
  void forward_opened() override;
  void forward_refused(std::string why) override;

  std::unique_ptr<socks_dialogue> socks_;  // null: where to is known
};

}  // namespace execo::detail
