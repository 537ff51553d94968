#include "ssh/forward_transport.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "execo/printable.hpp"
#include "process/streamless_transport.hpp"
#include "ssh/forwarded_connection.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/listening_socket.hpp"
#include "ssh/near_connection.hpp"
#include "ssh/remote_listener.hpp"
#include "ssh/session_pool.hpp"

namespace execo::detail {
namespace {

// Before others get their turn.
constexpr int accepts_per_turn = 16;
// Until a descriptor may be free again.
constexpr auto pause_without_descriptors = std::chrono::milliseconds(100);

class forward_transport final : public streamless_transport,
                                session_user,
                                forwarded_owner,
                                remote_listener_owner {
 public:
  forward_transport(ssh_target via, std::shared_ptr<forward_state> what)
      : via_(std::move(via)),
        state_(std::move(what)),
        step_(delegate<>::to<&forward_transport::go_on>(this)),
        accepting_(delegate<int>::to<&forward_transport::on_client>(this)),
        pause_(delegate<>::to<&forward_transport::take_clients>(this), "a descriptor") {}
  ~forward_transport() override { assert(!clients_.linked() && !accepting_.active && !lease_); }

  void open(const command&, transport_events& events) override {
    events_ = &events;
    queue_step();
  }
  void signal(int number) override {
    if (stage_ != stage::listening || signal_ != 0) return;
    signal_ = number;
    queue_step();
  }
  void close() override {
    if (stage_ == stage::closing) return;
    stage_ = stage::closing;
    stop_listening();
    for (list_node* n = clients_.next(); n != &clients_;) {
      auto& client = static_cast<forwarded_client&>(*n);
      n = n->next();
      client.close();
    }
    queue_step();
  }
  bool tells_before_start() const noexcept override { return true; }
  bool knows_host() const noexcept override { return lease_ && lease_->session().knows_host(); }
  void describe(std::vector<std::string>& lines) const override {
    lines.push_back("forward of " + state_->plan.text() + " over " + via_.name + ", " +
                    std::to_string(count_) + " connections");
  }

 private:
  // opened -> connecting -> listening -> over: it is lost, cannot be, or was ended by a signal;
  // from each to closing.
  enum class stage : std::uint8_t { opened, connecting, listening, over, closing };

  loop& home() const noexcept override { return via_.shared->home; }
  session_pool& pool() const { return home().service<session_pool>(); }

  void queue_step() noexcept {
    if (!std::exchange(step_queued_, true)) home().defer(step_);
  }

  void go_on() {
    step_queued_ = false;
    if (stage_ == stage::closing) return end_if_idle();
    if (stage_ == stage::opened)
      return contain([this] { connect(); }, [this](const std::exception_ptr& e) { fail(e); });
    if (stage_ != stage::listening) return;
    state_->notify_waiters();
    if (stage_ != stage::listening || signal_ == 0) return;
    stage_ = stage::over;
    stop_listening();
    events_->on_exit(exit_status::of_signal(signal_));
  }

  void connect() {
    stage_ = stage::connecting;
    lease_ = acquire();
    using standing = session_lease::standing;
    bool is_new = lease_->of_session() == standing::unstarted;
    use_ = is_new ? connection_use::made : connection_use::reused;
    lease_->begin(*this);
    if (lease_->of_session() == standing::connecting && !is_new)
      if (std::optional<phase> now = lease_->current_phase()) events_->on_phase(*now);
    if (stage_ != stage::connecting || lease_->of_session() != standing::established) return;
    events_->on_phase(phase::open);
    if (stage_ == stage::connecting) lease_->admit();
  }

  std::unique_ptr<session_lease> acquire() {
    const deadlines& limits = via_.shared->hop_limits();
    if (is_far())
      return pool().acquire_own_hop(via_.shared, via_.name, via_.port, via_.user, limits);
    return pool().acquire_hop(via_.shared, via_.name, via_.port, via_.user, limits);
  }
  bool is_far() const noexcept { return state_->plan.side == forward_side::far; }

  void session_entered(phase where) override {
    if (stage_ == stage::connecting) events_->on_phase(where);
  }
  void session_waits() override {
    if (stage_ == stage::connecting) events_->on_waiting();
  }
  void session_full() override {
    fail(failure(end_reason::connect_failed, {}, via_.name + ": the connection is being closed"));
  }
  void session_failed(const failure& how) override {
    failure why = how;
    why.context = how.text();
    fail(std::move(why));
  }
  void session_ready() override {
    if (stage_ != stage::connecting) return;
    contain(
        [this] {
          if (!is_far()) return listen();
          far_ = std::make_unique<remote_listener>(lease_->session(), state_->plan.here,
                                                   static_cast<remote_listener_owner&>(*this));
        },
        [this](const std::exception_ptr& e) { fail(e); });
  }

  void listen() {
    const forward_endpoint& here = state_->plan.here;
    try {
      socket_ = listening_socket(here);
    } catch (const std::system_error& error) {
      return fail(failure(end_reason::spawn_failed, error.code(), error.what()));
    }
    begin_to_take(here.is_path() ? here : here.with_port(socket_.port()));
  }

  void begin_to_take(forward_endpoint at) {
    state_->listens(std::move(at));
    stage_ = stage::listening;
    take_clients();
    queue_step();
    events_->on_phase(phase::run);
    for (stream which : {stream::out, stream::err})
      if (stage_ == stage::listening) events_->on_eof(which);
  }

  void fail(const std::exception_ptr& error) {
    fail(failure(end_reason::connect_failed, error_of(error), via_.name + ": port forward"));
  }
  void fail(failure why) {
    if (stage_ >= stage::over) return;
    stage_ = stage::over;
    fits_openssh_ = why.fits_openssh;
    stop_listening();
    events_->on_failed(std::move(why));
  }

  // -- clients ------------------------------------------------------------------------------

  void take_clients() {
    if (is_far() || !may_take_client() || accepting_.active || pause_.armed()) return;
    accepting_.prepare_poll(socket_.fd(), POLLIN);
    home().start(accepting_);
  }

  void stop_listening() noexcept {
    home().disarm(pause_);
    if (far_) far_->stop();
    if (accepting_.active) return home().cancel(accepting_);
    socket_.close();
  }

  void on_client(int) {
    if (stage_ != stage::listening) {
      socket_.close();
      if (stage_ == stage::closing) queue_step();
      return;
    }
    for (int i = 0; i < accepts_per_turn && count_ < max_forwarded_connections; ++i)
      if (!take_client()) break;
    take_clients();
  }

  // False: there is none now.
  bool take_client() {
    unique_fd client(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) {
      int error = errno;
      if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
        await_descriptor(error);
      return error == ECONNABORTED || error == EINTR;
    }
    int on = 1;
    if (!socket_.is_path())
      (void)::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    contain([&] { carry(std::move(client)); },
            [this](const std::exception_ptr& e) { note_failure(error_of(e).message()); });
    return true;
  }

  // Connections that are kept for later are closed for it, one at a time.
  void await_descriptor(int error) {
    note_failure("accept: " + std::generic_category().message(error));
    (void)pool().close_oldest();
    home().arm_after(pause_, pause_without_descriptors);
  }

  void carry(unique_fd client) {
    auto* made = new forwarded_connection(*this, std::move(client));
    add_client(*made);
    made->begin();
  }
  void add_client(forwarded_client& made) noexcept {
    made.link_before(clients_);
    state_->set_open(++count_);
  }

  // -- a port of the host -------------------------------------------------------------------

  void remote_listens(int port) override { begin_to_take(state_->plan.here.with_port(port)); }
  void remote_refused(std::string why) override {
    fail(failure(end_reason::connect_failed, {}, via_.name + ": " + why));
  }
  bool admits_remote_client() noexcept override {
    bool admitted = may_take_client();
    if (!admitted) contain([this] { note_failure(full()); }, [](const std::exception_ptr&) {});
    return admitted;
  }
  bool may_take_client() const noexcept {
    return stage_ == stage::listening && count_ < max_forwarded_connections;
  }
  static std::string full() {
    return "more than " + std::to_string(max_forwarded_connections) + " connections at a time";
  }
  void take_remote_client(ssh_channel_struct* channel) override {
    auto made = std::make_unique<near_connection>(static_cast<forwarded_owner&>(*this));
    made->adopt(channel);
    near_connection& client = *made.release();
    add_client(client);
    client.begin();
  }

  // -- for clients --------------------------------------------------------------------------

  const forward_plan& plan() const noexcept override { return state_->plan; }
  forwarder& forwards() override { return lease_->forwards(); }
  resolver& names() override { return via_.shared->names; }
  forward_traffic& traffic() noexcept override { return state_->traffic; }
  void note_opened() noexcept override { state_->note_opened(); }
  void note_failure(std::string why) noexcept override {
    contain([&] { state_->note_failure(std::move(why)); }, [](const std::exception_ptr&) {});
  }
  void client_gone(forwarded_client& client) noexcept override {
    delete &client;
    state_->set_open(--count_);
    if (stage_ == stage::closing) return queue_step();
    take_clients();
  }

  void end_if_idle() {
    if (clients_.linked() || accepting_.active) return;
    socket_.close();
    far_.reset();
    // That ends the listening of its server, too.
    if (lease_ && is_far()) lease_->seal();
    if (lease_) pool().give_back(std::move(lease_), handback::ended);
    end_report found;
    found.connection = use_;
    found.transport = transport_kind::ssh;
    found.may_fit_openssh = fits_openssh_;
    events_->on_closed(std::move(found));
  }

  const ssh_target via_;
  const std::shared_ptr<forward_state> state_;
  transport_events* events_ = nullptr;
  std::unique_ptr<session_lease> lease_;  // until nothing of it is left
  listening_socket socket_;
  std::unique_ptr<remote_listener> far_;  // in its place, on the host
  queue_node step_;
  io_request accepting_;
  deadline_timer pause_;  // after an accept without a descriptor
  list_node clients_;     // owned
  std::size_t count_ = 0;
  int signal_ = 0;  // that is to end it
  connection_use use_ = connection_use::none;
  stage stage_ = stage::opened;
  bool step_queued_ = false;
  bool fits_openssh_ = false;  // that may do what failed here
};

}  // namespace

std::unique_ptr<transport> make_forward_transport(ssh_target via,
                                                  std::shared_ptr<forward_state> what) {
  return std::make_unique<forward_transport>(std::move(via), std::move(what));
}

}  // namespace execo::detail
