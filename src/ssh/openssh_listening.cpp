#include "ssh/openssh_listening.hpp"

#include <charconv>

#include "execo/printable.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t max_problem = 300;

}  // namespace

void openssh_listening::read_step(std::string_view step) {
  if (step.starts_with("Entering interactive session")) here_ = true;
  const bool is_answered = step.find("all expected forwarding replies received") != step.npos;
  if (is_answered) server_ = server::listens;
}

// "bind [127.0.0.1]:80: Permission denied", "unix_listener: cannot bind to path /x: Address already
// in use", "Allocated port 40001 for remote forward to db:80"
void openssh_listening::read_message(std::string_view message) {
  constexpr std::string_view allocated = "Allocated port ";
  if (message.starts_with(allocated)) {
    const std::string_view number = message.substr(allocated.size());
    (void)std::from_chars(number.data(), number.data() + number.size(), chosen_port_);
  }
  const bool says_why = message.starts_with("bind ") || message.starts_with("unix_listener: ");
  if (says_why) problem_ = printable(message, max_problem);
  if (message.starts_with("Error: remote port forwarding failed")) server_ = server::refuses;
}

}  // namespace execo::detail
