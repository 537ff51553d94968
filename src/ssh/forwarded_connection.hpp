// One client of a port forward: what it says where to, if anything, then its connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "ssh/forward_state.hpp"
#include "ssh/forwarder.hpp"
#include "ssh/socks_dialogue.hpp"

namespace execo::detail {

class forwarded_connection;

class forwarded_owner {
 public:
  virtual loop& home() const noexcept = 0;
  virtual const forward_plan& plan() const noexcept = 0;
  virtual forwarder& forwards() = 0;
  virtual forward_traffic& traffic() noexcept = 0;
  virtual void note_opened() noexcept = 0;
  virtual void note_failure(std::string why) noexcept = 0;
  /// Destroys it: its last event. May come from inside its begin() and close().
  virtual void client_gone(forwarded_connection& client) noexcept = 0;

 protected:
  ~forwarded_owner() = default;
};

class forwarded_connection final : public list_node, private forward_owner {
 public:
  /// The socket does not block.
  forwarded_connection(forwarded_owner& of, unique_fd client);
  forwarded_connection(const forwarded_connection&) = delete;
  forwarded_connection& operator=(const forwarded_connection&) = delete;

  void begin();
  void close();

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
