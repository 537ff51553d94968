#include "ssh/login_offers.hpp"

#include <algorithm>
#include <chrono>

#include "base/contain.hpp"
#include "ssh/key_blob.hpp"

namespace execo::detail {
namespace {

constexpr auto list_limit = std::chrono::seconds(5);

const agent_key* find_key(const std::vector<agent_key>& keys, const std::string& blob) {
  auto found = std::ranges::find(keys, blob, &agent_key::blob);
  return found == keys.end() ? nullptr : &*found;
}

class plan_maker {
 public:
  plan_maker(const identity_set& files, const std::vector<agent_key>& agent) noexcept
      : files_(files), agent_(agent) {}

  login_plan make(bool only_identities) {
    made_.left_out = files_.left_out();
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (is_certificate(files_[i].blob)) add(files_[i]);
    for (const agent_key& held : agent_)
      if (const identity* named = identity_of(held)) add(held, named->file);
    for (const agent_key& held : agent_)
      if (!only_identities) add(held, {});
    for (std::size_t i = 0; i < files_.size(); ++i) add(files_[i]);
    return std::move(made_);
  }

 private:
  // The one that is this key, or that a certificate of the agent's is for.
  const identity* identity_of(const agent_key& held) const {
    std::string plain = plain_key_of(held.blob);
    for (std::size_t i = 0; i < files_.size(); ++i)
      if (files_[i].blob == held.blob || files_[i].blob == plain) return &files_[i];
    return nullptr;
  }
  bool is_offered(const std::string& blob) const {
    return std::ranges::find(made_.offers, blob, &login_offer::blob) != made_.offers.end();
  }

  void add(const identity& from) {
    if (is_offered(from.blob)) return;
    login_offer offer;
    offer.name = from.file;
    offer.blob = from.blob;
    offer.key = from.key.get();
    if (offer.key == nullptr) {
      const agent_key* held = find_key(agent_, from.blob);
      if (held == nullptr) held = find_key(agent_, plain_key_of(from.blob));
      if (held == nullptr) return leave_out(from.file, from.problem);
      offer.signer = held->blob;
    }
    made_.offers.push_back(std::move(offer));
  }

  // A key file that is loaded signs itself: the signature is the same.
  void add(const agent_key& held, const std::string& file) {
    if (is_offered(held.blob)) return;
    login_offer offer;
    constexpr std::size_t max_shown = 100;
    std::string comment = peer_text(held.comment, max_shown);
    offer.name = file.empty() ? comment.empty() ? "a key" : comment : file;
    offer.name += " (agent)";
    offer.blob = offer.signer = held.blob;
    std::string type(type_of_key(held.blob));
    if (ssh_key_type_from_name(type.c_str()) == SSH_KEYTYPE_UNKNOWN)
      return leave_out(offer.name, "is of an unknown kind, " + peer_text(type, max_shown));
    for (std::size_t i = 0; i < files_.size() && offer.key == nullptr; ++i) {
      if (files_[i].blob != held.blob || !files_[i].key) continue;
      offer.key = files_[i].key.get();
      offer.name = files_[i].file;
    }
    made_.offers.push_back(std::move(offer));
  }

  void leave_out(const std::string& name, const std::string& why) {
    if (why.empty()) return;
    made_.left_out += (made_.left_out.empty() ? "" : ", ") + name + ": " + why;
  }

  const identity_set& files_;
  const std::vector<agent_key>& agent_;
  login_plan made_;
};

}  // namespace

std::string login_plan::names() const {
  std::string text;
  for (const login_offer& o : offers) text += (text.empty() ? "" : ", ") + o.name;
  if (text.empty()) text = "none";
  return left_out.empty() ? text : text + " (left out: " + left_out + ")";
}

login_plan plan_login(const identity_set& files, const std::vector<agent_key>& agent,
                      bool only_identities) {
  return plan_maker(files, agent).make(only_identities);
}

login_offers::login_offers(loop& on, const identity_set& files, const std::string& agent,
                           unsigned requests, bool only_identities)
    : files_(files),
      only_identities_(only_identities),
      question_(delegate<>::to<&login_offers::listed>(this)) {
  make_plan({}, {});
  if (agent.empty()) return;
  agent_ = &on.service<agent_clients>().at(agent);
  agent_->allow(std::max(requests, 1U));
}

std::shared_ptr<const login_plan> login_offers::ask(waiter& w) {
  if (agent_ == nullptr || (!stale_ && !question_.pending())) return plan_;
  w.link_before(waiting_);
  if (!question_.pending()) {
    stale_ = false;
    agent_->ask(question_, list_request(), list_limit);
  }
  if (question_.pending()) return nullptr;
  w.unlink();
  return plan_;
}

void login_offers::listed() {
  contain(
      [this] {
        std::vector<agent_key> keys;
        std::string problem = question_.problem;
        agent_reply got =
            question_.answer.empty() ? agent_reply::good : read_list(question_.answer, keys);
        std::string who = "the ssh agent at " + agent_->path();
        if (got == agent_reply::refused) problem = who + " lists no keys";
        if (got == agent_reply::malformed) problem = who + " breaks the protocol";
        make_plan(keys, problem);
      },
      [](const std::exception_ptr&) {});
  while (waiting_.linked()) {
    auto& w = static_cast<waiter&>(*waiting_.next());
    w.unlink();
    w.ready();
  }
}

void login_offers::make_plan(const std::vector<agent_key>& keys, const std::string& problem) {
  auto made = std::make_shared<login_plan>(plan_login(files_, keys, only_identities_));
  if (!problem.empty()) made->left_out += (made->left_out.empty() ? "" : ", ") + problem;
  plan_ = std::move(made);
}

std::size_t login_offers::favourite(const login_plan& of) const noexcept {
  auto found = std::ranges::find(of.offers, favourite_, &login_offer::blob);
  return found == of.offers.end() ? 0 : static_cast<std::size_t>(found - of.offers.begin());
}

}  // namespace execo::detail
