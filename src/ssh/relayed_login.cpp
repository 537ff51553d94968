#include "ssh/relayed_login.hpp"

#include <algorithm>
#include <utility>

#include "ssh/agent_protocol.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/wire.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t length_of_length = 4;

std::string refused() { return std::string(1, '\x05'); }

std::string list_of(const login_plan& plan) {
  constexpr char keys_follow = 12;
  std::string keys;
  std::size_t count = 0;
  for (const login_offer& one : plan.offers) {
    std::string key;
    append_number(key, one.blob.size());
    key += one.blob;
    append_number(key, 0);  // no comment: the names of files are nobody's business
    if (keys.size() + key.size() > sign_answer_limit - 16) break;
    keys += key;
    ++count;
  }
  std::string message(1, keys_follow);
  append_number(message, count);
  return message + keys;
}

bool is_reached_plainly(const ssh_environment& by) {
  return by.settings.needs_ssh.empty() && !by.has_hops() && by.unix_socket.empty() &&
         by.proxy_command.empty() && by.settings.allows.key;
}

}  // namespace

std::string key_for_others(const ssh_target& to, login_means means) {
  const ssh_environment& by = *to.shared;
  if (!is_reached_plainly(by) || !by.host_keys.checks()) return {};
  if (means == login_means::signatures && !by.offers.may_have_keys()) return {};
  if (!known_hosts::can_record(to.name)) return {};
  constexpr int usual_port = 22;
  const std::string& alias = by.settings.key_alias;
  return alias.empty() ? by.host_keys.key_to_tell(to.name, to.port)
                       : by.host_keys.key_to_tell(alias, usual_port);
}

class relayed_logins::relayed final : public job {
 public:
  relayed(relayed_logins& of, const std::shared_ptr<ssh_environment>& by, sign_ask_message what,
          receiver done)
      : job(of, std::shared_ptr<login_offers>(by, &by->offers)),
        what_(std::move(what)),
        done_(std::move(done)) {}

  void deliver() override { done_(std::move(text_)); }

 private:
  bool begin() override {
    if (what_.wish == sign_wish::keys) {
      text_ = list_of(plan());
      return true;
    }
    auto offer = std::ranges::find(plan().offers, what_.key, &login_offer::blob);
    if (offer == plan().offers.end()) return true;
    if (offer->key == nullptr) return ask_agent(*offer, what_.data, what_.flags);
    return end(sign_with(offer->key, what_.data, what_.flags));
  }
  bool end(const std::string& signature) override {
    if (!signature.empty()) text_ = sign_answer(signature).substr(length_of_length);
    return true;
  }

  const sign_ask_message what_;
  const receiver done_;
  std::string text_ = refused();
};

void relayed_logins::ask(const std::shared_ptr<ssh_environment>& by, sign_ask_message what,
                         receiver done) {
  add(std::make_unique<relayed>(*this, by, std::move(what), std::move(done)));
}

}  // namespace execo::detail
