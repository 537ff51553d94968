// How a session logs in: the offers of its environment, one after another, then with what the user
// knows. Keys that are here sign at once. For one of the agent's, the server is asked whether it
// would take it, the agent signs on the loop, and the server is asked again, with the signature.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "execo/detail/delegate.hpp"
#include "ssh/agent_client.hpp"
#include "ssh/agent_protocol.hpp"
#include "ssh/environment.hpp"
#include "ssh/libssh.hpp"
#include "ssh/secret_login.hpp"

namespace execo::detail {

class login {
 public:
  enum class progress : std::uint8_t {
    waiting,  ///< for the server
    apart,    ///< for the agent, the user or another login: the server was asked for nothing
    accepted,
    refused,
    lost,
    next,  ///< not returned
  };

  /// `wake` is called when go_on() should be, apart from what comes from the server.
  login(ssh_environment& shared, const login_names& names, delegate<> wake);

  /// False: what it has to offer is not known yet, or the user is being asked.
  bool prepare() {
    if (!plan_) plan_ = shared_.offers.ask(wait_);
    return plan_ != nullptr && secrets_.may_begin();
  }
  /// The key of the host was checked.
  void trust_host() noexcept { secrets_.trust_host(); }
  /// Pre: prepare() was true.
  /// `accepted`, `refused` and `lost` are final.
  progress go_on(ssh_session_struct* session);
  /// Why it was refused, by a server that goes on with these methods.
  std::string describe(int methods) const;
  failure_reason reason() const noexcept;
  /// The connection was lost. True: the server wants a new password, as describe() says.
  bool ends_with_change(ssh_session_struct* session) { return secrets_.ends_with_change(session); }
  /// Why the server has said goodbye.
  failure_reason reason_of_goodbye() {
    return secrets_.ends_with_refusal() ? failure_reason::wrong_password
                                        : failure_reason::wrong_key;
  }

 private:
  // begun: nothing was offered yet; offering: the server has the offer, or is to get it; signing:
  // the agent has it; signed: the server gets it again.
  enum class stage : std::uint8_t { begun, offering, signing, signed_ };

  void begin();
  bool offers_key(ssh_session_struct* session) const;
  progress go_on_with_key(ssh_session_struct* session);
  progress go_on_with_secrets(ssh_session_struct* session);
  std::string describe_keys(int methods) const;
  int try_current(ssh_session_struct* session);
  int try_with_agent(ssh_session_struct* session);
  int ask_server(ssh_session_struct* session, const std::string& answers);
  int take_signature();
  int leave_out(const std::string& why);
  void next() noexcept;
  bool is_exhausted() const noexcept { return tried_ >= plan_->offers.size(); }
  const login_offer& current() const noexcept { return plan_->offers[current_]; }

  ssh_environment& shared_;
  login_offers::waiter wait_;
  std::shared_ptr<const login_plan> plan_;
  stage stage_ = stage::begun;
  bool listed_ = false;  // libssh has been shown the current key
  std::size_t tried_ = 0;
  std::size_t first_ = 0;
  std::size_t current_ = 0;
  const login_offer* accepted_ = nullptr;  // in part
  std::string problems_;                   // of the agent's signatures
  std::string signature_;
  agent_question question_;
  secret_login secrets_;
};

/// Those that libssh has no keys for: "password, hostbased". As SSH_AUTH_METHOD_* of libssh.
std::string names_of_methods(int methods);

}  // namespace execo::detail
