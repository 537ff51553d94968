// A server of many hosts on 127.77.0.0/16, each of which misbehaves in a way of its own.
#pragma once

#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "hostile_wire.hpp"

namespace execo::test {

/// How far a server behaves.
enum class hostile_stage { banner, kex, auth, open, exec, run };

class hostile_kind {
 public:
  constexpr hostile_kind(const char* named, hostile_stage where, void (*how)(hostile_wire&),
                         bool exits = false)
      : name(named), stage(where), serve(how), may_exit(exits) {}

  const char* name;
  hostile_stage stage;
  void (*serve)(hostile_wire&);
  bool may_exit;  // odd, but a command's end all the same
};

std::span<const hostile_kind> hostile_kinds();

class hostile_server {
 public:
  hostile_server();
  hostile_server(const hostile_server&) = delete;
  hostile_server& operator=(const hostile_server&) = delete;
  /// Ends all its connections.
  ~hostile_server();

  int port() const noexcept { return port_; }
  /// The host that is of the `kind`-th kind. One kind has 250 hosts.
  static std::string address(std::size_t kind, std::size_t which = 0);

 private:
  void listen();
  void serve(detail::unique_fd socket, std::size_t kind);

  openssl_key host_key_;
  detail::unique_fd socket_;
  detail::unique_fd stop_;
  int port_ = 0;
  std::mutex using_;
  std::set<int> open_;
  std::vector<std::thread> serving_;
  std::thread listening_;
};

}  // namespace execo::test
