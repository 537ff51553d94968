#include "fleet/server.hpp"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

#include "command_line/standard_streams.hpp"
#include "fleet/command.hpp"
#include "fleet/session.hpp"

namespace execo::fleet {

namespace {

unique_fd end_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  unique_fd fd(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

host_table table_of(const options& o) {
  host_table hosts(o.hosts);
  for (const std::string& f : o.faults) hosts.add_fault(f);
  return hosts;
}

void reset(unique_fd fd) noexcept {
  linger at_once{1, 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

}  // namespace

server::server(const options& o, keeper* k)
    : options_(o),
      keeper_(k),
      hosts_(table_of(o)),
      authorized_(o.authorized_keys),
      host_key_(o.host_key),
      bind_(ssh_bind_new()),
      signals_(end_signals()),
      signals_watch_(delegate<std::uint32_t>::to<&server::on_signal>(this)),
      listener_(reactor_, o.port, hosts_.with(fault_kind::blackhole)) {
  bool no = false;
  ssh_bind_options_set(bind_.get(), SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
  if (ssh_bind_options_set(bind_.get(), SSH_BIND_OPTIONS_IMPORT_KEY, host_key_.release()) != SSH_OK)
    throw usage_error("--host-key: " + std::string(ssh_get_error(bind_.get())));
  reactor_.add(signals_.get(), EPOLLIN, signals_watch_);
  reactor_.turn_ended = delegate<>::to<&server::end_turn>(this);
  if (keeper_ != nullptr) keeper_->attach(reactor_, delegate<>::to<&server::on_keeper_lost>(this));
}

server::~server() {
  while (!sessions_.empty()) sessions_.back()->close();
}

void server::run() {
  listener_.start(
      [this](unique_fd fd, const endpoints& ends) { on_connection(std::move(fd), ends); });
  reactor_.run();
}

void server::on_connection(unique_fd fd, const endpoints& ends) {
  const fault* f = hosts_.find(ends.local);
  ++stats_.connections;
  if (f == nullptr || f->kind == fault_kind::reset) return reset(std::move(fd));
  auto fresh = std::make_unique<session>(*this, ends, *f);
  session& s = *fresh;
  s.index = sessions_.size();
  sessions_.push_back(std::move(fresh));
  stats_.max_at_once = std::max(stats_.max_at_once, sessions_.size());
  try {
    s.start(std::move(fd));
  } catch (const std::exception& e) {
    command_line::complain("execo-fleet", address_text(ends.local) + ": " + e.what());
    s.close();
  }
}

void server::pump_soon(session& s) {
  if (s.pump_queued) return;
  s.pump_queued = true;
  pump_soon_.push_back(&s);
}

void server::retire(session& s) {
  std::size_t hole = s.index;
  retired_.push_back(std::move(sessions_[hole]));
  if (hole + 1 != sessions_.size()) {
    sessions_[hole] = std::move(sessions_.back());
    sessions_[hole]->index = hole;
  }
  sessions_.pop_back();
}

void server::end_turn() {
  std::vector<session*> round = std::exchange(pump_soon_, {});
  for (session* s : round) {
    s->pump_queued = false;
    s->pump();
  }
  if (!pump_soon_.empty()) reactor_.turn_soon();
  // What was queued again is not among them: a closed session queues itself no more.
  std::erase_if(pump_soon_, [](session* s) { return s->closed(); });
  retired_.clear();
}

void server::on_signal(std::uint32_t) {
  signalfd_siginfo came{};
  if (::read(signals_.get(), &came, sizeof(came)) != sizeof(came)) return;
  bool from_terminal = came.ssi_code == SI_KERNEL;
  if (guest_ == nullptr || !guest_->handles(static_cast<int>(came.ssi_signo), from_terminal))
    reactor_.stop();
}

void server::on_keeper_lost() {
  keeper_lost_ = true;
  reactor_.stop();
}

}  // namespace execo::fleet
