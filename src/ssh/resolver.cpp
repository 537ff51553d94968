#include "ssh/resolver.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <system_error>

#include "base/contain.hpp"
#include "ssh/dotted_quad.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_threads = 8;

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

std::optional<endpoint> endpoint::of_literal(const std::string& text) {
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

std::string endpoint::text() const {
  if (family() == AF_INET) return dotted_quad(v4.sin_addr);
  std::array<char, NI_MAXHOST> literal{};
  if (::getnameinfo(address(), size(), literal.data(), literal.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return {};
  return literal.data();
}

/// Getaddrinfo cannot be cancelled, so the threads belong to the loop: neither an action that ends
/// nor a program waits for a name server that is dead.
class resolver::helpers final : public loop_service {
 public:
  explicit helpers(loop& on) : threads(on, max_threads, work_at_end::left) {}
  helper_threads threads;
};

class resolver::job final : public helper_job {
 public:
  job(resolver& who, std::string n) : owner(&who), name(std::move(n)) {}

  resolver* owner;  // null: the resolver is gone
  std::string name;
  list_node waiting;
  std::vector<endpoint> found;
  std::string problem;

 private:
  void work() noexcept override {
    contain([this] { ask(); }, [this](const std::exception_ptr&) { found.clear(); });
  }
  void ask() {
    int error = look_up(name, 0, found);
    if (error == EAI_SYSTEM) {
      problem = std::system_category().message(errno);
    } else if (error != 0) {
      problem = ::gai_strerror(error);
    } else if (found.empty()) {
      problem = "no IPv4 or IPv6 address";
    }
  }
  void finished() noexcept override {
    if (owner == nullptr) return;
    contain([this] { owner->deliver(*this); },
            [this](const std::exception_ptr&) { answer_none(); });
  }
  // Without addresses, and without words.
  void answer_none() noexcept {
    while (waiting.linked()) {
      auto& q = static_cast<question&>(*waiting.next());
      q.unlink();
      q.addresses.clear();
      q.answered();
    }
  }
};

resolver::~resolver() {
  for (auto& [name, asked] : asked_) asked->owner = nullptr;
}

bool resolver::ask(const std::string& name, question& from) {
  if (auto known = known_.find(name); known != known_.end()) {
    from.addresses = known->second;
    return false;
  }
  if (auto asked = asked_.find(name); asked != asked_.end()) {
    from.link_before(asked->second->waiting);
    return true;
  }
  auto made = std::make_unique<job>(*this, name);
  job& asked = *made;
  loop_.service<helpers>().threads.submit(std::move(made));
  asked_.emplace(name, &asked);
  from.link_before(asked.waiting);
  return true;
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
