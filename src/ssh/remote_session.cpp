#include "ssh/remote_session.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cassert>
#include <utility>

#include "base/contain.hpp"
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
      owner_(&owner),
      name_(std::move(name)),
      user_(std::move(user)),
      port_(port),
      setup_(
          std::make_unique<session_setup>(*shared_, delegate<>::to<&remote_session::wake>(this))),
      next_look_(delegate<>::to<&remote_session::life_check>(this), "sign of life of a peer"),
      sign_of_life_(delegate<>::to<&remote_session::answered>(this)),
      poll_(delegate<int>::to<&remote_session::on_poll>(this)),
      node_(delegate<>::to<&remote_session::on_woken>(this)) {}

remote_session::~remote_session() = default;

void remote_session::start() {
  stage_ = stage::queued;
  setup_->place.enter();
}

void remote_session::start_at_once() {
  stage_ = stage::queued;
  setup_->place.enter_at_once();
  wake();
}

void remote_session::close() {
  if (closing_) return;
  closing_ = true;
  if (!busy_) close_if_idle();
}

void remote_session::wake() noexcept {
  if (woken_ || closing_ || stage_ == stage::over) return;
  woken_ = true;
  shared_->home.defer(node_);
}

void remote_session::attach(session_member& m) noexcept {
  assert(authenticated());
  members_.attach(m);
  wake();
}

void remote_session::detach(session_member& m) noexcept { members_.detach(m); }

void remote_session::touch(session_member& m) noexcept {
  if (!m.linked()) return;
  members_.touch(m);
  if (!busy_) wake();
}

void remote_session::hold_input() {
  members_.add_holder();
  wake();
}

void remote_session::release_input() {
  members_.remove_holder();
  wake();
}

void remote_session::ask(round_trip& trip) {
  assert(authenticated());
  trips_.add(trip);
  wake();
}

void remote_session::on_poll(int result) {
  // A cancelled wait is one that arm() replaces.
  if (result == -ECANCELED || closing_) return close_if_idle();
  run_step(true);
}

void remote_session::on_woken() {
  woken_ = false;
  if (closing_) return close_if_idle();
  run_step(false);
}

void remote_session::run_step(bool ready) {
  busy_ = true;
  contain([&] { step(ready); },
          [this](const std::exception_ptr& error) {
            bool runs = stage_ == stage::serving;
            fail(failure(runs ? end_reason::output_failed : end_reason::connect_failed,
                         error_of(error), {}));
          });
  busy_ = false;
  close_if_idle();
}

// Leaves the loop with a wait for what comes next, or with nothing at all.
void remote_session::close_if_idle() {
  if (!closing_) return arm();
  if (stage_ != stage::over) dispose(true);
  if (poll_.active) shared_->home.cancel(poll_);
  if (!has_no_route() || poll_.active || woken_) return;
  owner_->session_closed();
}

// Ends the one that is left.
bool remote_session::has_no_route() noexcept {
  if (!route_) return true;
  route_->close(route::ending::given_up);
  if (!route_->is_over()) return false;
  route_.reset();
  return true;
}

void remote_session::on_route_over() {
  if (std::exchange(woken_, true)) return;
  shared_->home.defer(node_);
}

std::string remote_session::note() const {
  std::string known = route_ && stage_ < stage::serving ? route_->note() : std::string();
  return known.empty() ? known : name_ + ": " + known;
}

failure remote_session::route_loss() const {
  failure why = route_->why();
  why.how = stage_ == stage::serving ? end_reason::connection_lost : end_reason::connect_failed;
  return why;
}

void remote_session::end_with(failure why) {
  busy_ = true;
  fail(std::move(why));
  busy_ = false;
  close_if_idle();
}

void remote_session::report_loss() {
  if (!loss_ || (route_ && !route_->is_over())) return;
  failure why = *std::exchange(loss_, std::nullopt);
  if (route_) route_->explain(why);
  route_.reset();
  owner_->session_failed(std::move(why));
}

