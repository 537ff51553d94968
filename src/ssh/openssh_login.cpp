#include "ssh/openssh_login.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/askpass_talk.hpp"
#include "base/contain.hpp"
#include "execo/printable.hpp"
#include "ssh/askpass_program.hpp"
#include "ssh/libssh.hpp"
#include "ssh/prompt_kind.hpp"

namespace execo::detail {
namespace {

// A server that never stops asking is left.
constexpr unsigned max_prompts = 20;
constexpr std::size_t max_shown_prompt = 200;

// What a server has said: ssh puts "(ops@n1) " before it, as of OpenSSH 8.7.
std::string_view words_of_server(std::string_view prompt) {
  std::size_t end = prompt.find(") ");
  bool is_marked = prompt.starts_with('(') && end != prompt.npos;
  if (!is_marked) return prompt;
  std::string_view mark = prompt.substr(1, end - 1);
  bool names_user = mark.find('@') != mark.npos && mark.find(' ') == mark.npos;
  return names_user ? prompt.substr(end + 2) : prompt;
}

}  // namespace

openssh_login::openssh_login(loop& on, const openssh_prompts& whom, const openssh_log& log,
                             login_names names, delegate<> look, delegate<> idle)
    : loop_(on),
      whom_(whom),
      log_(log),
      names_(std::move(names)),
      look_(look),
      socket_(on, look, idle),
      step_(delegate<>::to<&openssh_login::look_now>(this), "answer to a prompt of ssh") {}

void openssh_login::prepare(command& ssh, bool has_display) {
  auto& program = loop_.service<askpass_program>();
  std::error_code error = program.make();
  if (!error) error = socket_.open();
  if (error) throw std::system_error(error, "a program that ssh asks for passwords");
  ssh.set_variable("SSH_ASKPASS", program.path());
  ssh.set_variable("SSH_ASKPASS_REQUIRE", "force");
  ssh.set_variable(askpass_variable, socket_.address());
  // Before OpenSSH 8.4 it takes that program with a display and without a terminal alone.
  if (!has_display) ssh.set_variable("DISPLAY", "execo:0");
  ssh.attributes.new_session = true;
}

void openssh_login::begin(pid_t ssh) { socket_.watch(ssh); }

bool openssh_login::follow(std::string_view unchecked) {
  if (stage_ == stage::over) return false;
  note_log();
  if (stage_ == stage::asking && !question_->is_pending()) take_answer();
  if (stage_ == stage::password && socket_.has_prompt()) take_password(unchecked);
  if (stage_ == stage::waiting && socket_.has_prompt()) judge(unchecked);
  return !why_.empty();
}

// What the server says to the last answer.
void openssh_login::note_log() {
  bool is_good = seen().partial_successes() > partial_ || log_.reached() >= phase::open;
  if (password_is_ == standing::sent && is_good) {
    password_is_ = standing::accepted;
    turn_->accepted();
  }
  bool is_refused = seen().refusals() > refusals_;
  if (is_refused && (password_is_ == standing::sent || sent_code_)) return end_with_refusal();
  if (log_.reached() >= phase::open) close();
}

// A server has a say in what follows the words of ssh, which depend on what is tried.
void openssh_login::judge(std::string_view unchecked) {
  if (!socket_.is_of_ssh()) return judge_other();
  if (seen().method() == "publickey") return judge_passphrase();
  bool is_of_server = seen().method() == "password" || seen().method() == "keyboard-interactive";
  if (is_of_server) return judge_prompt(unchecked);
  // Whether a key of a host is right, say.
  socket_.refuse();
}

// An ssh that a ProxyJump or ProxyCommand has begun. It does without a key or says no to the key of
// its host; as a password it would send an empty one.
void openssh_login::judge_other() {
  const std::string& prompt = socket_.prompt();
  bool is_of_server = !prompt.starts_with("Enter passphrase for ") &&
                      prompt.find("continue connecting (yes/no") == prompt.npos;
  if (!is_of_server) return socket_.refuse();
  is_on_the_way_ = true;
  end(failure_reason::none,
      "no one answers a program that leads to it: " + peer_text(prompt, max_shown_prompt));
}

template <class Put>
void openssh_login::put_question(Put put) {
  question_.emplace(loop_, delegate<>::to<&openssh_login::look_soon>(this));
  stage_ = stage::asking;
  contain(put, [this](const std::exception_ptr&) {
    end(failure_reason::none, "there is no thread to ask the user on");
  });
}

// A wrong one is not asked for again: ssh tries the next key.
void openssh_login::judge_passphrase() {
  constexpr std::string_view begin = "Enter passphrase for key '";
  const std::string& prompt = socket_.prompt();
  bool is_new = std::ranges::find(passphrases_, prompt) == passphrases_.end();
  std::size_t end = prompt.rfind("': ");
  if (!whom_.passphrase || !is_new || !prompt.starts_with(begin) || end == prompt.npos)
    return socket_.refuse();
  passphrases_.push_back(prompt);
  put_question([&] {
    question_->ask_for(whom_.passphrase, prompt.substr(begin.size(), end - begin.size()), prompt);
  });
}

void openssh_login::judge_prompt(std::string_view unchecked) {
  if (++rounds_ > max_prompts) return end(failure_reason::none, "the server does not stop asking");
  bool is_method = seen().method() == "password";
  const std::string_view prompt =
      is_method ? std::string_view(socket_.prompt()) : words_of_server(socket_.prompt());
  prompt_kind kind = kind_of_prompt(prompt);
  if (kind == prompt_kind::new_password) {
    if (is_method && password_is_ == standing::sent) turn_->accepted();
    return end(failure_reason::password_change, "the server asks for a new password");
  }
  bool is_alone = is_method || seen().prompts() == 1;
  if (kind != prompt_kind::password || !is_alone) return ask_user(prompt);
  if (password_is_ == standing::sent) return end_with_refusal();
  if (!whom_.password || password_is_ == standing::accepted)
    return end(failure_reason::none,
               "no one answers its prompt: " + peer_text(prompt, max_shown_prompt));
  stage_ = stage::password;
  take_password(unchecked);
}

void openssh_login::take_password(std::string_view unchecked) {
  if (!unchecked.empty())
    return end(
        failure_reason::none,
        fmt::format("the password is not sent to a host whose key is not checked ({})", unchecked));
  if (!turn_)
    turn_.emplace(loop_, whom_.password, user(), delegate<>::to<&openssh_login::look_soon>(this));
  switch (turn_->take()) {
    case password_turn::answer::wait:
      return;
    case password_turn::answer::missing:
      return end(failure_reason::none, "the password was not given");
    case password_turn::answer::refused:
      return end(failure_reason::wrong_password,
                 fmt::format("the password is not sent, because {} refused it for {}",
                             turn_->refused_by(), user()));
    case password_turn::answer::send:
      break;
  }
  password_is_ = standing::sent;
  give(turn_->text());
}

void openssh_login::ask_user(std::string_view prompt) {
  const std::string shown = peer_text(prompt, max_shown_prompt);
  if (!whom_.one_time_code) return end(failure_reason::none, "no one answers its prompt: " + shown);
  put_question([&] {
    question_->ask(whom_.one_time_code, fmt::format("({}@{}) {} ", user(), names_.host, shown));
  });
}

void openssh_login::take_answer() {
  std::optional<secret> answer = std::exchange(question_->answer, std::nullopt);
  stage_ = stage::waiting;
  if (!socket_.has_prompt()) return;
  bool is_passphrase = seen().method() == "publickey";
  if (!answer && is_passphrase) return socket_.refuse();
  if (!answer)
    return end(failure_reason::none,
               "its prompt was not answered: " +
                   peer_text(words_of_server(socket_.prompt()), max_shown_prompt));
  sent_code_ = sent_code_ || !is_passphrase;
  give(*answer);
}

void openssh_login::give(const secret& answer) {
  stage_ = stage::waiting;
  refusals_ = seen().refusals();
  partial_ = seen().partial_successes();
  if (socket_.answer(answer)) return;
  password_is_ = standing::unsent;
  end(failure_reason::none, fmt::format("the program ssh takes no answer of several lines or of "
                                        "more than {} bytes",
                                        max_askpass_answer));
}

void openssh_login::end_with_refusal() {
  bool with_password = password_is_ == standing::sent;
  if (with_password && !sent_code_) {
    turn_->refused(names_.host);
    return end(failure_reason::wrong_password, "the server refused the password");
  }
  // Which of them was wrong it does not say.
  end(failure_reason::none, with_password ? "the server refused the password or an answer"
                                          : "the server refused an answer to its prompts");
}

// What has no answer is left without one: ssh would send an empty one.
void openssh_login::end(failure_reason reason, std::string why) {
  if (turn_) turn_->give_back();
  reason_ = reason;
  why_ = std::move(why);
  stage_ = stage::over;
}

// To a server that counts attempts, one was too many.
void openssh_login::finish() {
  if (stage_ == stage::over) return;
  note_log();
  bool was_tried = password_is_ == standing::sent || sent_code_;
  if (stage_ != stage::over && was_tried && log_.ends_with_goodbye()) end_with_refusal();
  close();
}

std::optional<failure> openssh_login::why() const {
  if (why_.empty()) return std::nullopt;
  if (is_on_the_way_) {
    failure lost(end_reason::connect_failed, {}, fmt::format("{}: {}", names_.host, why_));
    lost.is_final = true;
    return lost;
  }
  failure found(end_reason::auth_failed, std::make_error_code(std::errc::permission_denied),
                fmt::format("{}@{}: {}", printable(user()), names_.host, why_));
  found.reason = reason_;
  if (reason_ == failure_reason::none && seen().partial_successes() == 0)
    found.reason = failure_reason::wrong_key;
  return found;
}

const std::string& openssh_login::user() const noexcept {
  const std::string& known = seen().user();
  return known.empty() ? names_.user : known;
}

void openssh_login::close() {
  stage_ = stage::over;
  loop_.disarm(step_);
  turn_.reset();
  question_.reset();
  socket_.close();
}

}  // namespace execo::detail
