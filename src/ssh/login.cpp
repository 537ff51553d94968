#include "ssh/login.hpp"

#include <chrono>
#include <utility>

#include "ssh/agent_stand_in.hpp"

namespace execo::detail {
namespace {

// Of an agent that asks its user, or has a security key touched. A host's own deadline is shorter.
constexpr auto sign_limit = std::chrono::minutes(1);

// RFC 4252, 5: what "partial success" asks for besides.
std::string names_of_methods(int methods) {
  std::string names;
  for (auto [method, name] : {std::pair(SSH_AUTH_METHOD_PASSWORD, "password"),
                              std::pair(SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"),
                              std::pair(SSH_AUTH_METHOD_HOSTBASED, "hostbased"),
                              std::pair(SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic")}) {
    if ((static_cast<unsigned>(methods) & method) != 0)
      names += std::string(names.empty() ? "" : ", ") + name;
  }
  return names;
}

}  // namespace

login::login(ssh_environment& shared, delegate<> wake)
    : shared_(shared), wait_(wake), question_(wake) {}

void login::begin() {
  first_ = current_ = shared_.offers.favourite(*plan_);
  stage_ = stage::offering;
}

login::progress login::go_on(ssh_session_struct* session) {
  if (stage_ == stage::begun) begin();
  while (!is_exhausted()) {
    int r = try_current(session);
    if (r == SSH_AUTH_AGAIN) return stage_ == stage::signing ? progress::agent : progress::waiting;
    if (r == SSH_AUTH_SUCCESS) {
      shared_.offers.accepted(current());
      return progress::accepted;
    }
    // Otherwise this offer alone is of no use.
    if (is_lost(session)) return progress::lost;
    if (r == SSH_AUTH_PARTIAL) {
      accepted_ = &current();
      auto methods = static_cast<unsigned>(ssh_userauth_list(session, nullptr));
      if ((methods & SSH_AUTH_METHOD_PUBLICKEY) == 0) return progress::refused;
    }
    next();
  }
  return progress::refused;
}

void login::next() noexcept {
  ++tried_;
  current_ = tried_ <= first_ ? tried_ - 1 : tried_;
  stage_ = stage::offering;
  listed_ = false;
}

// SSH_OPTIONS_USER is the name: RFC 4252 wants the same one in each request.
int login::try_current(ssh_session_struct* session) {
  if (current().key == nullptr) return try_with_agent(session);
  return ssh_userauth_publickey(session, nullptr, current().key);
}

int login::try_with_agent(ssh_session_struct* session) {
  if (stage_ == stage::signing) {
    if (int r = take_signature(); r != SSH_AUTH_SUCCESS) return r;
    stage_ = stage::signed_;
  }
  std::string answers;
  agent_key shown;
  shown.blob = current().blob;
  if (!listed_) answers = list_answer(shown);
  if (stage_ == stage::signed_) answers += sign_answer(signature_);
  return ask_server(session, answers);
}

// The data to be signed are the same each time: the session's identifier and the request.
int login::ask_server(ssh_session_struct* session, const std::string& answers) {
  std::optional<signature_request> asked;
  int r = SSH_AUTH_ERROR;
  auto& stand_in = shared_.home.service<agent_stand_in>();
  if (!stand_in.go_on(session, answers, r, asked)) return leave_out("no descriptor for the agent");
  listed_ = true;
  if (r != SSH_AUTH_ERROR || is_lost(session) || !asked) return r;
  if (stage_ == stage::signed_) return leave_out("its signature cannot be used");
  // Without a signature libssh has given the login up; it begins with the list again.
  listed_ = false;
  stage_ = stage::signing;
  asked->key = current().signer;
  shared_.offers.agent().ask(question_, sign_request(*asked), sign_limit);
  return try_with_agent(session);
}

int login::take_signature() {
  if (question_.pending()) return SSH_AUTH_AGAIN;
  if (question_.answer.empty()) return leave_out(question_.problem);
  agent_reply got = read_signature(question_.answer, signature_);
  if (got == agent_reply::refused) return leave_out("the agent does not sign with it");
  if (got == agent_reply::malformed) return leave_out("the agent breaks the protocol");
  return SSH_AUTH_SUCCESS;
}

int login::leave_out(const std::string& why) {
  problems_ += (problems_.empty() ? "" : ", ") + current().name + ": " + why;
  return SSH_AUTH_DENIED;
}

std::string login::describe(int methods) const {
  std::string keys = plan_->names();
  if (!problems_.empty()) keys += " (" + problems_ + ")";
  if (plan_->offers.empty()) return "no identity to log in with: " + keys;
  if (accepted_ == nullptr) return "the server refused the identities " + keys;
  std::string text = "the server accepted " + accepted_->name + ", but wants ";
  if (!is_exhausted()) return text + "more than keys: " + names_of_methods(methods);
  return text + "another key, too, of " + keys;
}

}  // namespace execo::detail
