#include "ssh/become.hpp"

#include <errno.h>
#include <fmt/format.h>

#include <system_error>
#include <vector>

#include "base/random.hpp"
#include "base/shell_words.hpp"
#include "execo/printable.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t nonce_bytes = 16;
constexpr std::string_view mark_head = "execo-";

std::string new_mark() { return std::string(mark_head) + random_hex(nonce_bytes) + "-"; }

std::string_view first_half(std::string_view mark) { return mark.substr(0, mark_head.size() + 4); }
std::string_view second_half(std::string_view mark) { return mark.substr(mark_head.size() + 4); }

// Runs as the one who is logged in: $1 and $2 are the halves of the first mark, and the rest is the
// program of the method. Its messages are read here, so they are in English; what the command had
// in LC_ALL goes in the last word.
constexpr std::string_view before_program =
    "printf %s%s \"$1\" \"$2\" >&2; shift 2; set -- \"$@\" \"${LC_ALL-}\"; "
    "LC_ALL=C; export LC_ALL; exec \"$@\"";

// Runs as the other user: $1 and $2 are the halves of the last mark, $3 is the command, $4 was
// LC_ALL.
constexpr std::string_view mark_out = "printf %s%s \"$1\" \"$2\"; ";
constexpr std::string_view mark_err = "printf %s%s \"$1\" \"$2\" >&2; ";
constexpr std::string_view run_command =
    "case \"$4\" in \"\") unset LC_ALL;; *) LC_ALL=$4; export LC_ALL;; esac; "
    "exec /bin/sh -c \"$3\"";

std::string inner_script(bool terminal) {
  return std::string(mark_out) + std::string(terminal ? "" : mark_err) + std::string(run_command);
}

// In a prompt of sudo's two percent signs are one.
std::string prompt_for_sudo(std::string_view prompt) {
  std::string text;
  for (char c : prompt) text += c == '%' ? std::string("%%") : std::string(1, c);
  return text;
}

std::vector<std::string> program_words(const become_who& who, const become_marks& marks,
                                       const std::string& script) {
  switch (who.how) {
    case become_method::su:
      return {"su", "-s", "/bin/sh", "-c", script, "--", who.user, "sh"};
    case become_method::doas:
      return {"doas", "-u", who.user, "--", "/bin/sh", "-c", script, "sh"};
    default:
      return {"sudo",    "-S", "-H",   "-p", prompt_for_sudo(marks.prompt), "-u", who.user, "--",
              "/bin/sh", "-c", script, "sh"};
  }
}

failure made(end_reason how, const become_who& who, const std::string& text) {
  return failure(how, {}, printable(who.host + ": " + text));
}

std::string name_of(const become_who& who) { return std::string(to_string(who.how)); }

failure wants_terminal(const become_who& who) {
  return made(end_reason::unsupported, who,
              name_of(who) + " asks " + who.login +
                  " on a terminal only: give the command one, with pty() or --pty");
}

failure not_allowed(const become_who& who) {
  static constexpr std::string_view files[] = {"the sudoers of the host (visudo)",
                                               "the PAM files of su", "its doas.conf"};
  return made(
      end_reason::auth_failed, who,
      fmt::format("{} does not let {} run this as {}: {} would have to allow it", name_of(who),
                  who.login, who.user, files[static_cast<std::size_t>(who.how)]));
}

std::string last_line(std::string_view words) {
  while (!words.empty() && (words.back() == '\n' || words.back() == '\r' || words.back() == ' '))
    words.remove_suffix(1);
  return std::string(words.substr(words.find_last_of("\r\n") + 1));
}

class said_words {
 public:
  explicit said_words(std::string_view text) noexcept : text_(text) {}
  template <class... Part>
  bool have(const Part&... part) const noexcept {
    return ((text_.find(part) != text_.npos) || ...);
  }

 private:
  std::string_view text_;
};

}  // namespace

become_marks become_marks::random() {
  become_marks m;
  m.begun = new_mark();
  m.prompt = new_mark() + "%: ";
  m.started = new_mark();
  return m;
}

