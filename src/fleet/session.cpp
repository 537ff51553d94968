#include "fleet/session.hpp"

#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fleet/command.hpp"
#include "fleet/server.hpp"

namespace execo::fleet {

namespace {

// sshd's MaxSessions is 10; more is for tests of clients without a limit.
constexpr std::size_t max_channels = 64;
// How often the commands of one session are advanced before other sessions get their turn.
constexpr int rounds_per_turn = 8;
constexpr char mute_banner[] = "SSH-2.0-execo-fleet\r\n";

void reset_on_close(int fd) noexcept {
  linger at_once{1, 0};
  (void)::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

}  // namespace

session::session(server& owner, const endpoints& ends, const fault& f)
    : owner_(owner),
      fault_(f),
      ends_(ends),
      login_(owner.settings().auth),
      watch_(delegate<std::uint32_t>::to<&session::on_ready>(this)),
      login_deadline_(delegate<>::to<&session::on_login_deadline>(this)) {}

session::~session() { close(); }

void session::start(unique_fd fd) {
  fd_ = fd.get();
  owner_.loop().arm(login_deadline_, owner_.settings().login_grace);
  if (fault_.kind == fault_kind::no_banner || fault_.kind == fault_kind::stall_kex) {
    silent_ = std::move(fd);
    if (fault_.kind == fault_kind::stall_kex)
      (void)::send(fd_, mute_banner, sizeof(mute_banner) - 1, MSG_NOSIGNAL);  // or it is gone
    owner_.loop().add(fd_, EPOLLRDHUP, watch_);
  } else {
    begin(std::move(fd));
  }
}

void session::begin(unique_fd fd) {
  ssh_ = ssh_new();
  if (ssh_ == nullptr) throw std::bad_alloc();
  callbacks_.userdata = this;
  // Requests without a callback come as messages, and on_message() need not answer them.
  if (fault_.kind != fault_kind::disconnect_auth)
    callbacks_.auth_pubkey_function = &session::on_public_key;
  bool answers_password =
      fault_.kind != fault_kind::stall_password && fault_.kind != fault_kind::disconnect_password;
  if (answers_password) callbacks_.auth_password_function = &session::on_password;
  if (fault_.kind != fault_kind::disconnect_open)
    callbacks_.channel_open_request_session_function = &session::on_channel_open;
  ssh_callbacks_init(&callbacks_);
  ssh_set_server_callbacks(ssh_, &callbacks_);
  ssh_set_message_callback(ssh_, &session::on_message, this);
  ssh_set_auth_methods(ssh_, static_cast<int>(login_.methods()));
  if (ssh_bind_accept_fd(owner_.bind(), ssh_, fd.release()) != SSH_OK) {
    std::string why = ssh_get_error(owner_.bind());
    ssh_free(ssh_);
    ssh_ = nullptr;
    throw std::runtime_error("ssh_bind_accept_fd: " + why);
  }
  ssh_set_blocking(ssh_, 0);
  state_ = state::key_exchange;
  owner_.loop().add(fd_, EPOLLIN, watch_);
  pump();  // sends the banner
}

void session::on_ready(std::uint32_t) {
  if (closed()) return;
  if (state_ == state::mute) return close();  // the client has given up
  pump();
}

void session::on_login_deadline() { close(); }

void session::be_mute() {
  close_if_idle();
  if (closed()) return;
  state_ = state::mute;
  owner_.loop().modify(fd_, EPOLLRDHUP, watch_);
}

// For at most 200 ms (tcp(7), TCP_CORK).
void session::gather_segments() const noexcept {
  int on = 1;
  (void)::setsockopt(fd_, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/// Pre: not inside libssh.
void session::disconnect(const char* words) {
  (void)ssh_session_set_disconnect_message(ssh_, words);
  for (int i = 0; i < 2 && congested() && !gone(); ++i) (void)ssh_blocking_flush(ssh_, 0);
  // Without this libssh waits for a poll that will not come.
  ssh_set_fd_towrite(ssh_);
  ssh_disconnect(ssh_);
  close();
}

bool session::gone() const noexcept {
  return (ssh_get_status(ssh_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

bool session::congested() const noexcept { return (ssh_get_status(ssh_) & SSH_WRITE_PENDING) != 0; }

void session::pump_soon() {
  dirty_ = true;
  owner_.pump_soon(*this);
}

bool session::exchange_keys() {
  int rc = ssh_handle_key_exchange(ssh_);
  if (rc == SSH_ERROR) {
    close();
    return false;
  }
  if (rc == SSH_AGAIN) {
    close_if_idle();
    return false;
  }
  state_ = state::login;
  if (fault_.kind == fault_kind::stall_auth) {
    be_mute();
    return false;
  }
  return true;
}

void session::pump() {
  if (closed() || state_ == state::mute) return;
  if (state_ == state::key_exchange && !exchange_keys()) return;
  bool more = true;
  for (int round = 0; more && round < rounds_per_turn; ++round) {
    dirty_ = false;
    // Takes packets from the socket and calls the callbacks; its result is not useful.
    (void)ssh_execute_message_callbacks(ssh_);
    if (gone()) return close();
    if (last_words_ != nullptr) return disconnect(last_words_);
    more = advance_commands();
    if (congested()) (void)ssh_blocking_flush(ssh_, 0);
    more = more || dirty_;
  }
  if (more && !congested()) owner_.pump_soon(*this);
  close_if_idle();
}

bool session::advance_commands() {
  bool moved = false;
  // By index: a write may deliver a packet that opens one more channel.
  for (std::size_t i = 0; i < commands_.size(); ++i) moved = commands_[i]->advance() || moved;
  std::erase_if(commands_, [](const auto& c) { return c->finished(); });
  return moved;
}

void session::close_if_idle() {
  // libssh writes once per poll of the socket: the second flush sends what the first had to keep.
  for (int i = 0; i < 2 && congested() && !gone(); ++i) (void)ssh_blocking_flush(ssh_, 0);
  if (gone()) return close();
  bool pending = congested();
  if (dropping_ && !pending) {
    if (fault_.kind == fault_kind::disconnect_run) return disconnect("Too long a session");
    if (fault_.kind == fault_kind::disconnect_end) return disconnect("Going down");
    int unsent = 0;
    // A reset discards what the client's kernel has not received yet; an orderly end does not.
    if (::ioctl(fd_, TIOCOUTQ, &unsent) == 0 && unsent == 0) reset_on_close(fd_);
    return close();
  }
  if (pending != watching_output_) {
    watching_output_ = pending;
    owner_.loop().modify(fd_, pending ? EPOLLIN | EPOLLOUT : EPOLLIN, watch_);
  }
  if (dirty_) owner_.pump_soon(*this);
}

void session::close() {
  if (closed()) return;
  // After an error libssh has closed the socket, and its number may be in use again.
  bool open = silent_ || (ssh_ != nullptr && ssh_get_fd(ssh_) >= 0);
  if (open) owner_.loop().remove(fd_, watch_);
  state_ = state::closed;
  owner_.loop().disarm(login_deadline_);
  if (ssh_ != nullptr) ssh_free(ssh_);
  ssh_ = nullptr;
  silent_.reset();
  commands_.clear();
  owner_.retire(*this);
}

int session::on_public_key(ssh_session, const char*, ssh_key_struct* key, char signature,
                           void* self) noexcept {
  auto& s = *static_cast<session*>(self);
  bool known = s.fault_.kind != fault_kind::reject_auth && s.owner_.authorized().contains(key);
  // Without a signature the client only asks whether the key would be accepted.
  bool asked = signature == SSH_PUBLICKEY_STATE_NONE;
  known = known && (s.login_.methods() & SSH_AUTH_METHOD_PUBLICKEY) != 0;
  if (!known || (!asked && signature != SSH_PUBLICKEY_STATE_VALID)) return SSH_AUTH_DENIED;
  return asked ? SSH_AUTH_SUCCESS : s.pass(SSH_AUTH_METHOD_PUBLICKEY);
}

int session::pass(unsigned method) {
  if (!login_.pass(method)) {
    ssh_set_auth_methods(ssh_, static_cast<int>(login_.methods()));
    return SSH_AUTH_PARTIAL;
  }
  state_ = state::open;
  owner_.loop().disarm(login_deadline_);
  ++owner_.stats().logins;
  return SSH_AUTH_SUCCESS;
}

// What on_message() returns.
int session::answer_secret(ssh_message message) {
  constexpr int silence = 0;
  ++owner_.stats().secrets;
  if (fault_.kind == fault_kind::stall_password) return silence;
  if (fault_.kind == fault_kind::disconnect_password) {
    last_words_ = "Too many authentication failures";
    dirty_ = true;
    return silence;
  }
  answer_keyboard(message);
  return silence;
}

int session::on_password(ssh_session, const char*, const char* given, void* self) noexcept {
  auto& s = *static_cast<session*>(self);
  ++s.owner_.stats().secrets;
  bool good =
      s.owner_.settings().password == given && (s.login_.methods() & SSH_AUTH_METHOD_PASSWORD) != 0;
  return good ? s.pass(SSH_AUTH_METHOD_PASSWORD) : SSH_AUTH_DENIED;
}

void session::answer_keyboard(ssh_message message) {
  const auto& requests = owner_.settings().prompts;
  if (asked_ >= requests.size() || !are_right(requests[asked_])) return reply(message, false);
  if (++asked_ < requests.size()) return ask(message);
  reply(message, true);
}

bool session::are_right(const std::vector<prompt>& asked) const {
  if (ssh_userauth_kbdint_getnanswers(ssh_) != static_cast<int>(asked.size())) return false;
  for (unsigned i = 0; i < asked.size(); ++i) {
    const char* given = ssh_userauth_kbdint_getanswer(ssh_, i);
    if (given == nullptr || asked[i].answer != given) return false;
  }
  return true;
}

void session::ask(ssh_message message) {
  std::vector<const char*> texts;
  std::string echo;
  for (const prompt& p : owner_.settings().prompts[asked_]) {
    texts.push_back(p.text.c_str());
    echo += static_cast<char>(p.echoes ? 1 : 0);
  }
  (void)ssh_message_auth_interactive_request(message, "", "", static_cast<unsigned>(texts.size()),
                                             texts.data(), echo.data());
}

void session::reply(ssh_message message, bool good) {
  asked_ = 0;
  if (good) {
    bool partial = pass(SSH_AUTH_METHOD_INTERACTIVE) == SSH_AUTH_PARTIAL;
    (void)ssh_message_auth_reply_success(message, partial ? 1 : 0);
  } else {
    (void)ssh_message_reply_default(message);
  }
}

ssh_channel session::on_channel_open(ssh_session ssh, void* self) noexcept {
  auto& s = *static_cast<session*>(self);
  if (s.state_ != state::open || s.commands_.size() >= max_channels) return nullptr;
  ssh_channel channel = ssh_channel_new(ssh);
  if (channel == nullptr) return nullptr;
  s.commands_.push_back(std::make_unique<command>(s, channel));
  s.dirty_ = true;
  return channel;
}

int session::on_message(ssh_session, ssh_message message, void* self) noexcept {
  auto& s = *static_cast<session*>(self);
  constexpr int silence = 0;
  constexpr int default_answer = 1;
  int type = ssh_message_type(message);
  fault_kind kind = s.fault_.kind;
  if (kind == fault_kind::disconnect_auth && type == SSH_REQUEST_AUTH &&
      ssh_message_subtype(message) == SSH_AUTH_METHOD_PUBLICKEY)
    s.last_words_ = "Too many authentication failures";
  if (kind == fault_kind::disconnect_open && type == SSH_REQUEST_CHANNEL_OPEN)
    s.last_words_ = "No more sessions";
  if (s.last_words_ != nullptr) {
    s.dirty_ = true;
    return silence;
  }
  int method = ssh_message_subtype(message);
  bool allowed = type == SSH_REQUEST_AUTH && s.state_ == state::login &&
                 (static_cast<unsigned>(method) & s.login_.methods()) != 0;
  if (allowed && method == SSH_AUTH_METHOD_PASSWORD) return s.answer_secret(message);
  if (allowed && method == SSH_AUTH_METHOD_INTERACTIVE) {
    if (ssh_message_auth_kbdint_is_response(message) != 0) return s.answer_secret(message);
    s.asked_ = 0;
    s.ask(message);
    return silence;
  }
  bool exec =
      type == SSH_REQUEST_CHANNEL && (ssh_message_subtype(message) == SSH_CHANNEL_REQUEST_EXEC ||
                                      ssh_message_subtype(message) == SSH_CHANNEL_REQUEST_SHELL);
  if (!exec) return default_answer;
  if (kind == fault_kind::close_exec) {
    ssh_channel channel = ssh_message_channel_request_channel(message);
    (void)ssh_channel_request_send_exit_status(channel, 0);
    (void)ssh_channel_close(channel);
  }
  return s.fault_.answers_exec() ? default_answer : silence;
}

}  // namespace execo::fleet
