// Names to addresses, off the loop: getaddrinfo blocks for as long as a name server pleases.
// Answers are kept, so that a name is asked for once.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "execo/detail/delegate.hpp"
#include "execo/detail/node.hpp"
#include "loop/helper_threads.hpp"

namespace execo::detail {

/// An IPv4 or IPv6 address, 28 bytes of it instead of sockaddr_storage's 128.
class endpoint {
 public:
  endpoint() noexcept : v6{} {}
  static endpoint of(const sockaddr* address, socklen_t size) noexcept;
  /// A literal such as 127.0.0.1, ::1 or fe80::1%eth0.
  static std::optional<endpoint> of_literal(const std::string& text);

  int family() const noexcept { return v4.sin_family; }
  const sockaddr* address() const noexcept { return reinterpret_cast<const sockaddr*>(this); }
  socklen_t size() const noexcept { return family() == AF_INET ? sizeof v4 : sizeof v6; }
  void set_port(int port) noexcept;
  /// Without the port, as a literal has it.
  std::string text() const;

 private:
  union {
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
};

class resolver {
 public:
  /// A waiter for an answer; stops waiting when destroyed.
  class question : private list_node {
   public:
    explicit question(delegate<> on_answer) noexcept : answered(on_answer) {}
    bool pending() const noexcept { return linked(); }
    void abandon() noexcept { unlink(); }

    delegate<> answered;
    /// Empty: `problem` says why.
    std::vector<endpoint> addresses;
    std::string problem;

   private:
    friend class resolver;
  };

  explicit resolver(loop& on) : loop_(on) {}
  resolver(const resolver&) = delete;
  resolver& operator=(const resolver&) = delete;
  ~resolver();

  /// The answer comes from the loop, or is there at once (then false) if the name is known.
  bool ask(const std::string& name, question& from);
  /// Answers for `name` from now on, without asking.
  void remember(const std::string& name, std::vector<endpoint> addresses) {
    known_.insert_or_assign(name, std::move(addresses));
  }

  /// Names are asked for again.
  void forget() { known_.clear(); }

 private:
  class helpers;
  class job;
  void deliver(job& done);

  loop& loop_;
  std::unordered_map<std::string, std::vector<endpoint>> known_;
  std::unordered_map<std::string, job*> asked_;
};

}  // namespace execo::detail
