#include "tree/tunnel_route.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <optional>
#include <string_view>
#include <utility>

#include "base/contain.hpp"
#include "base/shell_words.hpp"
#include "execo/printable.hpp"
#include "tree/tree_root.hpp"
#include "tree/tree_transport.hpp"
#include "wire/run_messages.hpp"

namespace execo::detail {
namespace {

// Of what a gateway says of a name.
constexpr std::size_t max_names = std::size_t{16} * 1024;
constexpr std::size_t max_addresses = 8;

std::optional<std::string> text_of_question(const command& what, std::string&) { return what.text; }

// A name that means something to a shell is looked up here alone.
std::string question_for(const std::string& name) {
  return is_inert(name) && !name.starts_with('-') ? "getent ahosts " + name : std::string();
}

std::string_view address_bytes(const endpoint& to) noexcept {
  if (to.family() == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(to.address());
    return {reinterpret_cast<const char*>(&v4.sin_addr), sizeof v4.sin_addr};
  }
  const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(to.address());
  return {reinterpret_cast<const char*>(&v6.sin6_addr), sizeof v6.sin6_addr};
}

// "10.0.0.7  STREAM n7": each address comes once for each type of socket.
std::vector<endpoint> addresses_in(std::string_view lines) {
  std::vector<endpoint> found;
  std::vector<std::string> seen;
  while (!lines.empty() && found.size() < max_addresses) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    std::string text(line.substr(0, line.find_first_of(" \t")));
    if (std::ranges::find(seen, text) != seen.end()) continue;
    if (std::optional<endpoint> one = endpoint::of_literal(text)) found.push_back(*one);
    seen.push_back(std::move(text));
  }
  return found;
}

}  // namespace

std::unique_ptr<route> tunnel_source::make(ssh_environment& shared, const route_target& to,
                                           delegate<> wake, delegate<> over) {
  return std::make_unique<tunnel_route>(shared, to, *this, wake, over);
}

tunnel_route::tunnel_route(ssh_environment& shared, const route_target& to, tunnel_source& by,
                           delegate<> wake, delegate<> over)
    : shared_(shared),
      to_(to),
      source_(by),
      wake_(wake),
      over_(over),
      shortage_(shared, wake),
      question_(delegate<>::to<&tunnel_route::on_addresses>(this)),
      what_(question_for(to.name)),
      readable_(delegate<int>::to<&tunnel_route::on_readable>(this)),
      writable_(delegate<int>::to<&tunnel_route::on_writable>(this)) {}

tunnel_route::~tunnel_route() { assert(is_over()); }

// -- the connection -------------------------------------------------------------------------------

route::progress tunnel_route::connect(bool) {
  if (stage_ == stage::idle) return begin();
  if (stage_ == stage::failed) return progress::failed;
  if (stage_ == stage::opened && !shortage_.waits()) return connect_socket();
  return stage_ == stage::carried ? progress::done : progress::waiting;
}

route::progress tunnel_route::begin() {
  if (source_.root() == nullptr)
    return fail(failure(end_reason::connect_failed, {}, to_.name + ": the tree was closed"));
  if (source_.problem()) return fail_by_gateway(*source_.problem());
  if (std::optional<endpoint> literal = endpoint::of_literal(to_.name)) {
    addresses_.push_back(*literal);
    connect_next();
  } else if (!what_.text.empty()) {
    ask_gateway();
  } else {
    ask_here();
  }
  return stage_ == stage::failed ? progress::failed : progress::waiting;
}

void tunnel_route::open(std::unique_ptr<transport> way, const command& what) {
  ways_.push_back(std::move(way));
  ++open_;
  ways_.back()->open(what, *this);
}

void tunnel_route::ask_gateway() {
  stage_ = stage::naming;
  open(make_tree_transport(source_.home(), intrusive_ptr<tree_root>(source_.root()),
                           source_.gateway(), text_of_question, std::string(), tree_place()),
       what_);
}

void tunnel_route::take_names() {
  addresses_ = addresses_in(names_);
  addresses_.empty() ? ask_here() : connect_next();
}

void tunnel_route::ask_here() {
  stage_ = stage::asking;
  if (!shared_.names.ask(to_.name, question_)) on_addresses();
}

void tunnel_route::on_addresses() {
  addresses_ = question_.addresses;
  if (!addresses_.empty()) return connect_next();
  failure unknown(end_reason::connect_failed, {},
                  to_.name + ": neither " + printable(source_.gateway().name()) +
                      " nor this machine knows its address: " + question_.problem);
  unknown.reason = failure_reason::unknown_host;
  (void)fail(std::move(unknown));
  wake_();
}

// Pre: there is one.
void tunnel_route::connect_next() {
  stage_ = stage::connecting;
  if (source_.root() == nullptr) {
    (void)fail(failure(end_reason::connect_failed, {}, to_.name + ": the tree was closed"));
    return wake_();
  }
  const endpoint& to = addresses_[next_++];
  open(make_tree_connection(
           source_.home(), intrusive_ptr<tree_root>(source_.root()), source_.gateway(),
           connection_word(static_cast<std::uint16_t>(to_.port), address_bytes(to))),
       what_);
}

