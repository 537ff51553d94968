// One connection of a process of a command to the socket for the command's messages.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/reactor.hpp"
#include "wire/talk_request.hpp"

namespace execo::agent {

class talk_seat;

/// reading -> waiting  a request was read, its answer depends on others
/// waiting -> reading  answer()
/// reading, waiting -> over  it is closed, or breaks the rules: it can go once its seat collects
enum class talk_client_state : std::uint8_t { reading, waiting, over };

class talk_client {
 public:
  talk_client(talk_seat& of, std::uint32_t number, unique_fd connected);
  talk_client(const talk_client&) = delete;
  talk_client& operator=(const talk_client&) = delete;
  ~talk_client() { end(); }

  void begin() { await(EPOLLIN); }
  std::uint32_t number() const noexcept { return number_; }
  bool is_over() const noexcept { return state_ == talk_client_state::over; }
  /// False, and it is over: it does not take it.
  bool answer(std::string_view packet);
  /// Its seat is told when that time is over, unless it was answered before.
  void expect_answer_within(milliseconds limit);

 private:
  void on_ready(std::uint32_t);
  void on_patience();
  void read();
  void await(std::uint32_t events);
  void end() noexcept;

  talk_seat& of_;
  std::uint32_t number_;
  unique_fd socket_;
  watch seen_;
  alarm patience_;
  talk_client_state state_ = talk_client_state::reading;
};

}  // namespace execo::agent
