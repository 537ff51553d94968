// One connection of an ssh to the ssh agent here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/reactor.hpp"
#include "wire/sign_messages.hpp"
#include "wire/ssh_agent_request.hpp"

namespace execo::agent {

class sign_socket;

/// reading -> waiting  a question has gone to the root
/// waiting -> reading  answer()
/// reading, waiting -> over  it is closed, it breaks the protocol, or does not take its answer
enum class sign_client_state : std::uint8_t { reading, waiting, over };

class sign_client {
 public:
  sign_client(sign_socket& of, std::uint32_t number, std::uint32_t target, unique_fd connected);
  sign_client(const sign_client&) = delete;
  sign_client& operator=(const sign_client&) = delete;
  ~sign_client();

  /// May end it: sign_socket::on_ended() is called last.
  void begin();
  void answer(const std::string& text);

 private:
  void on_ready(std::uint32_t);
  bool read();
  void serve();
  void take(const detail::ssh_agent_request& what);
  void bind(const detail::ssh_agent_request& what);
  void ask(const detail::ssh_agent_request& what);
  void say(std::string_view text);
  void await(std::uint32_t events);
  void end_if_over();

  sign_socket& of_;
  std::uint32_t number_, target_;
  unique_fd socket_;
  watch seen_;
  sign_client_state state_ = sign_client_state::reading;
  std::string received_;
  std::string host_key_, session_, proof_;
};

}  // namespace execo::agent
