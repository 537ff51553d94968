#include "ssh/login_offers.hpp"

#include <string.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/contain.hpp"
#include "base/read_file.hpp"
#include "base/secret_store.hpp"
#include "ssh/key_blob.hpp"
#include "ssh/question_thread.hpp"

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

std::optional<std::size_t> find_needed(const identity_set& files, const login_plan& plan) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].locked.empty() || files[i].key) continue;
    auto offered = std::ranges::find(plan.offers, files[i].blob, &login_offer::blob);
    bool needed = files.are_named() || plan.offers.empty();
    if (offered == plan.offers.end() && needed) return i;
  }
  return std::nullopt;
}

/// Asks for the passphrase of a key file and decrypts it, which takes a tenth of a second and more
/// by design.
class login_offers::unlocking final : public helper_job {
 public:
  unlocking(login_offers& who, std::string key_file)
      : owner(&who), file(std::move(key_file)), prompt_(who.passphrases_) {}
  ~unlocking() override {
    if (owner != nullptr) owner->job_ = nullptr;
  }

  /// What is to be made of the file: the key, or the key with a certificate.
  class product {
   public:
    std::size_t index;  // of the identity
    std::string certificate;
    libssh_key key;
  };

  login_offers* owner;  // null: it is gone
  const std::string file;
  std::vector<product> products;
  /// Empty: they are made.
  std::string problem = "is encrypted, and its passphrase was not given";

 private:
  void work() noexcept override {
    contain([this] { unlock(); }, [](const std::exception_ptr&) {});
  }
  void unlock() {
    constexpr std::size_t max_size = std::size_t{1} << 20;
    std::string text, why;
    if (read_file(file, file_kind::regular, max_size, text, why) != file_read::whole) {
      problem = why;
      return;
    }
    auto fits = [&](const secret& passphrase) {
      for (product& p : products) {
        p.key = unlock_key(text, passphrase.reveal().data(), p.certificate);
        if (!p.key) return false;
      }
      return true;
    };
    if (secret_store::find(prompt_, file, "Enter passphrase for key '" + file + "': ", fits))
      problem.clear();
    ::explicit_bzero(text.data(), text.size());
  }
  void finished() noexcept override {
    if (owner != nullptr) std::exchange(owner, nullptr)->unlocked(*this);
  }

  const secret_prompt prompt_;
};

login_offers::login_offers(loop& on, identity_set& files, const std::string& agent,
                           unsigned requests, bool only_identities, secret_prompt passphrases)
    : loop_(on),
      files_(files),
      only_identities_(only_identities),
      passphrases_(std::move(passphrases)),
      question_(delegate<>::to<&login_offers::listed>(this)) {
  make_plan();
  if (!agent.empty()) {
    agent_ = &on.service<agent_clients>().at(agent);
    agent_->allow(std::max(requests, 1U));
  } else if (!find_needed(files_, *plan_)) {
    stage_ = stage::ready;
  }
}

login_offers::~login_offers() {
  if (job_ != nullptr) job_->owner = nullptr;
}

std::shared_ptr<const login_plan> login_offers::ask(waiter& w) {
  if (stage_ == stage::ready) return plan_;
  w.link_before(waiting_);
  if (stage_ == stage::stale) begin();
  if (stage_ != stage::ready) return nullptr;
  w.unlink();
  return plan_;
}

void login_offers::begin() {
  stage_ = stage::listing;
  if (agent_ == nullptr) return go_on();
  agent_->ask(question_, list_request(), list_limit);
}

void login_offers::listed() {
  contain([this] { read_answer(); }, [](const std::exception_ptr&) {});
  go_on();
}

void login_offers::read_answer() {
  keys_.clear();
  agent_problem_ = question_.problem;
  agent_reply got =
      question_.answer.empty() ? agent_reply::good : read_list(question_.answer, keys_);
  std::string who = "the ssh agent at " + agent_->path();
  if (got == agent_reply::refused) agent_problem_ = who + " lists no keys";
  if (got == agent_reply::malformed) agent_problem_ = who + " breaks the protocol";
}

void login_offers::make_plan() {
  auto made = std::make_shared<login_plan>(plan_login(files_, keys_, only_identities_));
  if (!agent_problem_.empty())
    made->left_out += (made->left_out.empty() ? "" : ", ") + agent_problem_;
  plan_ = std::move(made);
}

// One passphrase after another, until the plan is complete.
void login_offers::go_on() {
  bool complete = true;
  contain(
      [&] {
        make_plan();
        complete = !unlock_next();
      },
      [](const std::exception_ptr&) {});
  stage_ = complete ? stage::ready : stage::unlocking;
  while (complete && waiting_.linked()) {
    auto& w = static_cast<waiter&>(*waiting_.next());
    w.unlink();
    w.ready();
  }
}

bool login_offers::unlock_next() {
  std::optional<std::size_t> needed = find_needed(files_, *plan_);
  if (!needed || !passphrases_) return false;
  auto made = std::make_unique<unlocking>(*this, files_[*needed].locked);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].locked != made->file) continue;
    unlocking::product wanted;
    wanted.index = i;
    wanted.certificate = files_[i].blob;
    made->products.push_back(std::move(wanted));
  }
  job_ = made.get();
  loop_.service<question_thread>().threads.submit(std::move(made));
  return true;
}

void login_offers::take_keys(unlocking& from) {
  for (unlocking::product& p : from.products) {
    identity& of = files_[p.index];
    of.problem = from.problem;
    if (!of.problem.empty()) continue;
    if (of.blob.empty()) of.blob = public_half_of(p.key.get());
    of.key = std::move(p.key);
  }
}

void login_offers::unlocked(unlocking& done) {
  job_ = nullptr;
  for (const unlocking::product& p : done.products) files_[p.index].locked.clear();
  contain([&] { take_keys(done); }, [](const std::exception_ptr&) {});
  go_on();
}

std::size_t login_offers::favourite(const login_plan& of) const noexcept {
  auto found = std::ranges::find(of.offers, favourite_, &login_offer::blob);
  return found == of.offers.end() ? 0 : static_cast<std::size_t>(found - of.offers.begin());
}

}  // namespace execo::detail
