// Connections that a server makes for us (direct-tcpip and direct-streamlocal channels), each
// pumped to a socket of ours. All of one ssh connection are one member of it: what happens to one
// of them costs the others nothing, however many there are.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/fd.hpp"
#include "ssh/remote_session.hpp"

namespace execo::detail {

class forwarder;

/// Bytes that were carried. Written on a loop, read on any thread.
class forward_traffic {
 public:
  std::atomic<std::uint64_t> up{0};    // to the server
  std::atomic<std::uint64_t> down{0};  // from it
};

/// The events of a forward, from the loop or from inside close().
class forward_owner {
 public:
  virtual void forward_opened() = 0;
  virtual void forward_refused(std::string why) = 0;
  /// Nothing more is to be carried, in either direction: close() may follow, from inside it too.
  virtual void forward_ended() {}
  /// After close(): the last event.
  virtual void forward_closed() = 0;

 protected:
  ~forward_owner() = default;
};

/// One of them, from its request until both sides have closed it. The forwarder's own.
class forward final : public list_node {
 public:
  /// `port` 0: `host` is the path of a unix socket.
  forward(forwarder& of, std::string host, int port, forward_owner& owner) noexcept;
  forward(const forward&) = delete;
  forward& operator=(const forward&) = delete;
  ~forward();

  /// Pumps from and to this socket, which does not block. `traffic` outlives the forward's owner.
  /// Pre: it is open.
  void pump(unique_fd socket, forward_traffic* traffic = nullptr);
  /// What is in the socket goes out, then both are closed.
  void close();

 private:
  friend class forwarder;
  // asked -> opening -> open -> ending (our side is closed) -> over; from each to over when the
  // connection ends, or the server refuses.
  enum class stage : std::uint8_t { asked, opening, open, ending, over };
  /// Of the socket: awaited <-> may_be_there -> ended, from where nothing more goes to the server.
  enum class input : std::uint8_t { awaited, may_be_there, ended };
  /// How far the server has come with what it sends.
  enum class sent : std::uint8_t { data, eof, close };
  /// Who has the other end of the socket: reads, or was shown the end, or reads nothing more.
  enum class reader : std::uint8_t { reads, has_end, gone };

  void work();
  void ask();
  bool make_channel();
  bool set_callbacks();
  int request_channel() noexcept;
  bool is_answered() const noexcept;
  void opened();
  void refused(std::string why);
  void send_down();
  bool send(std::span<const char> bytes, std::size_t& taken) noexcept;
  void send_up();
  std::span<const char> take_up(std::span<char> buffer);
  void wait_for_input();
  void notify_end();
  void finish();
  void end_channel();
  void abandon() noexcept;
  void break_off() noexcept;
  void on_readable(int result);
  void on_writable(int result);
  void release_socket();
  void keep(std::size_t size) noexcept;
  std::size_t on_data(std::span<const char> bytes) noexcept;

  forwarder& of_;
  forward_owner* owner_;  // null: it is not wanted any more
  std::string host_;
  int port_;
  unsigned number_ = 0;                    // libssh's for the channel
  ssh_channel_struct* channel_ = nullptr;  // freed with the libssh session
  ssh_channel_callbacks_struct callbacks_{};
  unique_fd socket_;
  forward_traffic* traffic_ = nullptr;  // null: nobody counts
  io_request readable_;
  io_request writable_;
  std::string down_;      // of what libssh has handed over, not yet in the socket
  std::size_t kept_ = 0;  // by libssh, since the socket is full
  std::string up_;        // read from the socket, not yet taken by libssh
  stage stage_ = stage::asked;
  input input_ = input::may_be_there;
  sent sent_ = sent::data;
  reader reader_ = reader::reads;
  bool wanted_ = true;  // close() was not called
  bool end_notified_ = false;
  bool holds_ = false;  // the connection
};

class forwarder final : public session_member {
 public:
  explicit forwarder(remote_session& on) noexcept : session_(on) {}
  forwarder(const forwarder&) = delete;
  forwarder& operator=(const forwarder&) = delete;
  ~forwarder();

  /// Asks the server for a connection, to the path `host` if `port` is 0.
  /// Pre: the session is authenticated.
  forward& open(const std::string& host, int port, forward_owner& owner);
  /// Takes a channel over that the server has opened: it is open. May be called in the middle of a
  /// call of libssh. Throws: std::bad_alloc; the channel is the caller's still.
  forward& adopt(ssh_channel_struct* channel, forward_owner& owner);

  need advance() override;
  void broke(const std::exception_ptr& error) override { (void)error; }
  bool pumps() const noexcept override { return false; }
  void abandon() noexcept override;

 private:
  friend class forward;
  template <class Call>
  void each(Call&& call);
  void touch(forward& f) noexcept;
  void wait_for_room(forward& f) noexcept { f.link_before(unflushed_); }
  forward& add(std::unique_ptr<forward> made) noexcept;
  void look_for_answers();
  bool has_unseen_answers() const noexcept;
  bool refuse_denied();
  void work(forward& f) noexcept;
  loop& home() const noexcept { return session_.shared().home; }

  remote_session& session_;
  list_node resting_;
  list_node ready_;
  list_node opening_;
  list_node unflushed_;
  list_node windowless_;         // the server takes no more for now, or keys are exchanged
  std::uint64_t packets_ = 0;    // at the last look
  std::uint64_t explained_ = 0;  // of those since, by calls back
  unsigned channels_ = 0;
  std::string denial_;  // the last one that was seen
};

}  // namespace execo::detail
