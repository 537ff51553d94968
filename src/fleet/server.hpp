// A running fleet: the listener, the live sessions and what they share.
#pragma once

#include <libssh/server.h>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "fleet/guest.hpp"
#include "fleet/host_table.hpp"
#include "fleet/keeper.hpp"
#include "fleet/keys.hpp"
#include "fleet/listener.hpp"
#include "fleet/options.hpp"
#include "fleet/reactor.hpp"

namespace execo::fleet {

class session;

class statistics {
 public:
  statistics() = default;

  std::uint64_t connections = 0;
  std::uint64_t logins = 0;
  std::uint64_t secrets = 0;  // passwords and answers that came
  std::uint64_t commands = 0;
  std::size_t max_at_once = 0;
};

class server {
 public:
  /// Listens, but accepts nothing before run. `keeper` is null when commands are canned.
  /// Throws: usage_error, std::system_error.
  server(const options& o, keeper* k);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Until SIGTERM or SIGINT, which the caller has blocked, or until the guest has ended, or
  /// until the keeper died.
  void run();
  bool keeper_lost() const noexcept { return keeper_lost_; }
  /// Signals go to the command first. Pre: it lives as long as run() lasts.
  void attach(guest& g) noexcept { guest_ = &g; }

  std::uint16_t port() const noexcept { return listener_.port(); }
  std::size_t host_count() const noexcept { return hosts_.size(); }
  const host_key& key() const noexcept { return host_key_; }

  // For sessions and their commands.
  reactor& loop() noexcept { return reactor_; }
  const options& settings() const noexcept { return options_; }
  const authorized_keys& authorized() const noexcept { return authorized_; }
  keeper* commands_keeper() noexcept { return keeper_; }
  statistics& stats() noexcept { return stats_; }
  ssh_bind bind() noexcept { return bind_.get(); }
  /// Pumps the session before the loop waits again.
  void pump_soon(session& s);
  /// The session is closed: it is destroyed after this turn.
  void retire(session& s);

 private:
  struct bind_deleter {
    void operator()(ssh_bind b) const noexcept { ssh_bind_free(b); }
  };

  void on_connection(unique_fd fd, const endpoints& ends);
  void on_signal(std::uint32_t events);
  void on_keeper_lost();
  void end_turn();

  options options_;
  keeper* keeper_;
  guest* guest_ = nullptr;
  bool keeper_lost_ = false;
  host_table hosts_;
  authorized_keys authorized_;
  host_key host_key_;
  reactor reactor_;
  std::unique_ptr<std::remove_pointer_t<ssh_bind>, bind_deleter> bind_;
  unique_fd signals_;
  watch signals_watch_;
  statistics stats_;
  std::vector<std::unique_ptr<session>> sessions_;  // each knows its index
  std::vector<std::unique_ptr<session>> retired_;
  std::vector<session*> pump_soon_;
  listener listener_;
};

}  // namespace execo::fleet
