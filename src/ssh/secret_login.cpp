#include "ssh/secret_login.hpp"

#include <string_view>
#include <utility>

#include "ssh/prompt_kind.hpp"

namespace execo::detail {
namespace {

// A server that never stops asking is left.
constexpr unsigned max_rounds = 10;

constexpr std::size_t max_shown = 200;

unsigned prompt_count(ssh_session_struct* session) {
  int count = ssh_userauth_kbdint_getnprompts(session);
  return count > 0 ? static_cast<unsigned>(count) : 0;
}

}  // namespace

/// One of those that a server has sent.
class server_prompt {
 public:
  server_prompt(ssh_session_struct* session, unsigned place) {
    char echo = 0;
    const char* sent = ssh_userauth_kbdint_getprompt(session, place, &echo);
    if (sent != nullptr) text_ = sent;
    echoes = echo != 0;
  }

  prompt_kind kind() const { return kind_of_prompt(text_); }
  std::string shown() const { return peer_text(text_, max_shown); }

  bool echoes = false;

 private:
  std::string text_;
};

namespace {

bool asks_for_new_password(ssh_session_struct* session) {
  for (unsigned i = 0; i < prompt_count(session); ++i)
    if (server_prompt(session, i).kind() == prompt_kind::new_password) return true;
  return false;
}

}  // namespace

secret_login::secret_login(ssh_environment& shared, const login_names& names, delegate<> wake)
    : shared_(shared),
      names_(names),
      password_(shared.home, shared.options().password, names.user, wake),
      code_(shared.home, wake),
      end_of_questions_(wake) {}

bool secret_login::may_begin() {
  if (!password_.may_begin()) return false;
  auto& pause = shared_.home.service<user_pause>();
  bool asks = (password_.is_possible() || has_user()) && pause.lasts();
  if (asks) pause.wait(end_of_questions_);
  return !asks;
}

int secret_login::go_on(ssh_session_struct* session) {
  waits_here_ = false;
  while (stage_ != stage::over) {
    int result = step(session);
    if (result != SSH_AUTH_DENIED && result != SSH_AUTH_INFO) return keep(result);
  }
  return SSH_AUTH_DENIED;
}

// SSH_AUTH_DENIED and SSH_AUTH_INFO: there is a next step.
int secret_login::step(ssh_session_struct* session) {
  switch (stage_) {
    case stage::choosing:
      choose(static_cast<unsigned>(ssh_userauth_list(session, nullptr)));
      return SSH_AUTH_DENIED;
    case stage::listing:
      return list(session);
    case stage::password:
      return send_password(session);
    case stage::keyboard:
      return exchange(session);
    case stage::answering:
      return answer(session);
    case stage::asking:
      return take_code(session);
    case stage::over:
      break;
  }
  return SSH_AUTH_DENIED;
}

int secret_login::keep(int result) noexcept {
  bool is_good = result == SSH_AUTH_SUCCESS || result == SSH_AUTH_PARTIAL;
  if (is_good && password_is_ == standing::sent) {
    password_is_ = standing::accepted;
    password_.accepted();
  }
  if (result == SSH_AUTH_PARTIAL) {
    stage_ = stage::choosing;
    tried_ = 0;
  }
  return result;
}

// As ssh does, prompts before the password where the user can answer them: one for a code may come
// behind that for the password.
void secret_login::choose(unsigned methods) {
  bool password = shared_.settings.allows.password && has_password();
  bool keyboard = shared_.settings.allows.keyboard && (has_password() || has_user());
  if (methods == 0) {
    stage_ = stage::listing;
    return;
  }
  password = password && (methods & ~tried_ & SSH_AUTH_METHOD_PASSWORD) != 0;
  keyboard = keyboard && (methods & ~tried_ & SSH_AUTH_METHOD_INTERACTIVE) != 0;
  stage_ = stage::over;
  if ((password || keyboard) && !trusts_host_) {
    std::string why =
        shared_.host_keys.checks() ? "NoHostAuthenticationForLocalhost yes" : "host keys: ignore";
    (void)end(failure_reason::none,
              "the password is not sent to a host whose key is not checked (" + why + ")");
  } else if (keyboard && (has_user() || !password)) {
    stage_ = stage::keyboard;
  } else if (password) {
    stage_ = stage::password;
  }
}

// What the server takes; there was no key to ask it with. It may take all, and what it names may be
// for the program ssh.
int secret_login::list(ssh_session_struct* session) {
  int result = ssh_userauth_none(session, nullptr);
  if (result == SSH_AUTH_DENIED)
    stage_ = ssh_userauth_list(session, nullptr) != 0 ? stage::choosing : stage::over;
  return result;
}

// SSH_AUTH_SUCCESS: it is there.
int secret_login::take_password() {
  switch (password_.take()) {
    case password_turn::answer::send:
      return SSH_AUTH_SUCCESS;
    case password_turn::answer::wait:
      waits_here_ = true;
      return SSH_AUTH_AGAIN;
    case password_turn::answer::missing:
      return end(failure_reason::none, "the password was not given");
    case password_turn::answer::refused:
      break;
  }
  return end(failure_reason::wrong_password, "the password is not sent, because " +
                                                 password_.refused_by() + " refused it for " +
                                                 names_.user);
}

int secret_login::send_password(ssh_session_struct* session) {
  if (password_is_ == standing::unsent)
    if (int r = take_password(); r != SSH_AUTH_SUCCESS) return r;
  password_is_ = standing::sent;
  int result = ssh_userauth_password(session, nullptr, password_.text().reveal().data());
  return result == SSH_AUTH_DENIED ? end_with_refused_password() : result;
}

int secret_login::exchange(ssh_session_struct* session) {
  int result = ssh_userauth_kbdint(session, nullptr, nullptr);
  if (result == SSH_AUTH_DENIED) return refused_answers();
  if (result != SSH_AUTH_INFO) return result;
  stage_ = stage::answering;
  answered_ = 0;
  return ++rounds_ > max_rounds ? end(failure_reason::none, "the server does not stop asking")
                                : result;
}

int secret_login::refused_answers() {
  bool with_password = password_is_ == standing::sent;
  if (with_password && !sent_code_) return end_with_refused_password();
  // Which of them was wrong it does not say.
  password_.give_back();
  if (sent_code_)
    return end(failure_reason::none, with_password ? "the server refused the password or an answer"
                                                   : "the server refused an answer to its prompts");
  tried_ |= SSH_AUTH_METHOD_INTERACTIVE;
  stage_ = stage::choosing;
  return SSH_AUTH_DENIED;
}

int secret_login::answer(ssh_session_struct* session) {
  unsigned count = prompt_count(session);
  if (answered_ == count) {
    stage_ = stage::keyboard;
    return SSH_AUTH_INFO;
  }
  if (asks_for_new_password(session))
    return end(failure_reason::password_change, "the server asks for a new password");
  server_prompt now(session, answered_);
  if (now.kind() != prompt_kind::password || now.echoes || count > 1) return ask_user(now);
  if (password_is_ == standing::sent) return end_with_refused_password();
  if (!has_password()) return leave_keyboard(now);
  if (int r = take_password(); r != SSH_AUTH_SUCCESS) return r;
  password_is_ = standing::sent;
  answered_ = 1;
  (void)ssh_userauth_kbdint_setanswer(session, 0, password_.text().reveal().data());
  return SSH_AUTH_INFO;
}

int secret_login::ask_user(const server_prompt& what) {
  if (!has_user()) return leave_keyboard(what);
  code_.ask(shared_.options().one_time_code,
            "(" + names_.user + "@" + names_.host + ") " + what.shown() + " ");
  stage_ = stage::asking;
  return SSH_AUTH_INFO;
}

int secret_login::take_code(ssh_session_struct* session) {
  if (code_.is_pending()) {
    waits_here_ = true;
    return SSH_AUTH_AGAIN;
  }
  if (!code_.answer)
    return end(failure_reason::none,
               "its prompt was not answered: " + server_prompt(session, answered_).shown());
  (void)ssh_userauth_kbdint_setanswer(session, answered_++, code_.answer->reveal().data());
  code_.answer.reset();
  sent_code_ = true;
  stage_ = stage::answering;
  return SSH_AUTH_INFO;
}

// The prompt is not for what is here: the server may take the password in another way.
int secret_login::leave_keyboard(const server_prompt& at) {
  std::string why = "no one answers its prompt: " + at.shown();
  if (password_is_ == standing::sent) return end(failure_reason::none, std::move(why));
  why_ = std::move(why);
  tried_ |= SSH_AUTH_METHOD_INTERACTIVE;
  stage_ = stage::choosing;
  return SSH_AUTH_DENIED;
}

int secret_login::end(failure_reason reason, std::string why) {
  password_.give_back();
  reason_ = reason;
  why_ = std::move(why);
  stage_ = stage::over;
  return SSH_AUTH_DENIED;
}

int secret_login::end_with_refused_password() {
  password_.refused(names_.host);
  return end(failure_reason::wrong_password, "the server refused the password");
}

// libssh takes no request for a new password (packet.c).
bool secret_login::ends_with_change(ssh_session_struct* session) {
  std::string_view error = ssh_get_error(session);
  bool asks = stage_ == stage::password && password_is_ == standing::sent &&
              error.find("rejected packet (type 60)") != error.npos;
  if (!asks) return false;
  password_.accepted();
  (void)end(failure_reason::password_change, "the server asks for a new password");
  return true;
}

// To a server that counts attempts, one was too many.
bool secret_login::ends_with_refusal() {
  if (password_is_ != standing::sent) return false;
  (void)end_with_refused_password();
  return true;
}

}  // namespace execo::detail
