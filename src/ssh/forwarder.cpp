#include "ssh/forwarder.hpp"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <new>
#include <utility>

#include "base/contain.hpp"

namespace execo::detail {
namespace {

// What one sends before others get their turn.
constexpr std::size_t max_forward_turn = 32 * 1024;
constexpr int rounds_of_forwards = 16;
// libssh keeps 1.28 MB at most of a channel that is not read (WINDOWBASE). That of all is bounded,
// beyond what one may keep without harm to the others.
constexpr std::size_t max_kept_of_one = 64 * 1024;
constexpr std::size_t max_kept_of_all = 64 * 1024 * 1024;
// libssh numbers the channels of a session from here (FIRST_CHANNEL in channels.c).
constexpr unsigned first_number = 43;

// "Channel opening failure: channel 43 error (2) Connection refused" (channels.c)
constexpr std::string_view denial_prefix = "Channel opening failure: channel ";

// RFC 4254, 5.1.
std::string_view name_of_denial(unsigned long code) {
  switch (code) {
    case 1:
      return "administratively prohibited";
    case 2:
      return "connect failed";
    case 3:
      return "unknown channel type";
    default:
      return "resource shortage";
  }
}

std::string reason_of(std::string_view denial, unsigned number) {
  std::string text(denial.substr(std::min(denial.size(), denial_prefix.size())));
  char* rest = nullptr;
  bool is_its_own = ::strtoul(text.c_str(), &rest, 10) == number;
  std::string_view after(rest);
  std::size_t open = after.find('(');
  std::size_t close = after.find(") ");
  if (open == after.npos || close == after.npos) return "it gave no reason";
  unsigned long code = ::strtoul(rest + open + 1, nullptr, 10);
  constexpr std::size_t max_shown = 200;
  // Of several that come in one read libssh keeps the last one.
  std::string whose = is_its_own ? "" : "refused together with another one: ";
  return whose + std::string(name_of_denial(code)) + ": " +
         peer_text(after.substr(close + 2), max_shown);
}

}  // namespace

// -- one of them ---------------------------------------------------------------------------------

forward::forward(forwarder& of, std::string host, int port, forward_owner& owner) noexcept
    : of_(of),
      owner_(&owner),
      host_(std::move(host)),
      port_(port),
      readable_(delegate<int>::to<&forward::on_readable>(this)),
      writable_(delegate<int>::to<&forward::on_writable>(this)) {}

forward::~forward() { assert(!readable_.active && !writable_.active && !holds_); }

void forward::pump(unique_fd socket, forward_traffic* traffic) {
  assert(stage_ == stage::open && !socket_);
  traffic_ = traffic;
  socket_ = std::move(socket);
  of_.touch(*this);
}

void forward::close() {
  if (!std::exchange(wanted_, false)) return;
  if (stage_ == stage::open && of_.linked()) return of_.touch(*this);
  finish();
}

// Our side of it: the socket, and its owner. What the server has of it goes on without them.
void forward::finish() {
  wanted_ = false;
  up_.clear();
  down_.clear();
  keep(0);
  release_socket();
}

void forward::release_socket() {
  for (io_request* request : {&readable_, &writable_})
    if (request->active) of_.home().cancel(*request);
  if (readable_.active || writable_.active) return;
  socket_.reset();
  forward_owner* last = std::exchange(owner_, nullptr);
  // It may end the connection, but not this one: who is over is swept.
  if (of_.linked()) of_.touch(*this);
  if (last != nullptr) last->forward_closed();
}

void forward::on_readable(int result) {
  if (!wanted_ && stage_ != stage::open) return release_socket();
  if (result == -ECANCELED) return;
  if (input_ != input::ended) input_ = input::may_be_there;
  of_.touch(*this);
}

void forward::on_writable(int result) {
  if (!wanted_ && stage_ != stage::open) return release_socket();
  if (result != -ECANCELED) of_.touch(*this);
}

void forward::work() {
  if (stage_ == stage::asked) ask();
  if (stage_ == stage::open && socket_) {
    send_down();
    send_up();
    notify_end();
  }
  if (stage_ == stage::open && !wanted_) end_channel();
  if (stage_ == stage::ending && sent_ == sent::close) {
    ssh_channel_free(channel_);
    channel_ = nullptr;
    stage_ = stage::over;
  }
}

void forward::ask() {
  if (!wanted_) {
    stage_ = stage::over;
    return;
  }
  if (!make_channel()) return refused("there is no memory for it");
  stage_ = stage::opening;
  number_ = first_number + of_.channels_++;
  link_before(of_.opening_);
  int r = request_channel();
  if (r == SSH_OK) return opened();
  // The answer has come within the call.
  if (r == SSH_ERROR && !of_.session_.lost())
    refused(reason_of(ssh_get_error(of_.session_.handle()), number_));
}

// Asks, or says what became of it.
int forward::request_channel() noexcept {
  constexpr const char* origin = "127.0.0.1";
  if (port_ == 0) return ssh_channel_open_forward_unix(channel_, host_.c_str(), origin, 0);
  return ssh_channel_open_forward(channel_, host_.c_str(), port_, origin, 0);
}

bool forward::is_answered() const noexcept {
  return sent_ == sent::close || ssh_channel_is_open(channel_) != 0;
}

void forward::opened() {
  stage_ = stage::open;
  of_.touch(*this);
  if (wanted_) owner_->forward_opened();
}

void forward::refused(std::string why) {
  if (channel_ != nullptr) ssh_channel_free(channel_);
  channel_ = nullptr;
  stage_ = stage::over;
  of_.touch(*this);
  if (wanted_) owner_->forward_refused(std::move(why));
}

// False: the socket is full.
bool forward::send(std::span<const char> bytes, std::size_t& taken) noexcept {
  ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  bool full = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS);
  // Who has closed the other end reads nothing more.
  if (n < 0 && !full) reader_ = reader::gone;
  taken = n < 0 ? (full ? 0 : bytes.size()) : static_cast<std::size_t>(n);
  if (n > 0 && traffic_ != nullptr)
    traffic_->down.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  if (taken == bytes.size()) return true;
  if (!writable_.active) {
    writable_.prepare_poll(socket_.get(), POLLOUT);
    of_.home().start(writable_);
  }
  return false;
}

