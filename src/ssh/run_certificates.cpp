#include "ssh/run_certificates.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/hex.hpp"
#include "base/random.hpp"
#include "ssh/key_blob.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/user_certificate.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {
namespace {

// Clocks of hosts may be a bit behind.
constexpr auto clock_difference = std::chrono::minutes(2);

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

class run_certificates::wanted final : public job {
 public:
  wanted(run_certificates& of, certificate_wish what, receiver done)
      : job(of, of.offers_), file_(of.by_->file), what_(std::move(what)), done_(std::move(done)) {}

  void deliver() override {
    // Keys may be added to an agent.
    if (!made_) offers().refresh();
    done_(std::move(made_), problem_);
  }

 private:
  bool fail(std::string why) {
    problem_ = std::move(why);
    return true;
  }

  bool begin() override {
    auto by = std::ranges::find_if(plan().offers, is_authority);
    if (by == plan().offers.end()) return fail(why_nobody_signs());
    if (what_.users.empty() || what_.users.size() > user_certificate::max_users)
      return fail("it would be for " + std::to_string(what_.users.size()) + " users, " +
                  std::to_string(user_certificate::max_users) + " are the most");
    signed_part_ = text_for(by->blob);
    if (by->key == nullptr) return ask_agent(*by, signed_part_, sign_rsa_sha512);
    return end(sign_with(by->key, signed_part_, sign_rsa_sha512));
  }
  std::string text_for(const std::string& authority) {
    const auto now = std::chrono::system_clock::now();
    user_certificate made;
    made.key = pair_.blob;
    made.authority = authority;
    made.name = what_.name;
    made.users = what_.users;
    made.serial = count_of<std::chrono::microseconds>(now);
    made.from = count_of<std::chrono::seconds>(now - clock_difference);
    made.until = count_of<std::chrono::seconds>(now + validity);
    return made.to_sign(new_nonce());
  }
  bool end(const std::string& signature) override {
    if (signature.empty()) return fail(why_nobody_signs());
    certificate_message made;
    made.key = pair_.text;
    made.text = certificate_line(signed_part_, signature);
    if (made.text.size() > certificate_limit) return fail("it would be too large");
    made_ = std::move(made);
    return true;
  }
  std::string why_nobody_signs() const {
    std::string why = problem_of_agent().empty() ? plan().left_out : problem_of_agent();
    return why.empty() ? file_ + ": signs nothing" : why;
  }

  const std::string& file_;
  const certificate_wish what_;
  const receiver done_;
  const key_pair pair_;
  std::string signed_part_;  // empty: not yet
  std::optional<certificate_message> made_;
  std::string problem_ = "it could not be made";
};

run_certificates::run_certificates(loop& on, std::shared_ptr<certificate_authority> by)
    : signature_jobs(on),
      by_(std::move(by)),
      offers_(std::make_shared<login_offers>(on, by_->keys, by_->agent, by_->requests, true,
                                             by_->passphrases)) {}

// They wait for an answer of what is gone next.
run_certificates::~run_certificates() { forget(); }

void run_certificates::make(certificate_wish what, receiver done) {
  add(std::make_unique<wanted>(*this, std::move(what), std::move(done)));
}

}  // namespace execo::detail
