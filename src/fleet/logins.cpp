#include "fleet/logins.hpp"

#include <libssh/libssh.h>

#include <algorithm>
#include <utility>

namespace execo::fleet {
namespace {

unsigned method_named(std::string_view name) {
  for (auto [known, bit] : {std::pair("publickey", SSH_AUTH_METHOD_PUBLICKEY),
                            std::pair("password", SSH_AUTH_METHOD_PASSWORD),
                            std::pair("keyboard-interactive", SSH_AUTH_METHOD_INTERACTIVE)})
    if (name == known) return bit;
  throw usage_error("--auth: '" + std::string(name) +
                    "' is not publickey, password or keyboard-interactive");
}

// Calls `visit(part)` for each part between separators.
template <class Visit>
void for_each_part(std::string_view text, char separator, Visit visit) {
  while (true) {
    std::size_t end = std::min(text.find(separator), text.size());
    visit(text.substr(0, end));
    if (end == text.size()) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

method_lists parse_methods(std::string_view text) {
  method_lists lists;
  for_each_part(text, ' ', [&](std::string_view list) {
    if (list.empty()) return;
    lists.emplace_back();
    for_each_part(list, ',',
                  [&](std::string_view name) { lists.back().push_back(method_named(name)); });
  });
  if (lists.empty()) throw usage_error("--auth: no method");
  return lists;
}

std::vector<prompt> parse_prompts(std::string_view text) {
  std::vector<prompt> prompts;
  for_each_part(text, '|', [&](std::string_view one) {
    std::size_t equals = one.rfind('=');
    if (equals == one.npos)
      throw usage_error("--prompt: '" + std::string(one) + "' is not TEXT=ANSWER");
    prompt made;
    made.echoes = one.starts_with('+');
    made.text = one.substr(made.echoes ? 1 : 0, equals - (made.echoes ? 1 : 0));
    made.answer = one.substr(equals + 1);
    prompts.push_back(std::move(made));
  });
  return prompts;
}

unsigned login::methods() const noexcept {
  unsigned bits = 0;
  for (const std::vector<unsigned>& list : left_) bits |= list.front();
  return bits;
}

bool login::pass(unsigned method) {
  for (std::vector<unsigned>& list : left_) {
    if (list.front() != method) continue;
    list.erase(list.begin());
    if (list.empty()) return true;
  }
  return false;
}

}  // namespace execo::fleet