// How many of them libssh has no need to keep.
std::size_t forward::on_data(std::span<const char> bytes) noexcept {
  if (!wanted_ || stage_ > stage::open) return bytes.size();
  std::size_t taken = 0;
  if (socket_ && down_.empty() && !writable_.active) (void)send(bytes, taken);
  if (reader_ == reader::gone) of_.touch(*this);
  keep(bytes.size() - taken);
  return taken;
}

void forward::keep(std::size_t size) noexcept {
  std::size_t& in_all = of_.session_.shared().held_back;
  in_all += size;
  in_all -= std::exchange(kept_, size);
  bool full = size >= max_kept_of_one && in_all > max_kept_of_all;
  if (full == holds_) return;
  holds_ = full;
  if (full) {
    of_.session_.hold_input();
  } else {
    of_.session_.release_input();
  }
}

void forward::send_down() {
  while (!writable_.active && (kept_ > 0 || !down_.empty())) {
    if (down_.empty()) {
      std::array<char, 16 * 1024> buffer;
      auto size = static_cast<std::uint32_t>(std::min(kept_, buffer.size()));
      int r = ssh_channel_read_nonblocking(channel_, buffer.data(), size, 0);
      if (r <= 0) {
        keep(0);
        break;
      }
      keep(kept_ - std::min(kept_, static_cast<std::size_t>(r)));
      down_.assign(buffer.data(), static_cast<std::size_t>(r));
    }
    std::size_t taken = 0;
    bool all = send(down_, taken);
    down_.erase(0, taken);
    if (!all) return;
  }
  bool ended = sent_ != sent::data && kept_ == 0 && down_.empty();
  if (!ended || reader_ != reader::reads) return;
  reader_ = reader::has_end;
  (void)::shutdown(socket_.get(), SHUT_WR);
}