std::string become_text(const become_who& who, const become_marks& marks, const std::string& text,
                        bool terminal) {
  std::vector<std::string> words{"exec", "/bin/sh", "-c", std::string(before_program), "sh"};
  words.emplace_back(first_half(marks.begun));
  words.emplace_back(second_half(marks.begun));
  for (std::string& word : program_words(who, marks, inner_script(terminal)))
    words.push_back(std::move(word));
  words.emplace_back(first_half(marks.started));
  words.emplace_back(second_half(marks.started));
  words.push_back(text);
  return login_shell_text(words);
}

std::size_t find_become_prompt(std::string_view words, const become_who& who,
                               const become_marks& marks) {
  std::string_view prompt = marks.prompt;
  if (who.how == become_method::su) prompt = "Password: ";
  if (who.how == become_method::doas) prompt = ") password: ";
  std::size_t at = words.find(prompt);
  return at == words.npos ? at : at + prompt.size();
}

failure wrong_become_password(const become_who& who) {
  failure why =
      made(end_reason::auth_failed, who,
           fmt::format("{} does not accept the password of {}", name_of(who), who.password_of()));
  why.reason = failure_reason::wrong_password;
  return why;
}

failure refused_become_password(const become_who& who, const std::string& by) {
  failure why = made(end_reason::auth_failed, who,
                     fmt::format("the password of {} was not tried for {}: {} did not accept it",
                                 who.password_of(), name_of(who), by));
  why.reason = failure_reason::wrong_password;
  return why;
}

failure missing_become_password(const become_who& who) {
  return made(end_reason::auth_failed, who,
              fmt::format("{} asks for the password of {}, and there is none: give it with "
                          "become_password or --ask-become-pass",
                          name_of(who), who.password_of()));
}

failure unchecked_become_host(const become_who& who, unchecked_by what) {
  std::string_view setting = "host keys: ignore";
  if (what == unchecked_by::files)
    setting = "NoHostAuthenticationForLocalhost yes or StrictHostKeyChecking no in ssh_config";
  return made(end_reason::auth_failed, who,
              fmt::format("the password for {} is not sent to a host whose key is not checked ({})",
                          name_of(who), setting));
}

failure other_become_question(const become_who& who, std::string_view question) {
  return made(end_reason::auth_failed, who,
              fmt::format("{} asks {} for something that is no password, and gets no answer: `{}`",
                          name_of(who), who.login, last_line(question)));
}

failure why_not_become(const become_who& who, const become_end& end) {
  said_words words(end.words);
  if (!end.begun)
    return made(end_reason::unsupported, who,
                fmt::format("it ran something else than {} (a forced command?), which ended with "
                            "{}: {}",
                            name_of(who), end.status, last_line(end.words)));
  if (words.have("incorrect password attempt")) return wrong_become_password(who);
  if (words.have("Authentication failure", "Authentication failed") && end.answered)
    return wrong_become_password(who);
  if (words.have("must have a tty", "a terminal is required", "must be run from a terminal",
                 "a tty is required"))
    return wants_terminal(who);
  if (words.have("Authentication failed") && who.how == become_method::doas && !end.terminal)
    return wants_terminal(who);
  if (words.have("not in the sudoers", "not allowed to", "may not run sudo",
                 "Operation not permitted", "Permission denied"))
    return not_allowed(who);
  if (words.have("unknown user", "does not exist"))
    return made(end_reason::auth_failed, who,
                fmt::format("there is no user {} for {} to become", who.user, who.login));
  if (words.have(": not found", "not found\n"))
    return made(end_reason::unsupported, who,
                fmt::format("there is no {} for {}: install it, or choose another become_method",
                            name_of(who), who.login));
  return made(end_reason::auth_failed, who,
              fmt::format("{} did not let {} become {}, and ended with {}: {}", name_of(who),
                          who.login, who.user, end.status, last_line(end.words)));
}

}  // namespace execo::detail
