#include "ssh/jump_route.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <stdexcept>
#include <utility>

#include "ssh/hop.hpp"
#include "ssh/session_pool.hpp"

namespace execo::detail {
namespace {

// Servers pass the words of strerror or getaddrinfo on.
failure_reason reason_in(std::string_view words) {
  auto has = [words](std::string_view part) { return words.find(part) != words.npos; };
  if (has("refused")) return failure_reason::refused;
  if (has("timed out")) return failure_reason::dropped;
  if (has("unreachable") || has("No route")) return failure_reason::unreachable;
  return has("not known") || has("resol") ? failure_reason::unknown_host : failure_reason::none;
}

}  // namespace

jump_route::jump_route(ssh_environment& shared, const route_target& to, delegate<> wake,
                       delegate<> over)
    : shared_(shared), to_(to), wake_(wake), over_(over), shortage_(shared, wake) {}

jump_route::~jump_route() {
  if (lease_) shared_.home.service<session_pool>().give_back(std::move(lease_), handback::ended);
}

std::string jump_route::label() const {
  return shared_.last_hop().name + " (hop " + std::to_string(shared_.hop_count()) + " of " +
         std::to_string(shared_.hop_count()) + ")";
}

std::string jump_route::note() const {
  if (stage_ == stage::waiting) return "waits for " + label();
  return stage_ == stage::opening ? label() + " has not connected to it yet" : std::string();
}

std::optional<failed_try> jump_route::last_try() const {
  if (stage_ != stage::waiting) return std::nullopt;
  std::optional<failed_try> found = lease_->session().last_try();
  if (!found) return found;
  const ssh_hop& hop = shared_.last_hop();
  found->why.name_hop(hop.name, hop.user, shared_.hop_count());
  found->where = phase::connect;
  return found;
}

route::progress jump_route::fail(failure why) {
  why_ = std::move(why);
  stage_ = stage_ == stage::connected ? stage::broken : stage::failed;
  return progress::failed;
}

route::progress jump_route::connect(bool) {
  if (stage_ == stage::idle) return begin();
  if (stage_ == stage::failed) return progress::failed;
  if (stage_ == stage::opened && !shortage_.waits()) return connect_socket();
  return stage_ == stage::connected ? progress::done : progress::waiting;
}

route::progress jump_route::begin() {
  try {
    std::string loop = loop_of_hops(shared_, to_);
    if (!loop.empty())
      return fail(failure(end_reason::connect_failed,
                          std::make_error_code(std::errc::too_many_symbolic_link_levels),
                          to_.name + ": the jump hosts lead in a circle: " + loop));
    lease_hop();
  } catch (const std::invalid_argument& error) {
    return fail(failure(end_reason::connect_failed,
                        std::make_error_code(std::errc::invalid_argument),
                        to_.name + ": " + error.what()));
  }
  // What was there already has said so.
  if (stage_ == stage::failed) return progress::failed;
  return stage_ == stage::opened ? connect_socket() : progress::waiting;
}

void jump_route::lease_hop() {
  const ssh_hop& hop = shared_.last_hop();
  session_pool& pool = shared_.home.service<session_pool>();
  stage_ = stage::waiting;
  lease_ = pool.acquire_hop(hop.shared, hop.name, hop.port, hop.user, shared_.hop_limits());
  lease_->begin(*this);
  if (lease_->of_session() == session_lease::standing::established) lease_->admit();
}

void jump_route::session_ready() {
  stage_ = stage::opening;
  forward_ = &lease_->forwards().open(to_.name, to_.port, *this);
}

void jump_route::session_full() {
  (void)fail(failure(end_reason::connect_failed, {}, label() + ": the connection is being closed"));
  wake_();
}

void jump_route::session_failed(const failure& why) {
  if (closing_ || stage_ == stage::failed || stage_ == stage::broken) return;
  const ssh_hop& hop = shared_.last_hop();
  failure named = why;
  named.name_hop(hop.name, hop.user, shared_.hop_count());
  // To the host behind it this is no loss: it was not there yet.
  if (stage_ != stage::connected && named.how == end_reason::connection_lost)
    named.how = end_reason::connect_failed;
  (void)fail(std::move(named));
  wake_();
}

void jump_route::forward_opened() {
  stage_ = stage::opened;
  wake_();
}

void jump_route::forward_refused(std::string why) {
  failure refused(end_reason::connect_failed, {},
                  "no connection to " + to_.name + ":" + std::to_string(to_.port) + ": " + why);
  refused.reason = reason_in(why);
  refused.name_hop(shared_.last_hop().name, shared_.last_hop().user, shared_.hop_count());
  (void)fail(std::move(refused));
  wake_();
}

route::progress jump_route::connect_socket() {
  int ends[2];
  bool made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
  unique_fd theirs(made ? ends[1] : -1);
  if (made) ours_.reset(ends[0]);
  if (!made || !theirs || !suits_libssh(ours_)) {
    int error = errno;
    ours_.reset();
    if ((error == EMFILE || error == ENFILE) && shortage_.wait()) return progress::waiting;
    return fail(failure(end_reason::connect_failed, {error, std::system_category()},
                        to_.name + ": sockets for a connection through a hop"));
  }
  forward_->pump(std::move(theirs));
  stage_ = stage::connected;
  return progress::done;
}

unique_fd jump_route::take() {
  shared_.descriptors.opened();
  return std::move(ours_);
}

void jump_route::close(ending) {
  if (std::exchange(closing_, true)) return;
  ours_.reset();
  if (forward_ != nullptr) forward_->close();
}

// The lease is kept until the session has left this.
void jump_route::forward_closed() {
  forward_ = nullptr;
  over_();
}

}  // namespace execo::detail
