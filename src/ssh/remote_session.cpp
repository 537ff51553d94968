#include "ssh/remote_session.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cassert>

#include "ssh/handshake.hpp"

namespace execo::detail {
namespace {

// libssh reads 4 KiB at most per call (MAX_BUF_SIZE); less than that means the socket was empty.
constexpr std::uint64_t full_read = 4096;
// Reads before others get their turn.
constexpr int rounds_per_step = 16;

}  // namespace

remote_session::remote_session(std::shared_ptr<ssh_environment> shared, std::string name, int port,
                               std::string user, session_owner& owner)
    : shared_(std::move(shared)),
      owner_(owner),
      name_(std::move(name)),
      user_(std::move(user)),
      port_(port),
      ticket_(callback<>::to<&remote_session::wake>(this)),
      silence_(callback<>::to<&remote_session::silence_check>(this), "silence of a peer"),
      poll_(callback<int>::to<&remote_session::on_poll>(this)) {
  node_.self = this;
  node_.run = [](queue_node& node) noexcept { static_cast<step_node&>(node).self->on_woken(); };
}

remote_session::~remote_session() = default;

void remote_session::start() {
  stage_ = stage::queued;
  shared_->handshakes.enter(ticket_);
}

void remote_session::close() {
  if (closing_) return;
  closing_ = true;
  if (!busy_) settle();
}

void remote_session::wake() {
  if (woken_ || closing_ || stage_ == stage::over) return;
  woken_ = true;
  shared_->home.defer(node_);
}

void remote_session::hold_input(bool hold) {
  if (held_ == hold) return;
  held_ = hold;
  wake();
}

void remote_session::ask(round_trip& trip) {
  trip.link_before(unasked_);
  wake();
}

void remote_session::on_poll(int result) {
  // A cancelled wait is one that arm() replaces.
  if (result == -ECANCELED || closing_) return settle();
  run_step(true);
}

void remote_session::on_woken() {
  woken_ = false;
  if (closing_) return settle();
  run_step(false);
}

void remote_session::run_step(bool ready) {
  busy_ = true;
  step(ready);
  busy_ = false;
  settle();
}

// Leaves the loop with a wait for what comes next, or with nothing at all.
void remote_session::settle() {
  if (!closing_) return arm();
  if (stage_ != stage::over) dispose(true);
  if (poll_.active) shared_->home.cancel(poll_);
  if (poll_.active || woken_) return;
  owner_.session_closed();
}

void remote_session::arm() {
  int fd = -1;
  unsigned wanted = 0;
  if (route_) {
    fd = route_->fd();
    wanted = route_->events();
  } else if (handle_) {
    fd = ssh_get_fd(handle_.get());
    if (!held_) wanted = POLLIN;
    // ssh_get_poll_flags() asks for POLLOUT after every write (socket.c), with or without bytes
    // left: a wake-up for nothing each time.
    if (!flushed()) wanted |= POLLOUT;
  }
  if (poll_.active) {
    bool covered = poll_.fd == fd && (poll_.events & wanted) == wanted &&
                   (wanted & POLLIN) == (poll_.events & POLLIN);
    if (!covered) shared_->home.cancel(poll_);
    return;
  }
  if (wanted == 0) return;
  assert(fd >= 0);  // step() has seen every loss
  poll_.prepare_poll(fd, wanted);
  shared_->home.start(poll_);
}

void remote_session::step(bool ready) {
  std::uint64_t before = traffic_.in_bytes;
  if (stage_ == stage::queued) begin();
  if (stage_ == stage::reaching) reach(ready);
  if (stage_ == stage::kex) exchange_keys();
  if (stage_ == stage::auth) authenticate();
  if (stage_ == stage::serving) return serve();
  // A call that answers SSH_AGAIN may have lost the connection: libssh 0.10 goes on to say so.
  if (handle_ && lost()) return fail(describe_loss());
  if (traffic_.in_bytes != before) note_progress();
}

void remote_session::begin() {
  if (!ticket_.inside()) return;
  admitted_ = shared_->home.now();
  note_progress();
  shared_->home.arm_after(silence_, shared_->handshakes.patience());
  route_ = std::make_unique<connector>(*shared_, name_, port_,
                                       callback<>::to<&remote_session::wake>(this));
  stage_ = stage::reaching;
  owner_.session_entered(phase::resolve);
}

void remote_session::reach(bool ready) {
  if (closing_) return;
  bool named = route_->resolved();
  connector::progress r = route_->advance(ready);
  if (!named && route_->resolved()) owner_.session_entered(phase::connect);
  if (r == connector::progress::failed) return fail(route_->why());
  if (r == connector::progress::waiting) return;
  unique_fd connected = route_->take();
  route_.reset();
  connected_ = true;
  note_progress();
  stage_ = stage::kex;
  owner_.session_entered(phase::kex);
  if (!closing_) take_over(std::move(connected));
}

// From here on libssh owns the descriptor: it closes it on errors and in ssh_free.
void remote_session::take_over(unique_fd connected) {
  handle_.reset(ssh_new());
  std::error_code memory = std::make_error_code(std::errc::not_enough_memory);
  if (!handle_ || !set_handshake_options(handle_.get(), *this, connected.get())) {
    return fail(failure(end_reason::connect_failed, memory, name_ + ": ssh session"));
  }
  ssh_set_counters(handle_.get(), &traffic_, &packets_);
  int fd = connected.release();
  // Sends our banner. After an error libssh has closed the descriptor, and would take its number
  // again, whoever has it by then, if it were called once more.
  if (ssh_connect(handle_.get()) == SSH_ERROR) return fail(describe_loss());
  // Its first look at a connected socket makes it blocking (ssh_socket_pollcallback).
  int on = 1;
  (void)::ioctl(fd, FIONBIO, &on);
}

void remote_session::exchange_keys() {
  if (closing_) return;
  int r = ssh_connect(handle_.get());
  if (r == SSH_AGAIN) return;
  if (r != SSH_OK) return fail(describe_loss());
  failure why;
  if (!check_host_key(*this, why)) return fail(std::move(why));
  note_progress();
  identity_ = shared_->identities.favourite();
  stage_ = stage::auth;
  owner_.session_entered(phase::auth);
}

void remote_session::authenticate() {
  const identity_set& known = shared_->identities;
  while (!closing_) {
    if (tried_ >= known.size()) return fail(refused(false));
    // SSH_OPTIONS_USER is the name: RFC 4252 wants the same one in each request.
    int r = ssh_userauth_publickey(handle_.get(), nullptr, known[identity_].key.get());
    if (r == SSH_AUTH_AGAIN) return;
    if (r == SSH_AUTH_SUCCESS) return enter_service();
    if (r == SSH_AUTH_PARTIAL) return fail(refused(true));
    if (r != SSH_AUTH_DENIED) return fail(describe_loss());
    note_progress();
    // The favourite went first; the others follow in order.
    ++tried_;
    identity_ = tried_ <= known.favourite() ? tried_ - 1 : tried_;
  }
}

failure remote_session::refused(bool partly) {
  const std::string& keys = shared_->identities.names();
  std::string text = user_ + "@" + name_ + ": ";
  if (shared_->identities.size() == 0) {
    text += "no identity to log in with: " + keys;
  } else {
    text += partly ? "the key was accepted, but the server wants more than a key"
                   : "the server refused the identities " + keys;
  }
  return failure(end_reason::auth_failed, std::make_error_code(std::errc::permission_denied),
                 std::move(text));
}

void remote_session::enter_service() {
  shared_->identities.accepted(identity_);
  shared_->handshakes.completed(shared_->home.now() - admitted_);
  leave_gate();
  stage_ = stage::serving;
  owner_.session_entered(phase::open);
  if (!closing_) owner_.session_ready();
}

void remote_session::serve() {
  for (int round = 0; round < rounds_per_step && !closing_; ++round) {
    std::uint64_t before = traffic_.in_bytes;
    bool reads = !held_ || !flushed();
    if (reads && !members_pump()) (void)ssh_execute_message_callbacks(handle_.get());
    bool answered = reads && converse();
    std::uint64_t pumped = traffic_.in_bytes;
    bool several = members_.next()->next() != &members_;
    advance_members();
    if (closing_) return;
    if (lost()) return fail(describe_loss());
    if (answered) end_trips();
    if (closing_) return;
    // A member that reads the connection reads for those before it, too; the socket will not become
    // readable again for that.
    bool others_told = several && traffic_.in_bytes != pumped;
    if (traffic_.in_bytes - before < full_read && !others_told) return;
  }
  wake();
}

// Whether the answer to the question under way has come. libssh keeps the outcome of a keepalive to
// itself, but hands that of any global request to the next call for another one; if there is none
// to hand out any more, that call is a question of its own, and as good.
bool remote_session::converse() {
  if (!asking_) {
    if (!unasked_.linked()) return false;
    while (unasked_.linked()) unasked_.next()->link_before(asked_);
    asking_ = true;
    (void)ssh_send_keepalive(handle_.get());
  }
  asking_ = ssh_channel_cancel_forward(handle_.get(), nullptr, 0) == SSH_AGAIN;
  return !asking_;
}

void remote_session::end_trips() {
  list_node ended;
  while (asked_.linked()) asked_.next()->link_before(ended);
  while (ended.linked()) {
    auto& trip = static_cast<round_trip&>(*ended.next());
    trip.unlink();
    if (!closing_) trip.done_();
  }
  if (unasked_.linked()) wake();
}

bool remote_session::members_pump() const noexcept {
  for (list_node* n = members_.next(); n != &members_; n = n->next())
    if (static_cast<session_member*>(n)->pumps()) return true;
  return false;
}

void remote_session::advance_members() {
  // One member may leave while it advances; the next one is looked up before.
  for (list_node* n = members_.next(); n != &members_;) {
    list_node* next = n->next();
    static_cast<session_member*>(n)->advance();
    n = next;
  }
}

bool remote_session::lost() const noexcept {
  return (ssh_get_status(handle_.get()) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0 ||
         ssh_is_connected(handle_.get()) == 0;
}

failure remote_session::describe_loss() {
  session_error error = read_session_error(handle_.get());
  using kind = session_error::kind;
  end_reason how =
      stage_ == stage::serving ? end_reason::connection_lost : end_reason::connect_failed;
  if (error.what == kind::protocol) how = end_reason::protocol_error;
  // "Too many authentication failures" and its like come as a goodbye.
  if (stage_ == stage::auth && error.what == kind::disconnected) how = end_reason::auth_failed;
  std::string during;
  if (stage_ == stage::kex) during = "key exchange: ";
  if (stage_ == stage::auth) during = "authentication of " + user_ + ": ";
  return failure(how, error.why, name_ + ": " + during + error.text);
}

void remote_session::fail(failure why) {
  if (stage_ == stage::over) return;
  dispose(false);
  if (!closing_) owner_.session_failed(std::move(why));
}

void remote_session::dispose(bool politely) {
  politely = politely && stage_ == stage::serving && !lost();
  stage_ = stage::over;
  leave_gate();
  route_.reset();
  while (members_.linked()) {
    auto& m = static_cast<session_member&>(*members_.next());
    m.unlink();
    m.abandon();
  }
  for (list_node* trips : {&unasked_, &asked_})
    while (trips->linked()) trips->next()->unlink();
  if (politely) {
    // Without the option ssh_disconnect closes the descriptor itself, once, whether its last packet
    // can be sent or not; with it libssh closes it only if that fails (client.c, socket.c).
    (void)ssh_options_set(handle_.get(), SSH_OPTIONS_FD, nullptr);
    ssh_disconnect(handle_.get());
  }
  handle_.reset();
  if (connected_) shared_->descriptors.freed();
  connected_ = false;
}

void remote_session::leave_gate() {
  shared_->home.disarm(silence_);
  shared_->handshakes.leave(ticket_);
}

void remote_session::note_progress() noexcept { last_progress_ = shared_->home.now(); }

// A silent peer costs nothing but its slot.
void remote_session::silence_check() {
  clock::time_point patient_until = last_progress_ + shared_->handshakes.patience();
  if (shared_->home.now() < patient_until) {
    shared_->home.arm(silence_, patient_until);
  } else {
    leave_gate();
  }
}

}  // namespace execo::detail
