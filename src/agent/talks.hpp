// The talks of the commands on this host.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/reactor.hpp"
#include "agent/talk_seat.hpp"
#include "wire/messages.hpp"

namespace execo::agent {

class talks_owner {
 public:
  virtual void tell(const detail::say_message& what) = 0;
  virtual void tell(const detail::contribute_message& what) = 0;
  virtual void tell(const detail::consumed_message& what) = 0;

 protected:
  ~talks_owner() = default;
};

class talks final : private talk_seat_owner {
 public:
  talks(reactor& on, talks_owner& owner) noexcept : loop_(on), owner_(owner) {}

  void introduce(std::uint32_t index) noexcept { index_ = index; }
  /// Before the command is started. Does nothing for one without messages.
  void open(const detail::execute_message& order);
  /// The command has ended, or was not started.
  void close(std::uint32_t run) { seats_.erase(run); }
  /// Adds what the command finds its socket by, and a program for it unless it has one. Gives the
  /// descriptor of the program, -1 if it needs none.
  int equip(std::uint32_t run, std::vector<std::string>& variables);

  // -- from the root; of a command that has ended it is dropped
  /// A frame of one of these. False if it is none.
  bool take(const detail::frame& what);
  /// Not from a call of a connection.
  void collect();

 private:
  template <class Message>
  void pass_on(const talk_seat& by, Message& what) {
    what.run = by.talk();
    what.hosts = detail::index_ranges(index_);
    owner_.tell(what);
  }
  void tell(const talk_seat& by, detail::say_message what) override { pass_on(by, what); }
  void tell(const talk_seat& by, detail::contribute_message what) override { pass_on(by, what); }
  void tell(const talk_seat& by, detail::consumed_message what) override { pass_on(by, what); }
  talk_seat* find(std::uint32_t talk) noexcept;

  reactor& loop_;
  talks_owner& owner_;
  std::uint32_t index_ = 0;
  std::map<std::uint32_t, talk_seat> seats_;  // by run
  unique_fd program_;                         // of this process, once it was needed
};

}  // namespace execo::agent
