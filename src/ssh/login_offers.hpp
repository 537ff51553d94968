// What the sessions of an environment log in with, in the order in which ssh would: certificates,
// keys of the agent that are identities as well, its other keys, the other identities.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "execo/secret.hpp"
#include "ssh/agent_client.hpp"
#include "ssh/agent_protocol.hpp"
#include "ssh/identity.hpp"

namespace execo::detail {

/// A key or certificate to log in with.
class login_offer {
 public:
  std::string name;  // for people
  std::string blob;  // what is offered
  /// The private key; null: the agent signs.
  ssh_key_struct* key = nullptr;
  std::string signer;  // by what blob the agent knows the key
};

/// What there is to offer, and what was left out and why.
class login_plan {
 public:
  std::vector<login_offer> offers;
  std::string left_out;

  std::string names() const;
};

/// `only_identities`: no keys of the agent that are not identities.
login_plan plan_login(const identity_set& files, const std::vector<agent_key>& agent,
                      bool only_identities);

/// The index of the first identity that is locked, that the agent does not hold, and whose
/// passphrase is needed: it was named, or nothing else can log in. None: `plan` is complete.
std::optional<std::size_t> find_needed(const identity_set& files, const login_plan& plan);

/// The plan of an environment, made when the agent has listed its keys, and the passphrases that
/// are needed were given.
class login_offers {
 public:
  /// A session that waits for the plan; stops waiting when destroyed. `ready` only takes note.
  class waiter : private list_node {
   public:
    explicit waiter(delegate<> on_ready) noexcept : ready(on_ready) {}
    delegate<> ready;

   private:
    friend class login_offers;
  };

  /// `agent`: the path of its socket; empty: there is none.
  login_offers(loop& on, identity_set& files, const std::string& agent, unsigned requests,
               bool only_identities, secret_prompt passphrases);
  login_offers(const login_offers&) = delete;
  login_offers& operator=(const login_offers&) = delete;
  ~login_offers();

  /// The plan; null: `w` is called when it is there.
  std::shared_ptr<const login_plan> ask(waiter& w);
  /// The last one that was made; the first is that of the files alone.
  const login_plan& plan() const noexcept { return *plan_; }
  /// The agent is asked again for the next session.
  void refresh() noexcept {
    if (agent_ != nullptr && stage_ == stage::ready) stage_ = stage::stale;
  }
  /// False: there is nothing to log in with by a key, and no agent that may have one.
  bool may_have_keys() const noexcept { return agent_ != nullptr || !plan_->offers.empty(); }
  /// Pre: there is one.
  agent_client& agent() const noexcept { return *agent_; }

  /// The offer to begin with: the one that was accepted last, for a refused one counts as a failed
  /// attempt at the server.
  std::size_t favourite(const login_plan& of) const noexcept;
  void accepted(const login_offer& by) { favourite_ = by.blob; }

 private:
  class unlocking;
  enum class stage : std::uint8_t { stale, listing, unlocking, ready };

  void begin();
  void listed();
  void read_answer();
  void make_plan();
  void go_on();
  bool unlock_next();
  void take_keys(unlocking& from);
  void unlocked(unlocking& done);

  loop& loop_;
  identity_set& files_;
  agent_client* agent_ = nullptr;
  const bool only_identities_;
  const secret_prompt passphrases_;
  stage stage_ = stage::stale;
  std::vector<agent_key> keys_;  // the agent's
  std::string agent_problem_;
  unlocking* job_ = nullptr;
  std::shared_ptr<const login_plan> plan_;
  std::string favourite_;  // a blob
  list_node waiting_;
  agent_question question_;
};

}  // namespace execo::detail
