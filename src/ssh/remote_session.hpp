// One ssh connection, from its turn at the handshake limiter to its end, as a state machine on the
// loop. libssh is entered from one place only, step(), which runs from the loop: so no event comes
// from inside a call of the owner, and no libssh object is freed under a libssh call. Channels are
// its members; a session may outlive one and serve others.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "loop/loop.hpp"
#include "process/failure.hpp"
#include "ssh/environment.hpp"
#include "ssh/libssh.hpp"
#include "ssh/round_trip.hpp"
#include "ssh/route.hpp"
#include "ssh/session_members.hpp"
#include "ssh/session_setup.hpp"
#include "ssh/tcp_cork.hpp"
#include "ssh/unread_stopwatch.hpp"

namespace execo::detail {

/// What a server says it is. OpenSSH and dropbear give each connection a process of its own.
enum class server_software : std::uint8_t { other, openssh, dropbear };

/// The events of a session, from the loop.
class session_owner {
 public:
  virtual void session_entered(phase where) = 0;
  /// It waits for others that lead to the same address. A phase that it has entered is entered
  /// again.
  virtual void session_waits() = 0;
  /// Authenticated: channels may be attached.
  virtual void session_ready() = 0;
  /// Terminal; the socket is closed. Not sent after close().
  virtual void session_failed(failure why) = 0;
  /// Last: may destroy the session. May come from inside close().
  virtual void session_closed() = 0;

 protected:
  ~session_owner() = default;
};

class remote_session {
 public:
  remote_session(std::shared_ptr<ssh_environment> shared, std::string name, int port,
                 std::string user, session_owner& owner);
  remote_session(const remote_session&) = delete;
  remote_session& operator=(const remote_session&) = delete;
  ~remote_session();

  void start();
  /// Without a permit for its handshake: others that have one wait for it.
  void start_at_once();
  /// Gives up at once, without a wait. Ends with session_closed.
  void close();
  /// Fails at once. Pre: not from an event of it.
  void end_with(failure why);
  /// Has advance() of the member called, later in this turn of the loop.
  void touch(session_member& m) noexcept;
  /// Pre: it is authenticated, and the member is not attached.
  void attach(session_member& m) noexcept;
  /// Pre: it is attached.
  void detach(session_member& m) noexcept;
  /// From now on what comes is acknowledged to the peer's kernel at once. For connections without a
  /// command: sshd sets TCP_NODELAY with the first one (packet.c), and without it a small packet
  /// waits for the acknowledgement of the one before, which Linux delays by 40 ms.
  void acknowledge_at_once() noexcept { acknowledges_at_once_ = true; }
  /// Whether it has at most one member.
  bool is_unshared() const noexcept { return members_.size() <= 1; }
  /// What is sent from now until the end of the step goes out together. Pre: in advance() of a
  /// member.
  void send_together() noexcept;
  /// Sends a request that every server answers, and ends `trip` with the answer: all that the peer
  /// sent before it read the request has then come. Not ended when the session fails or closes.
  /// While hold_input() holds, nothing is asked. Pre: authenticated.
  void ask(round_trip& trip);
  /// Of a server that is there, once the input is read. Pre: authenticated.
  void ask_for_sign_of_life() {
    if (!sign_of_life_.linked()) ask(sign_of_life_);
  }
  /// Nothing is asked meanwhile: the answer to another global request is awaited. Pre: nothing was
  /// asked before.
  void hold_questions(bool held) noexcept {
    trips_.hold(held);
    if (!held && trips_.has_unasked()) wake();
  }
  /// The server has answered the last question for one.
  bool gave_sign_of_life() const noexcept { return !sign_of_life_.linked(); }
  /// Packets that have come, of whatever kind.
  std::uint64_t packets_received() const noexcept { return packets_.in_packets; }
  /// A member has buffered as much as it may: the connection is not read until all members that
  /// hold it have released it.
  void hold_input();
  void release_input();
  /// How long in all it was not read so far: since members held it, or what carries it.
  clock::duration unread_time() const noexcept {
    return unread_.total(shared_->home.now(), unread_below());
  }

