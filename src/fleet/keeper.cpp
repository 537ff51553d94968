#include "fleet/keeper.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <system_error>

#include "fleet/keeper_process.hpp"
#include "fleet/keeper_wire.hpp"

namespace execo::fleet {

namespace {

// Well above TERM, half a second and KILL, which a working keeper needs.
constexpr std::chrono::seconds farewell{5};

std::string encode(const keeper_header& header) {
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

}  // namespace

keeper::keeper() : watch_(delegate<std::uint32_t>::to<&keeper::on_ready>(this)) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  socket_.reset(pair[0]);
  unique_fd theirs(pair[1]);
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    socket_.reset();
    run_keeper(theirs.release());
  }
}

keeper::~keeper() {
  unsent_.clear();
  bool sent = false;
  // Reports are still read: a keeper that waits for room in our buffer would not see the stop.
  const keeper_header stop{keeper_verb::stop, 0, 0, 0, 0};
  for (auto deadline = clock::now() + farewell; clock::now() < deadline;) {
    if (!sent) sent = ::send(socket_.get(), &stop, sizeof(stop), MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
    keeper_header report{};
    ssize_t got = ::recv(socket_.get(), &report, sizeof(report), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) break;
    if (got > 0) continue;
    pollfd waits{socket_.get(), static_cast<short>(sent ? POLLIN : POLLIN | POLLOUT), 0};
    (void)::poll(&waits, 1, 100);
  }
  socket_.reset();  // a keeper that did not get the message ends at once
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void keeper::attach(reactor& r, delegate<> lost) {
  reactor_ = &r;
  lost_ = lost;
  r.add(socket_.get(), EPOLLIN | EPOLLRDHUP, watch_);
}

std::uint64_t keeper::spawn(spawn_request request, process_owner& owner) {
  std::uint64_t id = next_id_++;
  std::uint32_t flags = 0;
  if (request.on_terminal) flags |= spawn_on_terminal;
  if (request.shell) flags |= spawn_shell;
  message m;
  m.bytes = encode({keeper_verb::spawn, 0, id, flags, 0});
  m.bytes.append(request.command).push_back('\0');
  for (const std::string& variable : request.environment) m.bytes.append(variable).push_back('\0');
  m.fds[0] = std::move(request.in);
  m.fds[1] = std::move(request.out);
  m.fds[2] = std::move(request.err);
  owners_.emplace(id, &owner);
  post(std::move(m));
  return id;
}

void keeper::signal(std::uint64_t id, int number) {
  message m;
  m.bytes = encode({keeper_verb::signal, number, id, 0, 0});
  post(std::move(m));
}

void keeper::post(message m) {
  if (unsent_.empty() && send(m)) return;
  unsent_.push_back(std::move(m));
  reactor_->modify(socket_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP, watch_);
}

bool keeper::send(const message& m) {
  iovec part{const_cast<char*>(m.bytes.data()), m.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (m.fds[0]) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
    std::array<int, 3> fds{m.fds[0].get(), m.fds[1].get(), m.fds[2].get()};
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(fds));
  }
  ssize_t sent = ::sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  // Any other error means that the keeper is gone, which on_ready reports.
  return sent >= 0 || (errno != EAGAIN && errno != ETOOMANYREFS);
}

void keeper::flush() {
  while (!unsent_.empty() && send(unsent_.front())) unsent_.pop_front();
  if (unsent_.empty()) reactor_->modify(socket_.get(), EPOLLIN | EPOLLRDHUP, watch_);
}

void keeper::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & EPOLLIN) != 0) receive();
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    reactor_->remove(socket_.get(), watch_);
    lost_();
  }
}

void keeper::receive() {
  keeper_header header{};
  while (::recv(socket_.get(), &header, sizeof(header), MSG_DONTWAIT) ==
         static_cast<ssize_t>(sizeof(header))) {
    auto found = owners_.find(header.id);
    if (found == owners_.end()) continue;
    process_owner* owner = found->second;
    owners_.erase(found);
    if (header.verb == keeper_verb::ended) {
      owner->process_ended(header.number);
    } else {
      owner->process_not_begun(header.number);
    }
  }
}

}  // namespace execo::fleet