void remote_session::arm() {
  int fd = -1;
  unsigned wanted = 0;
  if (stage_ == stage::resolving || stage_ == stage::connecting) {
    fd = route_->fd();
    wanted = route_->events();
  } else if (handle_) {
    fd = ssh_get_fd(handle_.get());
    if (!input_held()) wanted = POLLIN;
    // ssh_get_poll_flags() asks for POLLOUT after every write (socket.c), with or without bytes
    // left: a wake-up for nothing each time.
    if (stage_ != stage::greeting && !flushed()) wanted |= POLLOUT;
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
  if (stage_ == stage::over) return report_loss();
  if (route_ && route_->is_broken()) return fail(route_loss());
  if (stage_ == stage::queued) begin();
  if (stage_ == stage::greeting && read_greeting(ssh_get_fd(handle_.get()))) let_libssh_read();
  if (stage_ == stage::resolving) resolve();
  if (stage_ == stage::connecting) connect(ready);
  if (stage_ == stage::kex) exchange_keys();
  if (stage_ == stage::auth) authenticate();
  if (stage_ == stage::serving) return serve();
  // A call that answers SSH_AGAIN may have lost the connection: libssh 0.10 goes on to say so.
  if (handle_ && lost()) return fail(describe_loss());
  if (setup_ && traffic_.in_bytes != before) setup_->place.note_progress();
}

void remote_session::begin() {
  // The time it takes to ask for a passphrase is not the host's.
  if (!setup_->place.is_inside() || !setup_->who.prepare()) return;
  setup_->place.begin();
  route_ = make_route(*shared_, route_target{name_, port_, user_},
                      delegate<>::to<&remote_session::wake>(this),
                      delegate<>::to<&remote_session::on_route_over>(this));
  stage_ = stage::resolving;
  if (route_->resolves()) owner_->session_entered(phase::resolve);
}

void remote_session::resolve() {
  if (closing_) return;
  route::progress r = route_->resolve();
  if (r == route::progress::failed) return fail(route_->why());
  if (r == route::progress::waiting) return;
  stage_ = stage::connecting;
  owner_->session_entered(phase::connect);
}

void remote_session::connect(bool ready) {
  if (closing_) return;
  route::progress r = route_->connect(ready);
  if (r == route::progress::failed) return fail(route_->why());
  if (r == route::progress::waiting) return;
  unique_fd connected = route_->take();
  if (!route_->carries()) route_.reset();
  connected_ = true;
  setup_->place.note_progress();
  stage_ = stage::greeting;
  if (!route_ || !route_->connects_later()) enter_key_exchange();
  if (!closing_) take_over(std::move(connected));
}

void remote_session::enter_key_exchange() {
  if (std::exchange(in_kex_, true)) return;
  owner_->session_entered(phase::kex);
}

// From here on libssh owns the descriptor: it closes it on errors and in ssh_free.
void remote_session::take_over(unique_fd connected) {
  handle_.reset(ssh_new());
  failure why(end_reason::connect_failed, std::make_error_code(std::errc::not_enough_memory),
              name_ + ": ssh session");
  if (!handle_ || !set_handshake_options(handle_.get(), *this, connected.get(), why))
    return fail(std::move(why));
  ssh_set_counters(handle_.get(), &traffic_, &packets_);
  // A server that speaks and hangs up is heard before our banner is answered with a reset.
  bool identified = read_greeting(connected.get());
  if (stage_ == stage::over) return;
  int fd = connected.release();
  // Sends our banner. After an error libssh has closed the descriptor, and would take its number
  // again, which may be another file's by then, if it were called once more.
  if (ssh_connect(handle_.get()) == SSH_ERROR) return fail(describe_loss());
  // Its first look at a connected socket makes it blocking (ssh_socket_pollcallback).
  int on = 1;
  (void)::ioctl(fd, FIONBIO, &on);
  if (identified) let_libssh_read();
}

// Our next packet goes out when it is made. Otherwise it waits for a poll that may come in the same
// call as the server's disconnect or list of algorithms, and then fails on a socket that is closed:
// the reason why would be gone (ssh_socket_pollcallback).
void remote_session::let_libssh_read() {
  ssh_set_fd_towrite(handle_.get());
  stage_ = stage::kex;
}

// True when libssh is to read on.
bool remote_session::read_greeting(int socket) {
  using progress = greeting::progress;
  auto fail_with = [this](end_reason how, std::error_code why, const std::string& text) {
    fail(failure(how, why, name_ + ": " + during_key_exchange() + text + words_of_greeting()));
    return false;
  };
  if (closing_) return false;
  progress now = setup_->hello.read(socket);
  if (now == progress::identified || !setup_->hello.said().empty()) enter_key_exchange();
  if (closing_) return false;
  switch (now) {
    case progress::waiting:
      return false;
    case progress::identified:
      return true;
    case progress::ended:
      return fail_with(end_reason::connect_failed, {}, "the server closed the connection");
    case progress::failed:
      return fail_with(end_reason::connect_failed, setup_->hello.why(), "the connection was lost");
    case progress::too_long:
      break;
  }
  return fail_with(end_reason::protocol_error, std::make_error_code(std::errc::protocol_error),
                   "too much text before an ssh banner");
}

std::string remote_session::words_of_greeting() const {
  constexpr std::size_t max_shown = 200;
  std::string_view said = setup_->hello.said();
  std::string words = peer_text(said.substr(0, said.find('\n')), max_shown);
  return words.empty() ? words : "; it said: " + words;
}

void remote_session::exchange_keys() {
  if (closing_) return;
  int r = ssh_connect(handle_.get());
  if (r == SSH_AGAIN) return;
  if (r != SSH_OK) return fail(describe_loss());
  failure why;
  if (!check_host_key(*this, why)) return fail(std::move(why));
  setup_->place.note_progress();
  stage_ = stage::auth;
  owner_->session_entered(phase::auth);
}

void remote_session::authenticate() {
  if (closing_) return;
  switch (setup_->who.go_on(handle_.get())) {
    case login::progress::waiting:
      return;
    case login::progress::agent:
      // No answer of the server's is awaited, and it may hang up.
      (void)ssh_execute_message_callbacks(handle_.get());
      return;
    case login::progress::accepted:
      return enter_service();
    case login::progress::refused:
      return fail(refused());
    case login::progress::lost:
      return fail(describe_loss());
  }
}

failure remote_session::refused() {
  std::string why = setup_->who.describe(ssh_userauth_list(handle_.get(), nullptr));
  return failure(end_reason::auth_failed, std::make_error_code(std::errc::permission_denied),
                 user_ + "@" + name_ + ": " + why);
}

void remote_session::enter_service() {
  setup_->place.complete();
  setup_.reset();
  stage_ = stage::serving;
  owner_->session_entered(phase::open);
  if (shared_->keepalive.count() > 0) shared_->home.arm_after(next_look_, shared_->keepalive);
  if (!closing_) owner_->session_ready();
}

void remote_session::serve() {
  auto is_lost = [this] { return lost(); };
  for (int round = 0; round < rounds_per_step && !closing_; ++round) {
    std::uint64_t before = traffic_.in_bytes;
    bool reads = !input_held() || !flushed();
    if (reads && !members_.pump()) (void)ssh_execute_message_callbacks(handle_.get());
    bool answered = reads && trips_.converse(handle_.get(), is_lost);
    std::uint64_t pumped = traffic_.in_bytes;
    members_.advance();
    if (closing_) return;
    if (lost()) return fail(describe_loss());
    if (answered) end_answered_trips();
    if (closing_) return;
    // A member reads for those that were looked at before it, too, and libssh calls back for data,
    // not for answers. The socket will not become readable again for that.
    bool others_go_on =
        members_.any_touched() || (traffic_.in_bytes != pumped && members_.several_wait());
    if (traffic_.in_bytes - before < full_read && !others_go_on) return;
  }
  wake();
}

void remote_session::end_answered_trips() {
  trips_.end_answered([this] { return !closing_; });
  if (trips_.has_unasked()) wake();
}

bool remote_session::lost() const noexcept { return is_lost(handle_.get()); }

const std::string& remote_session::key_name() const noexcept {
  const std::string& alias = shared_->settings.key_alias;
  return alias.empty() ? name_ : alias;
}

// As in OpenSSH, an alias has no port.
int remote_session::key_port() const noexcept {
  constexpr int usual_port = 22;
  return shared_->settings.key_alias.empty() ? port_ : usual_port;
}

server_software remote_session::server() const noexcept {
  const char* banner = ssh_get_serverbanner(handle_.get());
  if (banner == nullptr) return server_software::other;
  std::string_view text = banner;
  if (text.find("OpenSSH") != text.npos) return server_software::openssh;
  bool is_dropbear = text.find("dropbear") != text.npos;
  return is_dropbear ? server_software::dropbear : server_software::other;
}

failure remote_session::describe_loss() {
  bool identified = ssh_get_serverbanner(handle_.get()) != nullptr;
  session_error error = end_session(handle_.get());
  using kind = session_error::kind;
  end_reason how =
      stage_ == stage::serving ? end_reason::connection_lost : end_reason::connect_failed;
  // Before the peer has said anything it cannot break the protocol: our banner was not taken.
  bool unheard = stage_ == stage::greeting && !identified;
  if (unheard && error.what == kind::protocol) error.text = "the connection was lost";
  if (!unheard && error.what == kind::protocol) how = end_reason::protocol_error;
  // "Too many authentication failures" and its like come as a goodbye.
  if (stage_ == stage::auth && error.what == kind::disconnected) how = end_reason::auth_failed;
  std::string during;
  if (stage_ == stage::greeting || stage_ == stage::kex) during = during_key_exchange();
  if (stage_ == stage::auth) during = "authentication of " + user_ + ": ";
  std::string words = identified ? std::string() : words_of_greeting();
  failure found(how, error.why, name_ + ": " + during + error.text + words);
  found.fits_openssh = error.what == kind::no_match;
  return found;
}

void remote_session::fail(failure why) {
  if (stage_ == stage::over) return;
  dispose(false);
  if (closing_) return;
  loss_ = std::move(why);
  if (route_) route_->close(route::ending::lost);
  report_loss();
}

void remote_session::dispose(bool politely) {
  politely = politely && stage_ == stage::serving && !lost();
  stage_ = stage::over;
  setup_.reset();
  shared_->home.disarm(next_look_);
  members_.abandon_all();
  trips_.drop_all();
  if (politely) {
    // Without the option ssh_disconnect closes the descriptor itself, once, whether its last packet
    // can be sent or not; with it libssh closes it only if that fails (client.c, socket.c).
    (void)ssh_options_set(handle_.get(), SSH_OPTIONS_FD, nullptr);
    // After each packet libssh wants to see that the socket takes more; there is no time for that.
    ssh_set_fd_towrite(handle_.get());
    ssh_disconnect(handle_.get());
  }
  handle_.reset();
  if (connected_) shared_->descriptors.freed();
  connected_ = false;
}

bool remote_session::liveness::look(std::uint64_t packets, bool reads,
                                    unsigned max_unanswered) noexcept {
  unheard_ = packets == heard_ && reads ? unheard_ + 1 : 0;
  heard_ = packets;
  return unheard_ <= max_unanswered;
}

void remote_session::life_check() {
  if (!life_.look(packets_received(), !input_held(), shared_->settings.max_unanswered)) {
    return end_with(failure(end_reason::connection_lost, std::make_error_code(std::errc::timed_out),
                            name_ + ": the server does not answer any more"));
  }
  if (life_.is_in_doubt() && !sign_of_life_.linked()) ask(sign_of_life_);
  shared_->home.arm_after(next_look_, shared_->keepalive);
}

}  // namespace execo::detail
