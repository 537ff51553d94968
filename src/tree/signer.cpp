#include "tree/signer.hpp"

#include <algorithm>

#include "ssh/base64.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/wire.hpp"

namespace execo::detail {
namespace {

constexpr std::uint8_t userauth_request = 50;  // RFC 4252
constexpr std::string_view bound_method = "publickey-hostbound-v00@openssh.com";

std::string blob_of(std::string_view key) {
  return from_base64(key.substr(std::min(key.find(' ') + 1, key.size())));
}

std::string_view why_not_session(const sign_ask_message& ask, const sign_target& target) {
  if (ask.session.empty()) return "its ssh does not say of which session it is (before 8.9)";
  if (ask.host_key != blob_of(target.key)) return "the session is with another host key";
  if (!is_signed_by(ask.host_key, ask.session, ask.proof))
    return "the host key has not signed the session";
  return {};
}

// RFC 4252, 7; the second method has the host key besides (PROTOCOL of OpenSSH).
std::string_view why_not_data(const sign_ask_message& ask, const sign_target& target) {
  ssh_reader data(ask.data);
  if (data.text() != ask.session) return "what is to be signed is not of the session";
  if (data.byte() != userauth_request) return "what is to be signed is no login";
  if (data.text() != target.user) return "the login is as another user";
  if (data.text() != "ssh-connection") return "the login is for another service";
  std::string_view method = data.text();
  bool is_bound = method == bound_method;
  if (!is_bound && method != "publickey") return "the login is not by a key";
  if (data.byte() != 1) return "the login has no signature";
  (void)data.text();  // the algorithm
  if (data.text() != ask.key) return "the login is by another key";
  if (is_bound && data.text() != ask.host_key) return "the login is bound to another host key";
  if (data.failed() || !data.rest().empty()) return "what is to be signed is no login";
  return {};
}

}  // namespace

std::string_view why_not_answer(const sign_ask_message& ask, const sign_target& target) {
  if (!target.is_on_its_way) return "the host is not one that is to be reached from there";
  if (target.key.empty()) return "the key of the host is not known";
  if (target.asked >= max_asked) return "there were too many questions for this host";
  if (ask.wish == sign_wish::keys) return {};
  std::string_view why = why_not_session(ask, target);
  return why.empty() ? why_not_data(ask, target) : why;
}

}  // namespace execo::detail