  ssh_session_struct* handle() const noexcept { return handle_.get(); }
  /// Nothing is left in libssh's output buffer.
  bool flushed() const noexcept { return (ssh_get_status(handle_.get()) & SSH_WRITE_PENDING) == 0; }
  /// The connection is gone, or libssh gave it up.
  bool lost() const noexcept;
  bool authenticated() const noexcept { return stage_ == stage::serving; }
  /// Its host key was checked. From the authentication on.
  bool knows_host() const noexcept { return knows_host_; }
  /// By its banner.
  server_software server() const noexcept;
  bool closing() const noexcept { return closing_; }
  /// In the middle of an event, or of several.
  bool busy() const noexcept { return busy_; }
  bool input_held() const noexcept { return members_.are_holding(); }
  /// Neither it nor what carries it is held.
  bool is_read() const noexcept { return !input_held() && (!route_ || route_->is_read()); }
  const std::string& name() const noexcept { return name_; }
  /// Why it has failed before, while it is tried again: for who has no time left.
  std::optional<failed_try> last_try() const;
  /// What is known of a connection that is being made and given up; empty: nothing.
  std::string note() const;
  /// The same for a word.
  failure_reason reason_so_far() const noexcept;
  int port() const noexcept { return port_; }
  const std::string& user() const noexcept { return user_; }
  /// How the host is named where its keys are known.
  const std::string& key_name() const noexcept;
  int key_port() const noexcept;
  ssh_environment& shared() const noexcept { return *shared_; }

 private:
  enum class stage : std::uint8_t {
    idle,
    queued,
    resolving,
    connecting,
    greeting,  // our banner is sent, the server's not there yet: libssh is not called
    kex,
    auth,
    serving,
    resting,  // it was lost before it was authenticated, and may be tried again
    over,
  };

  void wake() noexcept;
  void note_reading() noexcept;
  void on_poll(int result);
  void on_woken();
  void run_step(bool ready);
  void close_if_idle();
  void arm();
  bool has_no_route() noexcept;
  void on_route_over();
  void report_loss();
  void rest();
  clock::duration unread_below() const noexcept {
    return route_ ? route_->unread_time() : clock::duration(0);
  }
  bool is_past() const noexcept { return stage_ >= stage::resting; }
  phase current_phase() const noexcept;
  failure route_loss() const;

  void step(bool ready);
  void begin();
  bool is_refused();
  std::string address_of(const std::string& name) const;
  void resolve();
  bool enter_address();
  void connect(bool ready);
  void take_over(unique_fd connected);
  void enter_key_exchange();
  bool read_greeting(int socket);
  void let_libssh_read();
  std::string words_of_greeting() const;
  failure_reason reason_of_loss() const;
  const char* during_key_exchange() const noexcept { return in_kex_ ? "key exchange: " : ""; }
  void exchange_keys();
  void authenticate();
  failure refused();
  void enter_service();
  void serve();
  void acknowledge() const noexcept;
  void end_answered_trips();

  void fail(failure why);
  void lose(failure why, stage next);
  void end_unexplained(failure why);
  failure describe_loss();
  void drop_connection(bool politely);
  void dispose();
  void life_check();
  void answered() noexcept {}

  /// What was heard of the server, look by look.
  class liveness {
   public:
    /// Packets so far. Whatever comes is a sign of life; what is not read says nothing. False: the
    /// server was asked several times and does not answer.
    bool look(std::uint64_t packets, bool reads, unsigned max_unanswered) noexcept;
    bool is_in_doubt() const noexcept { return unheard_ > 0; }

   private:
    std::uint64_t heard_ = 0;  // at the last look
    unsigned unheard_ = 0;     // looks since then
  };

  std::shared_ptr<ssh_environment> shared_;
  session_owner* owner_;
  std::string name_;
  std::string user_;
  int port_;
  stage stage_ = stage::idle;
  bool busy_ = false;   // inside step()
  bool woken_ = false;  // the node is queued
  bool closing_ = false;
  bool connected_ = false;  // counts in the environment's descriptors
  bool in_kex_ = false;     // the phase, or a later one
  bool acknowledges_at_once_ = false;
  bool knows_host_ = false;
  std::unique_ptr<session_setup> setup_;  // until it is authenticated or over
  std::unique_ptr<route> route_;          // until it is connected, or over if it carries
  std::unique_ptr<failed_try> loss_;      // that the route is still to explain
  libssh_session handle_;
  tcp_cork cork_;  // in no longer than a step
  ssh_counter_struct traffic_{};
  ssh_counter_struct packets_{};
  session_members members_;
  unread_stopwatch unread_;
  round_trips trips_;
  liveness life_;
  deadline_timer next_look_;
  round_trip sign_of_life_;
  io_request poll_;
  queue_node node_;
};

}  // namespace execo::detail
