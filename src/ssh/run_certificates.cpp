#include "ssh/run_certificates.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/contain.hpp"
#include "base/hex.hpp"
#include "base/random.hpp"
#include "ssh/agent_client.hpp"
#include "ssh/agent_protocol.hpp"
#include "ssh/key_blob.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/user_certificate.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

// Clocks of hosts may be a bit behind.
constexpr auto clock_difference = std::chrono::minutes(2);
constexpr auto certificate_sign_limit = std::chrono::minutes(1);

std::string new_nonce() {
  constexpr std::size_t size = 32;
  auto bytes = bytes_of_hex<size>(random_hex(size));
  return {bytes.data(), bytes.size()};
}

template <class Unit>
std::uint64_t count_of(std::chrono::system_clock::time_point when) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<Unit>(when.time_since_epoch()).count());
}

std::string agent_for(const ssh_options& options, const ssh_caller& by) {
  if (options.agent == "none") return {};
  return by.path_of(options.agent.empty() ? by.agent() : options.agent);
}

bool is_authority(const login_offer& offer) { return !is_certificate(offer.blob); }

}  // namespace

certificate_authority::certificate_authority(const std::string& given, const ssh_options& options,
                                             const ssh_caller& by)
    : file(by.path_of(given)),
      agent(agent_for(options, by)),
      keys(key_files({given}, missing_keys::are_skipped), key_files({}), !agent.empty(),
           static_cast<bool>(options.passphrase), by),
      requests(options.agent_requests),
      passphrases(options.passphrase) {
  bool has_key = false;
  for (std::size_t i = 0; i < keys.size(); ++i) has_key |= !is_certificate(keys[i].blob);
  if (has_key) return;
  std::string why = keys.left_out();
  if (why.empty()) why = file + (keys.size() != 0 ? ": is a certificate" : ": is missing");
  if (std::size_t at = why.find(": is "); at != why.npos) why.erase(at, 1);
  throw std::invalid_argument("certificate authority " + why);
}

/// listing -> signing -> answered, or listing -> answered.
class run_certificates::job {
 public:
  job(run_certificates& of, certificate_wish what, receiver done)
      : of_(of),
        what_(std::move(what)),
        done_(std::move(done)),
        listed_(delegate<>::to<&job::note>(this)),
        question_(delegate<>::to<&job::note>(this)) {}

  /// True: it is answered.
  bool go_on() {
    if (!plan_) plan_ = of_.offers_.ask(listed_);
    if (!plan_) return false;
    return signed_part_.empty() ? sign() : take_signature();
  }
  bool has_news() const noexcept { return has_news_; }
  void clear_news() noexcept { has_news_ = false; }
  /// Pre: go_on() has said so, or has thrown.
  void deliver() {
    // Keys may be added to an agent.
    if (!made_) of_.offers_.refresh();
    done_(std::move(made_), problem_);
  }

 private:
  void note() {
    has_news_ = true;
    of_.go_on_soon();
  }

  bool fail(std::string why) {
    problem_ = std::move(why);
    return true;
  }

  bool sign() {
    auto by = std::ranges::find_if(plan_->offers, is_authority);
    if (by == plan_->offers.end()) return fail(why_nobody_signs());
    if (what_.users.empty() || what_.users.size() > user_certificate::max_users)
      return fail("it would be for " + std::to_string(what_.users.size()) + " users, " +
                  std::to_string(user_certificate::max_users) + " are the most");
    signed_part_ = text_for(by->blob);
    if (by->key != nullptr) return end(sign_with(by->key, signed_part_, sign_rsa_sha512));
    signature_request request;
    request.key = by->signer;
    request.data = signed_part_;
    request.flags = sign_rsa_sha512;
    of_.offers_.agent().ask(question_, sign_request(request), certificate_sign_limit);
    return false;
  }
  std::string text_for(const std::string& authority) {
    const auto now = std::chrono::system_clock::now();
    user_certificate wanted;
    wanted.key = pair_.blob;
    wanted.authority = authority;
    wanted.name = what_.name;
    wanted.users = what_.users;
    wanted.serial = count_of<std::chrono::microseconds>(now);
    wanted.from = count_of<std::chrono::seconds>(now - clock_difference);
    wanted.until = count_of<std::chrono::seconds>(now + validity);
    return wanted.to_sign(new_nonce());
  }
  bool take_signature() {
    if (question_.pending()) return false;
    std::string signature;
    bool is_good = !question_.answer.empty() &&
                   read_signature(question_.answer, signature) == agent_reply::good;
    return end(is_good ? signature : std::string());
  }
  bool end(const std::string& signature) {
    if (signature.empty()) return fail(why_nobody_signs());
    certificate_message made;
    made.key = pair_.text;
    made.text = certificate_line(signed_part_, signature);
    if (made.text.size() > certificate_limit) return fail("it would be too large");
    made_ = std::move(made);
    return true;
  }
  std::string why_nobody_signs() const {
    std::string why = question_.problem.empty() ? plan_->left_out : question_.problem;
    return why.empty() ? of_.by_->file + ": signs nothing" : why;
  }

  run_certificates& of_;
  const certificate_wish what_;
  const receiver done_;
  const key_pair pair_;
  std::shared_ptr<const login_plan> plan_;  // null: it is being made
  login_offers::waiter listed_;
  agent_question question_;
  std::string signed_part_;  // empty: not yet
  std::optional<certificate_message> made_;
  std::string problem_ = "it could not be made";
  bool has_news_ = true;
};

run_certificates::run_certificates(loop& on, std::shared_ptr<certificate_authority> by)
    : loop_(on),
      by_(std::move(by)),
      offers_(on, by_->keys, by_->agent, by_->requests, true, by_->passphrases),
      step_(delegate<>::to<&run_certificates::go_on>(this)) {}

run_certificates::~run_certificates() = default;

void run_certificates::make(certificate_wish what, receiver done) {
  jobs_.push_back(std::make_unique<job>(*this, std::move(what), std::move(done)));
  go_on_soon();
}

void run_certificates::forget() noexcept { jobs_.clear(); }

void run_certificates::go_on_soon() noexcept {
  if (std::exchange(step_queued_, true)) return;
  retain();
  loop_.defer(step_);
}

// Receivers may ask again, or forget all.
void run_certificates::go_on() {
  intrusive_ptr<run_certificates> alive(this);
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