route::progress tunnel_route::connect_socket() {
  int ends[2];
  bool made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
  if (made) {
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }
  if (!made || !theirs_ || !suits_libssh(ours_)) {
    int error = errno;
    ours_.reset();
    theirs_.reset();
    if ((error == EMFILE || error == ENFILE) && shortage_.wait()) return progress::waiting;
    return fail(failure(end_reason::connect_failed, {error, std::system_category()},
                        to_.name + ": sockets for a connection through a host of the tree"));
  }
  stage_ = stage::carried;
  send_down({});
  read_up();
  return progress::done;
}

unique_fd tunnel_route::take() {
  shared_.descriptors.opened();
  return std::move(ours_);
}

route::progress tunnel_route::fail(failure why) {
  why_ = std::move(why);
  stage_ = stage::failed;
  return progress::failed;
}

// To the host behind it this is no loss: it was not there yet.
route::progress tunnel_route::fail_by_gateway(failure why) {
  why.how = end_reason::connect_failed;
  why.is_final = true;
  why.name_hop(source_.gateway().name(), source_.gateway().user(), 1);
  return fail(std::move(why));
}

void tunnel_route::lose(failure why) {
  why_ = std::move(why);
  why_.name_hop(source_.gateway().name(), source_.gateway().user(), 1);
  stage_ = stage::broken;
  wake_();
}

std::string tunnel_route::note() const {
  const std::string gateway = printable(source_.gateway().name());
  if (stage_ == stage::naming) return "waits for " + gateway;
  return stage_ == stage::connecting ? gateway + " has not connected to it yet" : std::string();
}

void tunnel_route::explain(failure& lost) const {
  lost.context += "; its way leads through " + printable(source_.gateway().name());
}

// -- events of the ways ---------------------------------------------------------------------------

void tunnel_route::on_phase(phase entered) {
  if (entered != phase::run || stage_ != stage::connecting || closing_) return;
  stage_ = stage::opened;
  wake_();
}

void tunnel_route::on_output(stream which, std::span<const char> bytes) {
  if (which != stream::out || closing_) return;
  if (stage_ == stage::naming)
    names_.append(bytes.data(), std::min(bytes.size(), max_names - names_.size()));
  else
    send_down(bytes);
}

// Behind all that came.
void tunnel_route::on_eof(stream which) {
  if (which != stream::out || closing_ || stage_ < stage::opened) return;
  down_ends_ = true;
  end_down();
}

void tunnel_route::on_exit(exit_status) {
  if (stage_ != stage::naming || closing_) return;
  way().close();
  take_names();
}

void tunnel_route::on_failed(failure why) {
  way().close();
  if (closing_) return;
  if (stage_ >= stage::opened) return lose(std::move(why));
  const bool was_refused =
      stage_ == stage::connecting && why.how == end_reason::spawn_failed && why.why;
  if (was_refused && next_ < addresses_.size()) return connect_next();
  if (was_refused) {
    failure refused(end_reason::connect_failed, why.why,
                    to_.name + ": " + printable(source_.gateway().name()) +
                        " cannot connect to port " + std::to_string(to_.port) + " there");
    refused.reason = reason_of(why.why);
    (void)fail(std::move(refused));
  } else {
    (void)fail_by_gateway(std::move(why));
  }
  wake_();
}

void tunnel_route::on_closed(end_report) {
  --open_;
  look_over();
}

// -- bytes ----------------------------------------------------------------------------------------

void tunnel_route::read_up() {
  readable_.prepare_receive(theirs_.get());
  shared_.home.start(readable_);
}

// Once the session has closed its end it closes this.
void tunnel_route::on_readable(int result) {
  if (closing_) return look_over();
  if (result <= 0 || stage_ != stage::carried) return;
  up_.assign(static_cast<const char*>(readable_.buffer), static_cast<std::size_t>(result));
  way().write(up_);
}

void tunnel_route::on_written(std::size_t) {
  if (!closing_ && stage_ == stage::carried) read_up();
}

void tunnel_route::send_down(std::span<const char> bytes) {
  const bool was_waiting = !down_.empty();
  down_.append(bytes.data(), bytes.size());
  if (stage_ != stage::carried && !down_.empty()) way().pause(stream::out, true);
  if (writable_.active || stage_ != stage::carried) return;
  ssize_t n = ::send(theirs_.get(), down_.data(), down_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  // A session that has gone reads nothing more.
  const bool is_gone = n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR;
  down_.erase(0, is_gone ? down_.size() : static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (down_.empty()) {
    if (was_waiting) way().pause(stream::out, false);
    return end_down();
  }
  way().pause(stream::out, true);
  writable_.prepare_poll(theirs_.get(), POLLOUT);
  shared_.home.start(writable_);
}

void tunnel_route::on_writable(int) {
  if (closing_) return look_over();
  send_down({});
}

void tunnel_route::end_down() {
  if (down_ends_ && down_.empty() && theirs_) (void)::shutdown(theirs_.get(), SHUT_WR);
}

// -- the end --------------------------------------------------------------------------------------

void tunnel_route::close(ending) {
  if (std::exchange(closing_, true)) return;
  ours_.reset();
  if (question_.pending()) question_.abandon();
  for (io_request* request : {&readable_, &writable_})
    if (request->active) shared_.home.cancel(*request);
  if (open_ > 0) way().close();
  look_over();
}

void tunnel_route::look_over() {
  if (!closing_ || !is_over()) return;
  theirs_.reset();
  over_();
}

}  // namespace execo::detail
