#include "ssh/relayed_login.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/contain.hpp"
#include "ssh/agent_protocol.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/wire.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

constexpr auto relayed_sign_limit = std::chrono::minutes(1);
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

/// listing -> signing -> answered, or listing -> answered.
class relayed_logins::job {
 public:
  job(relayed_logins& of, std::shared_ptr<ssh_environment> by, sign_ask_message what, receiver done)
      : of_(of),
        by_(std::move(by)),
        what_(std::move(what)),
        done_(std::move(done)),
        listed_(delegate<>::to<&job::note>(this)),
        question_(delegate<>::to<&job::note>(this)) {}

  /// True: it is answered.
  bool go_on() {
    if (!plan_) plan_ = by_->offers.ask(listed_);
    if (!plan_) return false;
    return is_signing_ ? take_signature() : answer();
  }
  bool has_news() const noexcept { return has_news_; }
  void clear_news() noexcept { has_news_ = false; }
  /// Pre: go_on() has said so.
  void deliver() { done_(std::move(text_)); }

 private:
  void note() {
    has_news_ = true;
    of_.go_on_soon();
  }
  bool end(std::string text) {
    text_ = text.empty() ? refused() : std::move(text);
    return true;
  }

  bool answer() {
    if (what_.wish == sign_wish::keys) return end(list_of(*plan_));
    auto offer = std::ranges::find(plan_->offers, what_.key, &login_offer::blob);
    if (offer == plan_->offers.end()) return end({});
    if (offer->key == nullptr) return ask_agent(*offer);
    std::string signature = sign_with(offer->key, what_.data, what_.flags);
    return end(signature.empty() ? "" : sign_answer(signature).substr(length_of_length));
  }
  bool ask_agent(const login_offer& offer) {
    signature_request request;
    request.key = offer.signer;
    request.data = what_.data;
    request.flags = what_.flags;
    is_signing_ = true;
    by_->offers.agent().ask(question_, sign_request(request), relayed_sign_limit);
    return false;
  }
  bool take_signature() {
    if (question_.pending()) return false;
    std::string signature;
    bool is_good = !question_.answer.empty() &&
                   read_signature(question_.answer, signature) == agent_reply::good;
    return end(is_good ? sign_answer(signature).substr(length_of_length) : "");
  }

  relayed_logins& of_;
  std::shared_ptr<ssh_environment> by_;
  sign_ask_message what_;
  receiver done_;
  std::shared_ptr<const login_plan> plan_;  // null: it is being made
  login_offers::waiter listed_;
  agent_question question_;
  std::string text_;
  bool is_signing_ = false;
  bool has_news_ = true;
};

relayed_logins::relayed_logins(loop& on)
    : loop_(on), step_(delegate<>::to<&relayed_logins::go_on>(this)) {}

relayed_logins::~relayed_logins() = default;

void relayed_logins::ask(std::shared_ptr<ssh_environment> by, sign_ask_message what,
                         receiver done) {
  jobs_.push_back(std::make_unique<job>(*this, std::move(by), std::move(what), std::move(done)));
  go_on_soon();
}

void relayed_logins::forget() noexcept { jobs_.clear(); }

void relayed_logins::go_on_soon() noexcept {
  if (std::exchange(step_queued_, true)) return;
  retain();
  loop_.defer(step_);
}

// Receivers may ask again, or forget all.
void relayed_logins::go_on() {
  intrusive_ptr<relayed_logins> alive(this);
  release();
  step_queued_ = false;
  std::vector<std::unique_ptr<job>> answered;
  for (std::unique_ptr<job>& one : jobs_) {
    if (!one->has_news()) continue;
    one->clear_news();
    bool is_over = true;
    contain([&] { is_over = one->go_on(); }, [](const std::exception_ptr&) {});
    if (is_over) answered.push_back(std::move(one));
  }
  std::erase(jobs_, nullptr);
  for (const std::unique_ptr<job>& one : answered)
    contain([&] { one->deliver(); }, [](const std::exception_ptr&) {});
}

}  // namespace execo::detail
