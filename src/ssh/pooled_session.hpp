// A connection that commands use by leases: one after another, and several at the same time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "loop/loop.hpp"
#include "ssh/command_mark.hpp"
#include "ssh/environment.hpp"
#include "ssh/remote_channel.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {

class pooled_session;
class session_pool;
class signal_helper;
class forwarder;

/// The events of a lease, from the loop, in addition to those of its channel. Any of them may give
/// the lease back.
class session_user {
 public:
  virtual void session_entered(phase where) = 0;
  /// It waits for others that lead to the same address: no phase lasts meanwhile.
  virtual void session_waits() = 0;
  /// The channel may be opened, and a command run on it.
  virtual void session_ready() = 0;
  /// The connection takes no further command at the same time.
  virtual void session_full() = 0;
  /// Terminal.
  virtual void session_failed(const failure& why) = 0;

 protected:
  ~session_user() = default;
};

/// A channel, and what it takes to close it after its user has gone.
class channel_slot final : public list_node, private channel_owner {
 public:
  channel_slot(pooled_session& of, channel_owner& owner);
  channel_slot(pooled_session& of);
  channel_slot(const channel_slot&) = delete;
  channel_slot& operator=(const channel_slot&) = delete;

  remote_channel& channel() noexcept { return channel_; }
  const remote_channel& channel() const noexcept { return channel_; }
  /// The user has gone.
  void retire();
  /// The server has cleared it away.
  bool is_cleared() const noexcept { return cleared_; }

 private:
  void channel_started() override {}
  void channel_data(stream, std::span<const char>) override {}
  void channel_eof() override {}
  void channel_exit(exit_status) override {}
  void channel_closed() override;
  void channel_refused(refusal, std::string) override {}
  void channel_written(std::size_t) override {}
  void channel_broke(const std::exception_ptr&) override {}
  void cleared() noexcept;

  pooled_session& of_;
  remote_channel channel_;
  round_trip clearing_;
  bool retired_ = false;
  bool cleared_ = false;
};

/// A command's part of a connection: from session_pool::acquire() until it is given back.
class session_lease final : public list_node {
 public:
  session_lease(pooled_session& of, channel_owner& owner);
  /// Of a hop: it has no channel of its own.
  explicit session_lease(pooled_session& of) noexcept : of_(of) {}
  session_lease(const session_lease&) = delete;
  session_lease& operator=(const session_lease&) = delete;

  /// Where the connection stands; before it has begun, nothing.
  enum class standing : std::uint8_t { unstarted, connecting, established, lost };
  standing of_session() const noexcept;
  /// The phase of one that is connecting, once it has one.
  std::optional<phase> current_phase() const noexcept;
  /// It was established, now or before it was lost.
  bool was_established() const noexcept;

  /// From now on the user is notified. Starts a connection that has not begun. One that is
  /// established notifies of nothing more than of its loss, before admit().
  void begin(session_user& user);
  /// Notifies that the channel may be opened, or that the connection is full; later, if the server
  /// has to clear away a channel first. Pre: begin() was called; the connection is established.
  void admit();

  remote_session& session() const noexcept;
  remote_channel& channel() noexcept { return slot_->channel(); }
  const remote_channel& channel() const noexcept { return slot_->channel(); }
  /// The connection was made for it.
  bool is_first() const noexcept { return first_; }
  /// Others use the connection, or are about to.
  bool has_company() const noexcept;
  /// Others used it when this one was admitted.
  bool has_mark() const noexcept { return !mark_.empty(); }

  /// The connection takes no further command.
  void seal() noexcept;
  /// How a signal that is sent now finds the command, and no other one. Pre: seal() was called.
  command_mark mark() const;
  /// What finds and signals commands of this connection; made when it is first asked for.
  signal_helper& helper();
  /// For the lease: the command is asked for, it runs, it has ended by itself.
  void note_begin();
  void note_start();
  void note_end();
  /// The connections that a hop makes for us. Pre: of a hop that was admitted.
  forwarder& forwards();

 private:
  friend class pooled_session;
  friend class session_pool;
  // idle -> waiting (for the connection, or for the end of a channel) -> admitted.
  enum class stage : std::uint8_t { idle, waiting, admitted };

  pooled_session& of_;
  session_user* user_ = nullptr;
  std::unique_ptr<channel_slot> slot_;
  std::string mark_;
  stage stage_ = stage::idle;
  bool first_ = false;
};

/// A connection and its leases.
//
// open -> idle -> open: with leases, and kept without. From both to closing, from open by sealed:
// it takes no further command, and is closed with the last lease.
class pooled_session final : public list_node, private session_owner {
 public:
  pooled_session(session_pool& pool, std::shared_ptr<ssh_environment> shared, std::string key,
                 std::string name, int port, std::string user);
  pooled_session(const pooled_session&) = delete;
  pooled_session& operator=(const pooled_session&) = delete;
  ~pooled_session();

  /// It leads to other hosts, and has these deadlines itself. Pre: not started.
  void serve_as_hop(const deadlines& limits);

  remote_session& session() noexcept { return session_; }
  const remote_session& session() const noexcept { return session_; }

 private:
  friend class session_pool;
  friend class session_lease;
  friend class channel_slot;
  using standing = session_lease::standing;
  enum class use : std::uint8_t { open, idle, sealed, closing };

  bool may_join();
  bool is_trusted();
  bool can_be_shared() const;
  void join(session_lease& lease) noexcept;
  void leave(session_lease& lease) noexcept;
  void admit(session_lease& lease);
  void admit_waiting();
  bool is_watched() const noexcept;
  void await_watch(session_lease& lease);
  void watch_changed();
  void beat();
  signal_helper& helper();
  std::string next_mark();
  void open_reserve();
  void retire(std::unique_ptr<channel_slot> slot) noexcept;
  void cleared_one() noexcept;
  void sweep() noexcept;
  unsigned open_channels() const noexcept;
  void seal() noexcept;
  void close() noexcept;
  /// Of leases that have begun. Each event may end any of them.
  template <class Event>
  void notify(Event&& event);
  void fail(session_lease& lease, const std::exception_ptr& error) noexcept;
  bool is_hop() const noexcept { return hop_ != nullptr; }
  void limit_phase(phase where);
  void limit_expired();

  void session_entered(phase where) override;
  void session_waits() override;
  void session_ready() override;
  void session_failed(failure why) override;
  void session_closed() override;

  session_pool& pool_;
  remote_session session_;
  std::string key_;
  list_node leases_;   // owned by their users
  list_node retired_;  // channel slots, owned
  // For the helper, so that MaxSessions leaves room for one: opened with the second command.
  std::unique_ptr<channel_slot> reserve_;
  /// What the lease of its commands needs.
  struct watch_part;
  std::unique_ptr<watch_part> watch_;  // null: there is none, or none yet
  std::unique_ptr<signal_helper> helper_;
  /// What a hop has in addition.
  struct hop_part;
  std::unique_ptr<hop_part> hop_;  // null: it runs commands
  deadline_timer expiry_;
  clock::time_point since_{};  // it is idle
  std::string nonce_;          // of its marks; empty: there are none
  unsigned lease_count_ = 0;
  unsigned admitted_ = 0;   // of them
  unsigned uncleared_ = 0;  // of the retired ones
  unsigned marks_ = 0;
  unsigned trusted_by_;  // the version of the known hosts that its key was checked with
  std::optional<phase> phase_;
  standing standing_ = standing::unstarted;
  use use_ = use::open;
  bool was_established_ = false;
  bool has_strays_ = false;  // commands that were given up and may run
};

}  // namespace execo::detail