void forward::send_up() {
  if (input_ == input::ended) return;
  if (!of_.session_.flushed()) return of_.wait_for_room(*this);
  std::array<char, max_forward_turn> buffer;
  std::span<const char> bytes = up_;
  if (bytes.empty()) bytes = take_up(buffer);
  if (bytes.empty()) return wait_for_input();
  int r = ssh_channel_write(channel_, bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  // An error: the server reads no more of it.
  if (r < 0) input_ = input::ended;
  // Less than all: keys are being exchanged again.
  bytes = bytes.subspan(r < 0 ? bytes.size() : static_cast<std::size_t>(r));
  up_ = std::string(bytes.begin(), bytes.end());
  if (up_.empty() && input_ != input::may_be_there) return wait_for_input();
  if (r == 0) return link_before(of_.windowless_);
  of_.wait_for_room(*this);
}

void forward::wait_for_input() {
  if (input_ == input::ended || !wanted_) return;
  if (ssh_channel_window_size(channel_) == 0) return link_before(of_.windowless_);
  if (readable_.active) return;
  readable_.prepare_poll(socket_.get(), POLLIN);
  of_.home().start(readable_);
}

// What has come, as much of it as may go out now.
std::span<const char> forward::take_up(std::span<char> buffer) {
  std::size_t room = std::min<std::size_t>(ssh_channel_window_size(channel_), buffer.size());
  if (room == 0 || input_ != input::may_be_there) return {};
  ssize_t n = ::recv(socket_.get(), buffer.data(), room, MSG_DONTWAIT);
  auto size = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  if (traffic_ != nullptr) traffic_->up.fetch_add(size, std::memory_order_relaxed);
  input_ = size == room ? input::may_be_there : input::awaited;
  bool ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  if (ended) {
    input_ = input::ended;
    if (n < 0) reader_ = reader::gone;
    (void)ssh_channel_send_eof(channel_);
  }
  return buffer.first(size);
}

// A server that has closed it takes nothing more.
void forward::notify_end() {
  bool is_up_over = input_ == input::ended || sent_ == sent::close;
  bool is_down_over = reader_ != reader::reads;
  if (!wanted_ || !is_up_over || !is_down_over || std::exchange(end_notified_, true)) return;
  owner_->forward_ended();
}

void forward::end_channel() {
  // What was written last, a goodbye say, as far as there is room for it.
  if (socket_ && input_ != input::ended && up_.empty()) {
    std::array<char, max_forward_turn> buffer;
    input_ = input::may_be_there;
    std::span<const char> last = take_up(buffer);
    if (!last.empty())
      (void)ssh_channel_write(channel_, last.data(), static_cast<std::uint32_t>(last.size()));
  }
  stage_ = stage::ending;
  (void)ssh_channel_close(channel_);
  finish();
}

void forward::abandon() noexcept {
  channel_ = nullptr;
  holds_ = false;
  of_.session_.shared().held_back -= std::exchange(kept_, 0);
  bool was_closing = !wanted_ && stage_ == stage::open;
  stage_ = stage::over;
  if (was_closing) finish();
}

void forward::break_off() noexcept {
  input_ = input::ended;
  if (socket_) (void)::shutdown(socket_.get(), SHUT_RDWR);
}

bool forward::make_channel() {
  channel_ = ssh_channel_new(of_.session_.handle());
  return channel_ != nullptr && set_callbacks();
}

bool forward::set_callbacks() {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = [](ssh_session, ssh_channel, void* bytes, std::uint32_t size,
                                        int is_error, void* self) noexcept -> int {
    auto* f = static_cast<forward*>(self);
    ++f->of_.explained_;
    if (is_error != 0) return static_cast<int>(size);
    return static_cast<int>(
        f->on_data(std::span<const char>(static_cast<const char*>(bytes), size)));
  };
  callbacks_.channel_eof_function = [](ssh_session, ssh_channel, void* self) noexcept {
    auto* f = static_cast<forward*>(self);
    ++f->of_.explained_;
    f->sent_ = std::max(f->sent_, sent::eof);
    f->of_.touch(*f);
  };
  callbacks_.channel_close_function = [](ssh_session, ssh_channel, void* self) noexcept {
    auto* f = static_cast<forward*>(self);
    ++f->of_.explained_;
    f->sent_ = sent::close;
    f->of_.touch(*f);
  };
  ssh_callbacks_init(&callbacks_);
  return ssh_set_channel_callbacks(channel_, &callbacks_) == SSH_OK;
}

// -- all of them ---------------------------------------------------------------------------------

template <class Call>
void forwarder::each(Call&& call) {
  for (list_node* group : {&resting_, &ready_, &opening_, &unflushed_, &windowless_}) {
    for (list_node* n = group->next(); n != group;) {
      auto* f = static_cast<forward*>(n);
      n = n->next();
      call(*f);
    }
  }
}

forwarder::~forwarder() {
  each([](forward& f) { delete &f; });
}

forward& forwarder::open(const std::string& host, int port, forward_owner& owner) {
  return add(std::make_unique<forward>(*this, host, port, owner));
}

// libssh has given it a number of the same row.
forward& forwarder::adopt(ssh_channel_struct* channel, forward_owner& owner) {
  ++channels_;
  auto made = std::make_unique<forward>(*this, std::string(), 0, owner);
  made->channel_ = channel;
  made->stage_ = forward::stage::open;
  if (!made->set_callbacks()) throw std::bad_alloc();
  return add(std::move(made));
}

forward& forwarder::add(std::unique_ptr<forward> made) noexcept {
  if (!linked()) session_.attach(*this);
  session_.acknowledge_at_once();
  forward& f = *made.release();
  f.link_before(ready_);
  session_.touch(*this);
  return f;
}

void forwarder::touch(forward& f) noexcept {
  if (f.stage_ != forward::stage::opening) f.link_before(ready_);
  if (linked()) session_.touch(*this);
}

void forwarder::work(forward& f) noexcept {
  contain([&f] { f.work(); }, [&f](const std::exception_ptr&) { f.break_off(); });
  bool swept = f.stage_ == forward::stage::over && f.owner_ == nullptr && !f.socket_;
  if (swept) delete &f;
}

session_member::need forwarder::advance() {
  look_for_answers();
  for (int round = 0; round < rounds_of_forwards && unflushed_.linked() && session_.flushed();
       ++round) {
    auto& f = static_cast<forward&>(*unflushed_.next());
    f.link_before(resting_);
    work(f);
  }
  list_node turn;
  while (ready_.linked()) ready_.next()->link_before(turn);
  while (turn.linked()) {
    auto& f = static_cast<forward&>(*turn.next());
    f.link_before(resting_);
    work(f);
  }
  bool may_go_on = (unflushed_.linked() && session_.flushed()) || has_unseen_answers();
  if (may_go_on) session_.touch(*this);
  bool waits = unflushed_.linked() || opening_.linked() || windowless_.linked();
  return waits ? need::event : need::touch;
}

// A request reads the connection, too: what it has read makes the socket ready no more.
bool forwarder::has_unseen_answers() const noexcept {
  bool others = session_.packets_received() - packets_ > explained_;
  return others && (opening_.linked() || windowless_.linked());
}

// libssh 0.10 does not call back with the answers to requests for channels, nor when a window
// opens. What else comes is explained by a call back.
void forwarder::look_for_answers() {
  std::uint64_t now = session_.packets_received();
  bool others = now - std::exchange(packets_, now) > std::exchange(explained_, 0);
  if (!others) return;
  list_node turn;
  while (windowless_.linked()) windowless_.next()->link_before(turn);
  while (turn.linked()) {
    auto& f = static_cast<forward&>(*turn.next());
    bool opens = ssh_channel_window_size(f.channel_) > 0;
    f.link_before(opens ? ready_ : windowless_);
  }
  while (opening_.linked()) opening_.next()->link_before(turn);
  while (turn.linked()) {
    auto& f = static_cast<forward&>(*turn.next());
    f.link_before(opening_);
    if (f.is_answered()) f.opened();
  }
  while (refuse_denied()) continue;
}

// One denial hides another one that came with it: once there is one, all are asked. True: that may
// have brought more.
bool forwarder::refuse_denied() {
  std::string_view last = ssh_get_error(session_.handle());
  if (!last.starts_with(denial_prefix) || last == denial_) return false;
  denial_ = last;
  list_node turn;
  while (opening_.linked()) opening_.next()->link_before(turn);
  while (turn.linked()) {
    auto& f = static_cast<forward&>(*turn.next());
    f.link_before(opening_);
    int r = f.request_channel();
    if (session_.lost()) return false;
    if (r == SSH_OK) f.opened();
    if (r == SSH_ERROR) f.refused(reason_of(denial_, f.number_));
  }
  return true;
}

void forwarder::abandon() noexcept {
  each([](forward& f) {
    f.abandon();
    if (f.owner_ == nullptr && !f.socket_) delete &f;
  });
}

}  // namespace execo::detail
