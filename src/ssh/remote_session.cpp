#include "ssh/remote_session.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "base/next_block.hpp"
#include "ssh/handshake.hpp"

namespace execo::detail {
namespace {

// libssh reads 4 KiB at most per call (MAX_BUF_SIZE); less than that means the socket was empty.
constexpr std::uint64_t full_read = 4096;
// What libssh takes for the rest of the session when it reads first (socket.c, buffer.c). It seldom
// needs more of that than the beginning.
constexpr std::size_t room_for_reading = 2 * full_read;
// So many connections take little memory: a call of the kernel for each is not worth it.
constexpr unsigned few_connections = 64;
// Reads before others get their turn.
constexpr int rounds_per_step = 16;

// One that was not heard.
bool is_of_busy_server(const failure& why) {
  return why.reason == failure_reason::max_startups || why.reason == failure_reason::closed;
}

}  // namespace

remote_session::remote_session(std::shared_ptr<ssh_environment> shared, std::string name, int port,
                               std::string user, session_owner& owner)
    : shared_(std::move(shared)),
      owner_(&owner),
      name_(std::move(name)),
      user_(std::move(user)),
      port_(port),
      setup_(std::make_unique<session_setup>(*shared_, login_names{user_, name_},
                                             delegate<>::to<&remote_session::wake>(this))),
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

// The step that is under way has not come to the members yet, or looks at them again.
void remote_session::attach(session_member& m) noexcept {
  assert(authenticated());
  members_.attach(m);
  if (!busy_) wake();
}

void remote_session::detach(session_member& m) noexcept { members_.detach(m); }

void remote_session::touch(session_member& m) noexcept {
  if (!m.linked()) return;
  members_.touch(m);
  if (!busy_) wake();
}

void remote_session::hold_input() {
  members_.add_holder();
  note_reading();
  wake();
}

void remote_session::release_input() {
  members_.remove_holder();
  note_reading();
  wake();
}

void remote_session::note_reading() noexcept {
  unread_.set(input_held(), shared_->home.now(), unread_below());
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
  if (handle_) cork_.pull(ssh_get_fd(handle_.get()));
  busy_ = false;
  close_if_idle();
}

void remote_session::send_together() noexcept {
  assert(busy_);
  cork_.put_in(ssh_get_fd(handle_.get()));
}

// Leaves the loop with a wait for what comes next, or with nothing at all.
void remote_session::close_if_idle() {
  if (!closing_) return arm();
  if (stage_ != stage::over) dispose();
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

std::optional<failed_try> remote_session::last_try() const {
  if (stage_ == stage::resting && loss_) return *loss_;
  if (setup_)
    if (std::optional<failed_try> found = setup_->last_try()) return found;
  return route_ && stage_ < stage::serving ? route_->last_try() : std::nullopt;
}

void remote_session::end_with(failure why) {
  busy_ = true;
  if (stage_ != stage::over) lose(std::move(why), stage::over);
  busy_ = false;
  close_if_idle();
}

void remote_session::report_loss() {
  if (!loss_ || (route_ && !route_->is_over())) return;
  failed_try lost = std::move(*std::exchange(loss_, nullptr));
  if (route_) route_->explain(lost.why);
  route_.reset();
  bool goes_on = false;
  if (stage_ == stage::resting) {
    contain([&] { goes_on = setup_->goes_on_after(lost); }, [](const std::exception_ptr&) {});
    if (goes_on) return;
    setup_->note_end(lost.why);
    lost.why = setup_->why_it_ends(std::move(lost));
    setup_.reset();
    stage_ = stage::over;
  }
  owner_->session_failed(std::move(lost.why));
}

// Until the pause is over.
void remote_session::rest() {
  report_loss();
  if (stage_ != stage::resting || loss_ || !setup_->is_due()) return;
  stage_ = stage::queued;
  setup_->enter_again();
}

phase remote_session::current_phase() const noexcept {
  if (stage_ <= stage::resolving) return phase::resolve;
  if (!in_kex_) return phase::connect;
  return stage_ == stage::auth ? phase::auth : phase::kex;
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
  if (is_past()) return rest();
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
  if (!setup_->ask_for(address_of(name_)) || is_refused()) return;
  setup_->begin();
  route_ = make_route(*shared_, route_target{name_, port_, user_},
                      delegate<>::to<&remote_session::wake>(this),
                      delegate<>::to<&remote_session::on_route_over>(this));
  stage_ = stage::resolving;
  if (route_->resolves()) owner_->session_entered(phase::resolve);
}

// Since others have failed.
bool remote_session::is_refused() {
  std::optional<failure> why = setup_->why_not();
  if (!why) return false;
  why->context.insert(0, name_ + ": ");
  lose(std::move(*why), stage::over);
  return true;
}

// What connections are counted by.
std::string remote_session::address_of(const std::string& name) const {
  return shared_->way + name + ':' + std::to_string(port_);
}

void remote_session::resolve() {
  if (closing_) return;
  route::progress r = route_->resolve();
  if (r == route::progress::failed) return fail(route_->why());
  if (r == route::progress::waiting || !enter_address()) return;
  stage_ = stage::connecting;
  owner_->session_entered(phase::connect);
}

// Names of one address are one to the server there. False: it waits, and begins again with what is
// known of the name then, or is over.
bool remote_session::enter_address() {
  std::string found = route_->address();
  if (found.empty() || found == name_ || !setup_->place.move_to(address_of(found))) return true;
  if (setup_->ask_for(address_of(found))) {
    if (is_refused()) return false;
    setup_->begin();
    return true;
  }
  route_.reset();
  stage_ = stage::queued;
  owner_->session_waits();
  return false;
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
  if (is_past()) return;
  int fd = connected.release();
  // It is followed by our list of algorithms at once.
  if (identified) cork_.put_in(fd);
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
  send_together();
  ssh_set_fd_towrite(handle_.get());
  stage_ = stage::kex;
  if (shared_->descriptors.open() > few_connections) vacate_next_block(room_for_reading);
}

// True when libssh is to read on.
bool remote_session::read_greeting(int socket) {
  using progress = greeting::progress;
  auto fail_with = [this](end_reason how, std::error_code why, const std::string& text) {
    failure found(how, why, name_ + ": " + during_key_exchange() + text + words_of_greeting());
    found.reason = reason_of_loss();
    // Whoever it is that speaks.
    bool is_stranger = !setup_->hello.said().empty() && found.reason == failure_reason::closed;
    if (is_stranger || how == end_reason::protocol_error) found.reason = failure_reason::no_banner;
    fail(std::move(found));
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

failure_reason remote_session::reason_of_loss() const {
  bool is_full = setup_ && says_too_busy(setup_->hello.said());
  return is_full ? failure_reason::max_startups : failure_reason::closed;
}

failure_reason remote_session::reason_so_far() const noexcept {
  if (stage_ == stage::connecting) return failure_reason::dropped;
  return stage_ == stage::greeting ? failure_reason::no_banner : failure_reason::none;
}

void remote_session::exchange_keys() {
  if (closing_) return;
  // Behind its own list the server sends its reply and NEWKEYS at once, as a rule: our NEWKEYS is
  // followed by the request to log in.
  if (packets_received() > 0) send_together();
  int r = ssh_connect(handle_.get());
  if (r == SSH_AGAIN) return;
  if (r != SSH_OK) return fail(describe_loss());
  failure why;
  if (!check_host_key(*this, why)) return fail(std::move(why));
  setup_->succeeded();
  knows_host_ = checks_host_key(*this);
  if (knows_host_) setup_->who.trust_host();
  setup_->place.note_progress();
  stage_ = stage::auth;
  owner_->session_entered(phase::auth);
}

void remote_session::authenticate() {
  if (closing_) return;
  switch (setup_->who.go_on(handle_.get())) {
    case login::progress::waiting:
    case login::progress::next:
      return;
    case login::progress::apart:
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

// The program ssh may be let in by a method that libssh has not.
failure remote_session::refused() {
  int taken = ssh_userauth_list(handle_.get(), nullptr);
  std::string why = setup_->who.describe(taken);
  failure found(end_reason::auth_failed, std::make_error_code(std::errc::permission_denied),
                user_ + "@" + name_ + ": " + why);
  found.reason = setup_->who.reason();
  bool by_keys = found.reason == failure_reason::wrong_key || found.reason == failure_reason::none;
  int besides = taken & shared_->settings.methods_of_ssh;
  found.fits_openssh = by_keys && besides != 0;
  if (found.fits_openssh) found.context += "; it takes " + names_of_methods(besides) + " as well";
  return found;
}

void remote_session::enter_service() {
  setup_->place.complete();
  setup_.reset();
  stage_ = stage::serving;
  owner_->session_entered(phase::open);
  if (shared_->keepalive.count() > 0) shared_->home.arm_after(next_look_, shared_->keepalive);
  if (!closing_) owner_->session_ready();
}

// The kernel falls back to delays after each packet of ours (tcp(7), TCP_QUICKACK).
void remote_session::acknowledge() const noexcept {
  int on = 1;
  (void)::setsockopt(ssh_get_fd(handle_.get()), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void remote_session::serve() {
  auto is_lost = [this] { return lost(); };
  if (acknowledges_at_once_) acknowledge();
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
  if (stage_ == stage::auth && setup_->who.ends_with_change(handle_.get())) return refused();
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
  found.is_final = error.what == kind::disconnected;
  if (found.fits_openssh) found.reason = failure_reason::no_common_algorithm;
  if (how == end_reason::connect_failed && !found.fits_openssh) found.reason = reason_of_loss();
  if (how == end_reason::auth_failed) found.reason = setup_->who.reason_of_goodbye();
  return found;
}

// Before the end of the key exchange no command can have begun, and another try may follow.
void remote_session::fail(failure why) {
  if (is_past()) return;
  lose(std::move(why), stage_ < stage::auth ? stage::resting : stage::over);
}

void remote_session::lose(failure why, stage next) {
  failed_try lost;
  lost.why = std::move(why);
  lost.where = current_phase();
  bool is_early = stage_ < stage::auth;
  bool is_unheard = stage_ == stage::connecting || stage_ == stage::greeting;
  if (is_unheard && is_of_busy_server(lost.why)) setup_->turned_away();
  drop_connection(false);
  stage_ = next;
  if (next == stage::over && setup_ && is_early) setup_->note_end(lost.why);
  if (next == stage::over) setup_.reset();
  if (setup_) setup_->place.leave();
  if (closing_) return;
  contain([&] { loss_ = std::make_unique<failed_try>(std::move(lost)); },
          [](const std::exception_ptr&) {});
  if (!loss_) return end_unexplained(std::move(lost.why));
  if (route_) route_->close(route::ending::lost);
  report_loss();
}

// There is no memory for more.
void remote_session::end_unexplained(failure why) {
  stage_ = stage::over;
  setup_.reset();
  route_.reset();
  owner_->session_failed(std::move(why));
}

void remote_session::dispose() {
  if (setup_ && stage_ != stage::auth) {
    failure silent(end_reason::connect_failed, std::make_error_code(std::errc::timed_out), name_);
    silent.reason = reason_so_far();
    setup_->note_given_up(std::move(silent));
  }
  drop_connection(true);
  stage_ = stage::over;
  setup_.reset();
}

void remote_session::drop_connection(bool politely) {
  politely = politely && stage_ == stage::serving && !lost();
  shared_->home.disarm(next_look_);
  members_.abandon_all();
  note_reading();
  trips_.drop_all();
  if (politely) {
    // Without the option ssh_disconnect closes the descriptor itself, once, whether its last packet
    // can be sent or not; with it libssh closes it only if that fails (client.c, socket.c).
    (void)ssh_options_set(handle_.get(), SSH_OPTIONS_FD, nullptr);
    // With the end of the stream.
    cork_.put_in(ssh_get_fd(handle_.get()));
    // After each packet libssh wants to see that the socket takes more; there is no time for that.
    ssh_set_fd_towrite(handle_.get());
    ssh_disconnect(handle_.get());
  }
  handle_.reset();
  cork_ = tcp_cork();
  if (connected_) shared_->descriptors.freed();
  connected_ = false;
  in_kex_ = false;
}

bool remote_session::liveness::look(std::uint64_t packets, bool reads,
                                    unsigned max_unanswered) noexcept {
  unheard_ = packets == heard_ && reads ? unheard_ + 1 : 0;
  heard_ = packets;
  return unheard_ <= max_unanswered;
}

void remote_session::life_check() {
  if (!life_.look(packets_received(), is_read(), shared_->settings.max_unanswered)) {
    return end_with(failure(end_reason::connection_lost, std::make_error_code(std::errc::timed_out),
                            name_ + ": the server does not answer any more"));
  }
  if (life_.is_in_doubt()) ask_for_sign_of_life();
  shared_->home.arm_after(next_look_, shared_->keepalive);
}

}  // namespace execo::detail
