#include "ssh/login.hpp"

#include <chrono>
#include <utility>

#include "ssh/agent_stand_in.hpp"

namespace execo::detail {
namespace {

// Of an agent that asks its user, or has a security key touched. A host's own deadline is shorter.
constexpr auto sign_limit = std::chrono::minutes(1);

}  // namespace

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

login::login(ssh_environment& shared, const login_names& names, delegate<> wake)
    : shared_(shared), wait_(wake), question_(wake), secrets_(shared, names, wake) {}

void login::begin() {
  first_ = current_ = shared_.offers.favourite(*plan_);
  stage_ = stage::offering;
  listed_ = false;
  tried_ = 0;
}

bool login::offers_key(ssh_session_struct* session) const {
  if (!shared_.settings.allows.key) return false;
  auto methods = static_cast<unsigned>(ssh_userauth_list(session, nullptr));
  return !is_exhausted() && (methods == 0 || (methods & SSH_AUTH_METHOD_PUBLICKEY) != 0);
}

login::progress login::go_on(ssh_session_struct* session) {
  if (stage_ == stage::begun) begin();
  progress now = progress::refused;
  do {
    now = offers_key(session) ? go_on_with_key(session) : go_on_with_secrets(session);
  } while (now == progress::next);
  return now;
}

login::progress login::go_on_with_key(ssh_session_struct* session) {
  int r = try_current(session);
  if (r == SSH_AUTH_AGAIN) return stage_ == stage::signing ? progress::apart : progress::waiting;
  if (r == SSH_AUTH_SUCCESS) {
    shared_.offers.accepted(current());
    return progress::accepted;
  }
  // Otherwise this offer alone is of no use.
  if (is_lost(session)) return progress::lost;
  if (r == SSH_AUTH_PARTIAL) accepted_ = &current();
  next();
  return progress::next;
}

login::progress login::go_on_with_secrets(ssh_session_struct* session) {
  int r = secrets_.go_on(session);
  if (r == SSH_AUTH_AGAIN) return secrets_.waits_here() ? progress::apart : progress::waiting;
  if (r == SSH_AUTH_SUCCESS) return progress::accepted;
  if (r == SSH_AUTH_DENIED) return progress::refused;
  if (r != SSH_AUTH_PARTIAL) return progress::lost;
  // A key may be what it wants in addition; it did not want one first.
  if (accepted_ == nullptr) begin();
  return progress::next;
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
  if (secrets_.why().empty()) return describe_keys(methods);
  std::string before;
  if (accepted_ != nullptr) before = "the server accepted " + accepted_->name + ", but ";
  return before + secrets_.why();
}

failure_reason login::reason() const noexcept {
  if (secrets_.reason() != failure_reason::none) return secrets_.reason();
  return accepted_ == nullptr ? failure_reason::wrong_key : failure_reason::none;
}

std::string login::describe_keys(int methods) const {
  if (!shared_.settings.allows.key) return "ssh_config allows no key";
  std::string keys = plan_->names();
  if (!problems_.empty()) keys += " (" + problems_ + ")";
  if (plan_->offers.empty()) return "no identity to log in with: " + keys;
  if (accepted_ == nullptr) return "the server refused the identities " + keys;
  std::string text = "the server accepted " + accepted_->name + ", but wants ";
  bool wants_key = (static_cast<unsigned>(methods) & SSH_AUTH_METHOD_PUBLICKEY) != 0;
  if (!wants_key) return text + "more than keys: " + names_of_methods(methods);
  return text + "another key, too, of " + keys;
}

}  // namespace execo::detail
