// The connections of a loop: which command is served by which, how many commands one may serve, and
// which ones are kept. A session belongs to its loop, so each loop has a pool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "loop/loop.hpp"
#include "ssh/environment.hpp"
#include "ssh/pooled_session.hpp"

namespace execo::detail {

/// Why a lease is given back.
enum class handback : std::uint8_t {
  unused,    ///< no command was asked for on it
  ended,     ///< its command ended by itself, and all of its output has come
  given_up,  ///< anything else: nothing is known of the connection, or of the command
};

/// Something else that is kept without a use and has descriptors. It is asked for them when no idle
/// connection is left, and when idle connections are to be closed.
class spare_holder : public list_node {
 public:
  /// It is asked no more.
  virtual void give_way() noexcept = 0;
  virtual std::size_t descriptors() const noexcept = 0;

 protected:
  ~spare_holder() = default;
};

class session_pool final : public loop_service, private loop_member {
 public:
  explicit session_pool(loop& on) noexcept : loop_(on) {}
  ~session_pool() override;

  /// The one that serves these options already, for another action, or a new one.
  /// Throws: std::invalid_argument naming a key or known_hosts file that cannot be used.
  std::shared_ptr<ssh_environment> environment_for(const ssh_options& options, const ssh_caller& by,
                                                   const connection_settings& also = {});

  /// A lease of a connection that is kept, in use or being made, else of a new one.
  std::unique_ptr<session_lease> acquire(const std::shared_ptr<ssh_environment>& shared,
                                         const std::string& name, int port, const std::string& user,
                                         channel_owner& owner);
  /// The same, of a new one.
  std::unique_ptr<session_lease> acquire_new(const std::shared_ptr<ssh_environment>& shared,
                                             const std::string& name, int port,
                                             const std::string& user, channel_owner& owner);
  /// Of the connection to a hop, which any number may use at a time.
  std::unique_ptr<session_lease> acquire_hop(const std::shared_ptr<ssh_environment>& shared,
                                             const std::string& name, int port,
                                             const std::string& user, const deadlines& limits);
  /// The same, of a new one that nobody joins.
  std::unique_ptr<session_lease> acquire_own_hop(const std::shared_ptr<ssh_environment>& shared,
                                                 const std::string& name, int port,
                                                 const std::string& user, const deadlines& limits);
  /// May be called from any event, those of the lease included.
  void give_back(std::unique_ptr<session_lease> lease, handback why) noexcept;
  /// The server has refused a lease's channel beside others, or its mark: from now on its host gets
  /// no more commands on a connection than it has taken.
  void learn_limit(const session_lease& refused, refusal of) noexcept;

  /// Until it unlinks itself, or is asked. On the loop.
  void add(spare_holder& one) noexcept { one.link_before(spare_); }
  /// Of those.
  std::size_t spare_descriptors() const noexcept;
  /// Closes the one that is idle longest, else what else is kept. False: there is none.
  bool close_oldest() noexcept;
  void close_idle() noexcept { shut_down(); }
  /// Kept for the next command.
  std::size_t idle() const noexcept { return idle_count_; }

 private:
  friend class pooled_session;
  // As many commands as a connection serves at the same time until a server says how many it wants:
  // OpenSSH's MaxSessions is 10 by default.
  static constexpr unsigned max_commands_at_first = 32;
  // Hosts whose limits are known; beyond that they are learnt again.
  static constexpr std::size_t max_limits = 4096;
  // A host that is used by so many at once needs no more of them later.
  static constexpr std::size_t max_per_host = 8;

  void shut_down() noexcept override;
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;
  pooled_session* find(const std::string& key);
  unsigned max_commands(const std::string& key) const noexcept;
  bool keep(pooled_session& s) noexcept;
  void take(pooled_session& s) noexcept;
  void link(pooled_session& s, list_node& to) noexcept;
  void unlink(pooled_session& s) noexcept;
  void closing(pooled_session& s) noexcept;
  void closed(pooled_session& s) noexcept;
  std::size_t limit(const ssh_environment& of) const noexcept;

  loop& loop_;
  // By a hash of what distinguishes those of many hosts.
  std::unordered_multimap<std::size_t, std::weak_ptr<ssh_environment>> environments_;
  std::size_t sweep_at_ = 64;  // so many of them: those that have gone are dropped
  list_node kept_;             // idle; owned; the oldest first
  list_node closing_;          // owned
  list_node spare_;            // of spare_holder; the oldest first
  std::size_t idle_count_ = 0;
  std::unordered_multimap<std::string, pooled_session*> by_key_;  // those that may be joined
  std::unordered_map<std::string, unsigned> limits_;              // commands, by key
};

}  // namespace execo::detail
