#include "ssh/openssh_authentication.hpp"

#include <charconv>
#include <utility>

namespace execo::detail {

bool openssh_authentication::read_step(std::string_view step) {
  constexpr std::string_view to = "Authenticating to ";
  constexpr std::string_view next = "Next authentication method: ";
  constexpr std::string_view prompts = "input_userauth_info_req: num_prompts ";
  if (step.starts_with(to)) {
    // "... n1:22 as 'ops'"
    std::size_t name = step.find(" as '");
    if (name == step.npos) return false;
    user_ = step.substr(name + 5);
    user_.erase(user_.rfind('\'') == user_.npos ? user_.size() : user_.rfind('\''));
  } else if (step.starts_with(next)) {
    method_ = step.substr(next.size());
  } else if (step.starts_with("Authentications that can continue: ")) {
    if (!std::exchange(wants_more_, false)) ++refusals_;
  } else if (step.starts_with(prompts)) {
    std::string_view number = step.substr(prompts.size());
    (void)std::from_chars(number.data(), number.data() + number.size(), prompts_);
  } else {
    return false;
  }
  return true;
}

// "Authenticated using "password" with partial success.", and then what can continue.
bool openssh_authentication::read_message(std::string_view message) {
  if (!message.starts_with("Authenticated using ")) return false;
  wants_more_ = true;
  ++partial_successes_;
  return true;
}

}  // namespace execo::detail
