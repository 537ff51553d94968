// Sessions that outlive their command: kept for the next one on the same host, checked and closed
// here. One pool on each loop, since a session belongs to its loop. A session serves one command at
// a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "loop/loop.hpp"
#include "ssh/environment.hpp"
#include "ssh/remote_channel.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {

class session_pool;

/// What sessions that may take each other's place have in common.
std::string session_key(const ssh_environment& of, const std::string& name, int port,
                        const std::string& user);

/// A session, and the channel of the command that it serves.
//
// leased -> retiring -> idle -> leased: to the pool and back; from each to closing.
class pooled_session final : public list_node, private session_owner, private channel_owner {
 public:
  pooled_session(std::shared_ptr<ssh_environment> shared, std::string name, int port,
                 std::string user);
  pooled_session(const pooled_session&) = delete;
  pooled_session& operator=(const pooled_session&) = delete;

  /// Gives it to a command, with a channel that was not opened yet.
  /// Pre: it is not busy, and the channel before is over.
  void serve(session_owner& owner, channel_owner& output);

  remote_session& session() noexcept { return session_; }
  const remote_session& session() const noexcept { return session_; }
  remote_channel& channel() noexcept { return *channel_; }
  const remote_channel& channel() const noexcept { return *channel_; }

 private:
  friend class session_pool;
  enum class use : std::uint8_t { leased, retiring, idle, closing };

  void retire(session_pool& by);
  void close() noexcept;
  bool may_serve();
  bool is_trusted();
  void expired() noexcept { close(); }
  void cleared() noexcept { use_ = use::idle; }

  void session_entered(phase) override {}
  void session_ready() override {}
  // A transport that has it, and did not begin with it, finds that out.
  void session_failed(failure) override {
    if (use_ != use::leased) close();
  }
  void session_closed() override;
  void channel_started() override {}
  void channel_data(stream, std::span<const char>) override {}
  void channel_eof() override {}
  void channel_exit(exit_status) override {}
  void channel_closed() override;
  void channel_refused(std::string) override {}
  void channel_written(std::size_t) override {}

  remote_session session_;
  std::optional<remote_channel> channel_;
  round_trip clearing_;
  deadline_timer expiry_;
  std::string key_;  // while it is kept
  clock::time_point since_{};
  session_pool* pool_ = nullptr;  // once it is there
  unsigned trusted_by_;           // the version of the known hosts that its key was checked with
  use use_ = use::leased;
};

class session_pool final : public loop_service, private loop_member {
 public:
  explicit session_pool(loop& on) noexcept : loop_(on) {}
  ~session_pool() override;

  /// The one that serves these options already, for another action, or a new one.
  /// Throws: std::invalid_argument naming a key or known_hosts file that cannot be used.
  std::shared_ptr<ssh_environment> environment_for(const ssh_options& options,
                                                   const ssh_caller& by);

  /// One that was kept, the one last used; null: none.
  std::unique_ptr<pooled_session> take(const std::string& key);
  /// Keeps one whose command ended by itself. May be called from an event of it.
  void keep(std::unique_ptr<pooled_session> s) noexcept;
  /// Closes one, whatever it does. May be called from an event of it.
  void discard(std::unique_ptr<pooled_session> s) noexcept;

  /// Closes the one that is idle longest. False: there is none.
  bool close_oldest() noexcept;
  void close_idle() noexcept { shut_down(); }
  /// Kept and not being closed.
  std::size_t size() const noexcept { return by_key_.size(); }

 private:
  friend class pooled_session;
  // A host that is used by so many at once needs no more of them later.
  static constexpr std::size_t max_per_host = 8;

  void shut_down() noexcept override;
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;
  pooled_session& adopt(std::unique_ptr<pooled_session> s);
  void forget_key(pooled_session& s) noexcept;
  void closed(pooled_session& s) noexcept;
  std::size_t limit(const ssh_environment& of) const noexcept;

  loop& loop_;
  std::vector<std::weak_ptr<ssh_environment>> environments_;
  list_node kept_;     // owned; the oldest first
  list_node closing_;  // owned
  std::unordered_multimap<std::string, pooled_session*> by_key_;
};

}  // namespace execo::detail
