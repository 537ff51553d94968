// A command's place in a talk: its socket, what waits to be received, and who waits.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/reactor.hpp"
#include "agent/talk_client.hpp"
#include "wire/talk_messages.hpp"
#include "wire/talk_request.hpp"

namespace execo::agent {

/// Where what a seat has to tell goes: without the run and the hosts.
class talk_seat_owner {
 public:
  virtual void tell(const talk_seat& by, detail::say_message what) = 0;
  virtual void tell(const talk_seat& by, detail::contribute_message what) = 0;
  virtual void tell(const talk_seat& by, detail::consumed_message what) = 0;

 protected:
  ~talk_seat_owner() = default;
};

class talk_seat {
 public:
  talk_seat(reactor& on, talk_seat_owner& owner, std::uint32_t talk, std::uint32_t ranks);
  talk_seat(const talk_seat&) = delete;
  talk_seat& operator=(const talk_seat&) = delete;
  ~talk_seat();

  /// False, with errno set: the command has no messages.
  bool open();
  /// Of its socket, with @ in place of the zero byte that such a name begins with.
  std::string name() const { return "@" + name_; }
  std::uint32_t talk() const noexcept { return talk_; }
  reactor& loop() noexcept { return loop_; }

  // -- what comes from the root
  void deliver(std::uint32_t from, std::string_view bytes);
  void accepted(std::uint32_t receivers);
  void gathered(const detail::gathered_message& what);
  /// Drops the connections that are over. Not from a call of one.
  void collect();

 private:
  friend class talk_client;
  // What a process of the command has asked for and is not on its way, and a message for one.
  class unsent {
   public:
    std::uint32_t client = 0;
    detail::say_message what;
    std::string bytes;
  };
  class received {
   public:
    std::uint32_t from = 0;
    std::string bytes;
  };

  void on_connection(std::uint32_t);
  void take(talk_client& from, const detail::talk_request& what);
  void send(talk_client& from, const detail::talk_request& what);
  void receive(talk_client& from, std::uint32_t patience_ms);
  void reduce(talk_client& from, const detail::talk_request& what);
  void withdraw(talk_client& gone);
  void on_patience(talk_client& of);
  void say_next();
  void give();
  void count_consumed(std::size_t bytes);
  talk_client* find(std::uint32_t client) noexcept;

  reactor& loop_;
  talk_seat_owner& owner_;
  std::uint32_t talk_, ranks_;
  std::string name_;
  unique_fd listener_;
  watch listener_seen_;
  std::map<std::uint32_t, talk_client> clients_;
  std::uint32_t last_client_ = 0;
  bool some_are_over_ = false;
  // Short ones: they are bounded by the number of connections and by the window.
  std::vector<std::unique_ptr<unsent>> sends_;    // the first one is on its way
  std::vector<std::unique_ptr<received>> inbox_;  // from the front
  std::vector<std::uint32_t> receivers_;          // clients, from the front
  std::uint32_t reducer_ = 0;                     // client; 0: none
  std::size_t consumed_ = 0;                      // and not told yet
};

}  // namespace execo::agent
