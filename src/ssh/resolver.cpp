#include "ssh/resolver.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <system_error>

namespace execo::detail {
namespace {

constexpr std::size_t most_threads = 8;

struct free_addresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

int look_up(const std::string& name, int flags, std::vector<endpoint>& found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (error != 0) return error;
  std::unique_ptr<addrinfo, free_addresses> owner(list);
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
      found.push_back(endpoint::of(a->ai_addr, a->ai_addrlen));
  }
  return 0;
}

}  // namespace

endpoint endpoint::of(const sockaddr* address, socklen_t size) noexcept {
  endpoint e;
  ::memcpy(static_cast<void*>(&e), address, std::min<std::size_t>(size, sizeof e));
  return e;
}

std::optional<endpoint> endpoint::of_literal(const std::string& text) noexcept {
  endpoint e;
  e.v4.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &e.v4.sin_addr) == 1) return e;
  // Only getaddrinfo reads the scope of fe80::1%eth0; AI_NUMERICHOST keeps it in this process.
  std::vector<endpoint> found;
  if (text.find(':') == text.npos || look_up(text, AI_NUMERICHOST, found) != 0 || found.empty())
    return std::nullopt;
  return found.front();
}

void endpoint::set_port(int port) noexcept {
  // sin_port and sin6_port are at the same place: both follow the family.
  v4.sin_port = htons(static_cast<std::uint16_t>(port));
}

/// Belongs to the queue, then to a thread, then to the loop's inbox, whose node it is.
struct resolver::job : queue_node {
  resolver* owner = nullptr;  // null: the resolver is gone
  std::string name;
  list_node waiting;
  std::vector<endpoint> found;
  std::string problem;
};

resolver::~resolver() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    for (job* unstarted : queue_) {
      asked_.erase(unstarted->name);
      delete unstarted;
    }
    queue_.clear();
  }
  work_.notify_all();
  for (std::thread& t : threads_) t.join();
  // What is left was answered; the node is in the inbox and frees itself there.
  for (auto& [name, answered] : asked_) answered->owner = nullptr;
}

bool resolver::ask(const std::string& name, question& from) {
  if (auto known = known_.find(name); known != known_.end()) {
    from.addresses = known->second;
    return false;
  }
  job*& asked = asked_[name];
  bool again = asked != nullptr;
  if (!again) {
    asked = new job;
    asked->run = run_job;
    asked->owner = this;
    asked->name = name;
  }
  from.link_before(asked->waiting);
  if (again) return true;
  bool more_threads = false;
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(asked);
    more_threads = queue_.size() > idle_ && threads_.size() < most_threads;
  }
  if (more_threads) start_thread();
  work_.notify_one();
  return true;
}

void resolver::start_thread() {
  sigset_t all, before;
  sigfillset(&all);
  bool blocked = ::pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // The threads there are do it; without any, there is nothing that could.
    if (threads_.empty()) {
      if (blocked) (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
  }
  if (blocked) (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void resolver::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    work_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    job* next = queue_.front();
    queue_.pop_front();
    lock.unlock();
    int error = look_up(next->name, 0, next->found);
    if (error == EAI_SYSTEM) {
      next->problem = std::system_category().message(errno);
    } else if (error != 0) {
      next->problem = ::gai_strerror(error);
    } else if (next->found.empty()) {
      next->problem = "no IPv4 or IPv6 address";
    }
    loop_.post(*next);
    lock.lock();
  }
}

void resolver::run_job(queue_node& node) noexcept {
  std::unique_ptr<job> done(static_cast<job*>(&node));
  if (done->owner != nullptr) done->owner->deliver(*done);
}

void resolver::deliver(job& done) {
  asked_.erase(done.name);
  if (done.problem.empty()) known_.emplace(done.name, done.found);
  while (done.waiting.linked()) {
    auto& q = static_cast<question&>(*done.waiting.next());
    q.unlink();
    q.addresses = done.found;
    q.problem = done.problem;
    q.answered();
  }
}

}  // namespace execo::detail
