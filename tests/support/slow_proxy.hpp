// A TCP proxy on a loopback port of its own: a long or a broken way to a server on this machine.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <thread>
#include <utility>

namespace execo::test {

/// What the way to the server is like.
class way {
 public:
  way() = default;
  using milliseconds = std::chrono::milliseconds;

  /// Of each byte, in each direction.
  milliseconds delay{0};
  /// Once this many bytes have come from the server, what the client sends is kept, `hold` long.
  std::uint64_t hold_after = ~std::uint64_t{0};
  milliseconds hold{0};
  /// In place of a hold: what the client sends is lost from then on.
  bool loses = false;

  /// How many connections, from the first one on, do not come through.
  unsigned lost_first = 0;
  /// What those are told.
  std::string last_words;
  /// They are reset, not closed.
  bool resets = false;
};

class slow_proxy {
 public:
  /// Throws: std::runtime_error.
  slow_proxy(int server_port, const way& how);
  slow_proxy(const slow_proxy&) = delete;
  slow_proxy& operator=(const slow_proxy&) = delete;
  ~slow_proxy();

  /// On 127.0.0.0/8.
  int port() const noexcept { return port_; }
  /// Connections so far, those that do not come through included. Thread: any.
  unsigned accepted() const noexcept { return accepted_; }
  /// From now on nothing passes either way, and no connection ends. Thread: any.
  void fall_silent() noexcept { order(silent); }
  /// Resets what is connected. Thread: any.
  void reset() noexcept { order(broken); }

 private:
  using clock = std::chrono::steady_clock;
  enum state : int { passing, silent, broken, ending };
  struct direction {
    int from = -1;
    int to = -1;
    std::deque<std::pair<clock::time_point, std::string>> waiting;  // an empty one: the end
    bool ended = false;
    std::size_t passed = 0;
  };
  struct connection {
    direction up;  // to the server
    direction down;
    std::uint64_t answered = 0;
    clock::time_point held_until{};
    bool held = false;
  };

  void order(state what) noexcept;
  void serve();
  void accept_one();
  void lose(int client) const;
  void turn();
  void take(connection& of, direction& d);
  void pass_on(direction& d, clock::time_point now);
  void break_all();

  int server_port_;
  way how_;
  int port_ = 0;
  int listener_ = -1;
  int wake_ = -1;
  std::list<connection> connections_;
  std::atomic<int> state_{passing};
  std::atomic<unsigned> accepted_{0};
  std::thread thread_;
};

}  // namespace execo::test
