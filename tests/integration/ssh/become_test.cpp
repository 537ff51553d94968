// Commands that become those of another user on their host: by sudo, su and doas, over each
// transport, with a terminal and without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "become_lab.hpp"
#include "execo/log.hpp"
#include "execo/remote.hpp"
#include "execo/sleep.hpp"
#include "execo/stdio.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "random_bytes.hpp"
#include "recorded_run.hpp"
#include "sshd_fixture.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

secret_prompt answering(std::string text) {
  return secret_prompt(
      [text](const std::string&) -> std::optional<secret> { return secret(std::string(text)); });
}

host_result result_of(remote action) {
  action_result all = sync_wait(std::move(action));
  return all.all().at(0);
}

// Asks it to end once it has written something.
host_result end_of_what_has_begun(remote action) {
  action.on_line([&action](const output_line&) { action.request_stop(); });
  return sync_wait(action.run()).all().at(0);
}

enum class way : std::uint8_t { libssh, openssh, connector };

std::string name_of(way which) {
  static constexpr const char* names[] = {"libssh", "openssh", "connector"};
  return names[static_cast<std::size_t>(which)];
}

class become : public testing::TestWithParam<way> {
 protected:
  void SetUp() override {
    if (std::string why = become_lab::why_not(); !why.empty()) GTEST_SKIP() << why;
    lab_ = std::make_unique<become_lab>();
    server_ = &lab_->server();
    login_ = server_->ordinary_user();
    if (login_.empty()) GTEST_SKIP() << "no users of our own: that takes a mount namespace";
  }

  ssh_options options(become_method how = become_method::sudo,
                      const std::string& user = "root") const {
    ssh_options made = options_for(*server_);
    made.user = login_;
    made.host_key_policy = host_keys::strict;
    made.known_hosts = lab_->known_hosts();
    made.become = user;
    made.become_method = how;
    made.via = GetParam() == way::openssh ? ssh_client::openssh : ssh_client::built_in;
    if (GetParam() != way::connector) return made;
    made.connector = "nsenter --mount=/proc/" + std::to_string(server_->pid()) +
                     "/ns/mnt setpriv --reuid=" + login_ + " --regid=54321 --clear-groups " +
                     "env -u LC_ALL USER=%u sh -c";
    return made;
  }
  ssh_options with(const char* password, become_method how = become_method::sudo,
                   const std::string& user = "root") const {
    ssh_options made = options(how, user);
    made.become_password = answering(password);
    return made;
  }

  static remote on_host(command what, ssh_options options) {
    // A hang is to say what it waits for.
    return remote(std::move(what), host("127.1.0.1")).ssh(std::move(options)).timeout(80s);
  }
  static remote on_host(const std::string& text, ssh_options options) {
    return on_host(command(text), std::move(options));
  }

  std::unique_ptr<become_lab> lab_;
  sshd_fixture* server_ = nullptr;
  std::string login_;
};

std::optional<secret> ask_user(const std::string& text) {
  EXPECT_THAT(text, StartsWith("Password for "));
  return secret(std::string(password_of_login));
}

TEST_P(become, is_a_few_options) {
  ssh_options options = this->options();
  // as docs/become.md shows it
  options.become = "root";
  options.become_password = secret_prompt(ask_user);
  EXPECT_EQ(result_of(on_host("id -un", options)).out, "root\n");
}

TEST_P(become, sudo_gets_the_password_and_nothing_else_of_it_is_seen) {
  host_result r = result_of(on_host("id -un; echo err >&2; exit 3", with(password_of_login)));
  EXPECT_EQ(r.out, "root\n") << r.describe();
  EXPECT_EQ(r.err, "err\n");
  EXPECT_EQ(r.status(), exit_status::of_code(3));
  EXPECT_EQ(r.how(), end_reason::exited);
  EXPECT_EQ(r.started_command(), certainty::yes);
}

TEST_P(become, a_terminal_shows_the_command_alone) {
  host_result r = result_of(
      on_host("id -un; test -t 0 && test -t 1 && echo tty; exit 4", with(password_of_login))
          .pty(24, 80));
  EXPECT_EQ(r.out, "root\r\ntty\r\n") << r.describe();
  EXPECT_EQ(r.status(), exit_status::of_code(4));
}

TEST_P(become, the_input_of_the_command_is_its_own_byte_by_byte) {
  std::string input = random_bytes(7).take(100'000);
  host_result r = result_of(on_host("cat", with(password_of_login)).input(input));
  EXPECT_TRUE(r.out == input) << r.describe() << r.out.size();
}

// As sudo does by default where it is new: the command has a terminal of sudo's own, if there is
// one.
TEST_P(become, a_sudo_that_gives_terminals_changes_nothing) {
  login_ = "execo-pty";
  std::string input = random_bytes(8).take(100'000);
  host_result r =
      result_of(on_host("cat; echo err >&2; exit 5", with(password_of_login)).input(input));
  EXPECT_TRUE(r.out == input) << r.describe() << r.out.size();
  EXPECT_EQ(r.err, "err\n");
  EXPECT_EQ(r.status(), exit_status::of_code(5));
  host_result on_terminal = result_of(on_host("id -un", with(password_of_login)).pty(24, 80));
  EXPECT_EQ(on_terminal.out, "root\r\n") << on_terminal.describe();
  host_result wrong = result_of(on_host("id", with("not the password")));
  EXPECT_EQ(wrong.reason(), failure_reason::wrong_password) << wrong.describe();
  host_result ended = end_of_what_has_begun(
      on_host("echo begun; exec sleep 1000", with(password_of_login)).kill_timeout(10s));
  EXPECT_EQ(ended.how(), end_reason::cancelled) << ended.describe();
  EXPECT_FALSE(ended.forced_kill());
  EXPECT_FALSE(ended.may_still_run()) << ended.describe();
}

TEST_P(become, a_command_without_input_finds_its_end) {
  host_result r = result_of(on_host("cat; echo $?", with(password_of_login)));
  EXPECT_EQ(r.out, "0\n") << r.describe();
}

TEST_P(become, a_password_that_is_not_asked_for_goes_nowhere) {
  login_ = "execo-csh";
  std::atomic<int> asked = 0;
  ssh_options options = this->options();
  options.become_password = secret_prompt([&](const std::string&) -> std::optional<secret> {
    ++asked;
    return secret(std::string(password_of_login));
  });
  host_result r = result_of(on_host("id -un; cat", options).input("only this"));
  EXPECT_EQ(r.out, "root\nonly this") << r.describe() << r.err;
  EXPECT_EQ(asked, 0);
  host_result on_terminal = result_of(on_host("id -un", options).pty(24, 80));
  EXPECT_EQ(on_terminal.out, "root\r\n");
}

TEST_P(become, a_wrong_password_is_auth_failed_once) {
  host_result r =
      result_of(on_host("touch " + server_->directory() + "/home/ran", with("not the password")));
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_EQ(r.phase(), phase::open);
  EXPECT_EQ(r.reason(), failure_reason::wrong_password);
  EXPECT_EQ(r.started_command(), certainty::no);
  EXPECT_FALSE(r.may_still_run());
  EXPECT_THAT(r.error_context(), HasSubstr("127.1.0.1: sudo does not accept the password of"));
  EXPECT_NE(::access((server_->directory() + "/home/ran").c_str(), F_OK), 0);
  host_result on_terminal = result_of(on_host("id", with("not the password")).pty(24, 80));
  EXPECT_EQ(on_terminal.reason(), failure_reason::wrong_password) << on_terminal.describe();
}

TEST_P(become, su_takes_the_password_of_the_other_user) {
  for (bool terminal : {false, true}) {
    remote right = on_host("id -un; echo $0-; cat", with(password_of_root, become_method::su));
    right.input("in\n");
    if (terminal) right.pty(24, 80);
    host_result r = result_of(std::move(right));
    EXPECT_THAT(r.out, HasSubstr(terminal ? "root\r\n" : "root\n")) << r.describe();
    EXPECT_THAT(r.out, HasSubstr("in"));
    EXPECT_TRUE(r.ok()) << r.describe();
    remote own = on_host("printf 'Password: '; cat", with(password_of_root, become_method::su));
    own.input("in");
    EXPECT_EQ(result_of(std::move(own)).out, "Password: in");
    remote wrong = on_host("id", with(password_of_login, become_method::su));
    if (terminal) wrong.pty(24, 80);
    host_result no = result_of(std::move(wrong));
    EXPECT_EQ(no.how(), end_reason::auth_failed) << no.describe();
    EXPECT_EQ(no.reason(), failure_reason::wrong_password);
    EXPECT_THAT(no.error_context(), HasSubstr("su does not accept the password of root"));
  }
}

TEST_P(become, doas_takes_it_on_a_terminal_only) {
  host_result r =
      result_of(on_host("id -un", with(password_of_login, become_method::doas)).pty(24, 80));
  EXPECT_EQ(r.out, "root\r\n") << r.describe();
  host_result wrong = result_of(on_host("id", with("no", become_method::doas)).pty(24, 80));
  EXPECT_EQ(wrong.reason(), failure_reason::wrong_password) << wrong.describe();
  host_result without = result_of(on_host("id", with(password_of_login, become_method::doas)));
  EXPECT_EQ(without.how(), end_reason::unsupported) << without.describe();
  EXPECT_THAT(without.error_context(), HasSubstr("on a terminal only"));
  EXPECT_EQ(without.started_command(), certainty::no);
  login_ = "execo-csh";
  host_result free = result_of(on_host("id -un", options(become_method::doas)));
  EXPECT_EQ(free.out, "root\n") << free.describe();
}

TEST_P(become, a_user_without_a_login_shell_runs_commands_too) {
  host_result r = result_of(on_host("id -un; printf %s\\\\n \"it's ${V}\"; pwd; echo $HOME",
                                    with(password_of_login, become_method::sudo, "execo-service"))
                                .cwd("/usr")
                                .env("V", "a  'b'\n\\c"));
  EXPECT_EQ(r.out, "execo-service\nit's a  'b'\n\\c\n/usr\n/\n") << r.describe();
}

TEST_P(become, words_arrive_as_they_are) {
  command what(std::vector<std::string>{"printf", "[%s]", "it's", "a\nb", "$HOME", "", "!%h\\"});
  host_result r = result_of(on_host(what, with(password_of_login)));
  EXPECT_EQ(r.out, "[it's][a\nb][$HOME][][!%h\\]") << r.describe();
}

TEST_P(become, the_language_of_the_command_stays_what_it_was) {
  host_result r = result_of(on_host("echo ${LC_ALL-none}", with(password_of_login)));
  EXPECT_EQ(r.out, "none\n") << r.describe();
}

TEST_P(become, a_password_that_is_asked_for_and_not_given_is_auth_failed) {
  host_result r = result_of(on_host("id", options()));
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_EQ(r.reason(), failure_reason::none);
  EXPECT_THAT(r.error_context(), HasSubstr("sudo asks for the password of"));
  ssh_options silent = options();
  silent.become_password = secret_prompt([](const std::string&) { return std::nullopt; });
  host_result no_answer = result_of(on_host("id", silent));
  EXPECT_EQ(no_answer.how(), end_reason::auth_failed) << no_answer.describe();
}

TEST_P(become, one_who_may_not_is_told_so) {
  login_ = "execo-bash";
  host_result r = result_of(on_host("id", with(password_of_login)));
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_EQ(r.reason(), failure_reason::none);
  EXPECT_THAT(r.error_context(), HasSubstr("sudo does not let execo-bash run this as root"));
  host_result by_doas =
      result_of(on_host("id", with(password_of_login, become_method::doas)).pty(24, 80));
  EXPECT_THAT(by_doas.error_context(), HasSubstr("doas does not let execo-bash run this as root"));
}

TEST_P(become, a_user_that_does_not_exist_is_named) {
  for (become_method how : {become_method::sudo, become_method::su, become_method::doas}) {
    host_result r = result_of(on_host("id", with(password_of_login, how, "no-such-user")));
    EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
    EXPECT_THAT(r.error_context(), HasSubstr("there is no user no-such-user")) << r.describe();
  }
}

TEST_P(become, a_terminal_that_is_required_is_named) {
  login_ = "execo-dash";
  host_result r = result_of(on_host("id", with(password_of_login)));
  EXPECT_EQ(r.how(), end_reason::unsupported) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("sudo asks execo-dash on a terminal only"));
  host_result on_terminal = result_of(on_host("id -un", with(password_of_login)).pty(24, 80));
  EXPECT_EQ(on_terminal.out, "root\r\n") << on_terminal.describe();
}

TEST_P(become, a_signal_that_ends_the_command_is_signaled) {
  host_result r = result_of(on_host("kill -TERM $$", with(password_of_login)));
  EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
  EXPECT_EQ(r.started_command(), certainty::yes);
}

TEST_P(become, a_signal_that_ends_a_command_of_su_is_an_exit_code) {
  host_result r = result_of(on_host("kill -TERM $$", with(password_of_root, become_method::su)));
  EXPECT_EQ(r.status(), exit_status::of_code(143)) << r.describe();
}

TEST_P(become, root_ends_what_runs_as_another_user) {
  login_ = "root";
  ssh_options options = this->options(become_method::sudo, "execo-service");
  // It ends by TERM; a busy host takes seconds to say so.
  host_result r =
      end_of_what_has_begun(on_host("echo begun; exec sleep 1000", options).kill_timeout(30s));
  EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
  EXPECT_EQ(r.out, "begun\n");
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  if (GetParam() != way::connector) {
    EXPECT_TRUE(server_->no_commands_left());
  }
}

TEST_P(become, an_ordinary_user_ends_what_runs_as_root_with_a_signal_that_sudo_passes_on) {
  host_result r = end_of_what_has_begun(
      on_host("echo begun; exec sleep 1000", with(password_of_login)).kill_timeout(10s));
  EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
  EXPECT_EQ(r.phase(), phase::run);
  EXPECT_FALSE(r.forced_kill());
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  if (GetParam() != way::connector) {
    EXPECT_TRUE(server_->no_commands_left());
  }
}

TEST_P(become, what_ignores_it_may_not_be_killed_by_an_ordinary_user_and_is_told_of) {
  if (GetParam() == way::connector) GTEST_SKIP() << "it runs as root here, which may end all";
  for (become_method how : {become_method::sudo, become_method::su}) {
    const char* password = how == become_method::su ? password_of_root : password_of_login;
    host_result r = end_of_what_has_begun(
        on_host("trap '' TERM; echo begun; sleep 60", with(password, how)).kill_timeout(300ms));
    EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
    // On a busy machine the second one: the script has a second to say it.
    EXPECT_THAT(r.leftover(), AnyOf(leftover_cause::not_permitted, leftover_cause::no_answer))
        << r.describe();
    std::vector<pid_t> left = server_->commands();
    EXPECT_FALSE(left.empty());
    for (pid_t pid : left) (void)::kill(pid, SIGKILL);
  }
}

TEST_P(become, a_terminal_that_goes_ends_what_runs_on_it) {
  host_result r =
      end_of_what_has_begun(on_host("echo begun; exec sleep 1000", with(password_of_login))
                                .pty(24, 80)
                                .kill_timeout(300ms));
  EXPECT_EQ(r.how(), end_reason::cancelled) << r.describe();
  if (GetParam() != way::connector) {
    EXPECT_TRUE(server_->no_commands_left());
  }
}

TEST_P(become, a_host_whose_key_is_not_checked_gets_no_password) {
  if (GetParam() == way::connector) GTEST_SKIP() << "a connector has no host keys";
  ssh_options careless = with(password_of_login);
  careless.host_key_policy = host_keys::ignore;
  host_result r = result_of(on_host("id", careless));
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("is not sent to a host whose key is not checked"));
}

// Its name alone does not say that it is here.
TEST_P(become, a_host_that_is_exempt_since_its_name_leads_here_gets_no_password) {
  if (GetParam() == way::connector) GTEST_SKIP() << "a connector has no host keys";
  ssh_options exempt = with(password_of_login);
  exempt.config_file = server_->directory() + "/ssh_config";
  std::ofstream(exempt.config_file) << "HostName localhost\nNoHostAuthenticationForLocalhost yes\n";
  host_result r = result_of(on_host("id", exempt));
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("is not sent to a host whose key is not checked"));
  // With an alias its key is checked, and so it is through a program, whatever address that takes.
  for (const char* more : {"HostKeyAlias known",
                           "ProxyCommand bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3; "
                           "kill %%1'"}) {
    std::ofstream(exempt.config_file)
        << "HostName localhost\nNoHostAuthenticationForLocalhost yes\n"
        << more << "\n";
    r = result_of(on_host("id -un", exempt));
    EXPECT_EQ(r.out, "root\n") << more << ": " << r.describe();
  }
}

TEST_P(become, one_whom_a_command_of_ssh_config_names_becomes_another) {
  if (GetParam() != way::libssh) GTEST_SKIP() << "execo reads ssh_config for libssh alone";
  ssh_options options = with(password_of_login);
  options.user.clear();
  options.config_file = server_->directory() + "/ssh_config";
  std::ofstream(options.config_file)
      << "Match exec \"test %h = 127.1.0.1\"\nUser " << login_ << "\n";
  host_result r = result_of(on_host("id -un; echo $SUDO_USER", options));
  EXPECT_EQ(r.out, "root\n" + login_ + "\n") << r.describe();
}

TEST_P(become, what_start_up_files_write_is_neither_output_nor_prompt) {
  login_ = "execo-zsh";
  if (server_->user_with_shell("zsh").empty()) GTEST_SKIP() << "no zsh on this machine";
  std::ofstream(server_->directory() + "/home/.zshenv")
      << "echo noise; echo 'Password: ' >&2; printf 'doas (a@b) password: ' >&2; setopt xtrace\n";
  ssh_options options = with(password_of_login);
  if (GetParam() == way::connector)
    options.connector.replace(options.connector.rfind("sh -c"), 2,
                              "HOME=" + server_->directory() + "/home zsh");
  host_result r = result_of(on_host("id -un; cat", options).input("own"));
  EXPECT_EQ(r.out, "root\nown") << r.describe();
  EXPECT_EQ(r.err, "");
}

TEST_P(become, many_hosts_ask_once_and_a_wrong_password_is_tried_once) {
  for (bool right : {true, false}) {
    std::atomic<int> asked = 0;
    ssh_options options = this->options();
    options.become_password = secret_prompt([&](const std::string&) -> std::optional<secret> {
      ++asked;
      return secret(std::string(right ? password_of_login : "wrong"));
    });
    action_result all = sync_wait(remote("id -un", host_set("127.1.0.[1-8]")).ssh(options));
    EXPECT_EQ(asked, 1);
    std::size_t tried = 0;
    for (const host_result& r : all.all()) {
      if (right) {
        EXPECT_EQ(r.out, "root\n") << r.describe();
      } else {
        EXPECT_EQ(r.reason(), failure_reason::wrong_password) << r.describe();
        EXPECT_EQ(r.started_command(), certainty::no);
      }
      if (r.error_context().find("does not accept the password") != std::string::npos) ++tried;
    }
    EXPECT_EQ(tried, right ? 0U : 1U);
  }
}

// All that this machine shows of a process, and of what it runs: its words and its variables.
std::string shown_of_processes() {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc"))
    for (const char* file : {"/cmdline", "/environ"})
      all += file_bytes(entry.path().string() + file);
  return all;
}

TEST_P(become, the_password_is_in_no_output_argument_or_variable_of_either_side) {
  std::string shown;
  std::string log;
  set_log(log_level::debug, [&log](const log_record& line) { log += line.message; });
  for (bool terminal : {false, true}) {
    remote action =
        on_host("env; cat /proc/[0-9]*/cmdline; echo end; sleep 0.1; cat", with(password_of_login));
    action.on_line([&shown](const output_line&) { shown += shown_of_processes(); });
    if (terminal) action.pty(24, 80);
    host_result r = result_of(std::move(action));
    EXPECT_THAT(r.out, HasSubstr("end")) << r.describe();
    for (const std::string* text : {&r.out, &r.err, &shown, &log})
      EXPECT_THAT(*text, Not(HasSubstr(password_of_login)));
    EXPECT_THAT(r.dump(), Not(HasSubstr(password_of_login)));
    EXPECT_THAT(server_->log(), Not(HasSubstr(password_of_login)));
  }
  set_log(log_level::off, {});
}

// Stand-ins for sudo, su and doas, run by the user of the tests.
class become_by_script : public testing::Test {
 protected:
  become_by_script() {
    std::string pattern = testing::TempDir() + "execo-become-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~become_by_script() override { std::filesystem::remove_all(folder_); }

  void write_sudo(const std::string& text) const {
    std::ofstream(folder_ + "/sudo") << "#!/bin/sh\n" << text << "\n";
    (void)::chmod((folder_ + "/sudo").c_str(), 0755);
  }

  ssh_options options(const std::string& shell = "sh") const {
    ssh_options made;
    made.connector = "env PATH=" + folder_ + ":/usr/bin:/bin " + shell + " -c";
    made.become = "root";
    made.become_password = answering(password_of_login);
    return made;
  }
  host_result run(const std::string& text, ssh_options options) const {
    return result_of(remote(text, host("n1")).ssh(std::move(options)));
  }

  std::string folder_;
};

constexpr const char* obedient =
    "while [ \"$1\" != -- ]; do [ \"$1\" = -p ] && p=$2; shift; done; shift\n"
    "[ \"$ASK\" ] && { printf %s \"$p\" | sed 's/%%/%/' >&2; read -r a; }\nexec \"$@\"";

TEST_F(become_by_script, a_text_goes_through_each_login_shell) {
  write_sudo(obedient);
  command words(std::vector<std::string>{"printf", "[%s]", "it's", "a\nb", "$HOME", "", "!\\'`"});
  for (const char* shell : {"sh", "bash", "dash", "csh", "tcsh", "fish", "zsh", "ksh93"}) {
    if (::access((std::string("/bin/") + shell).c_str(), X_OK) != 0) continue;
    host_result r = result_of(remote(words, host("n1")).ssh(options(shell)).env("A", "b'\nc"));
    EXPECT_EQ(r.out, "[it's][a\nb][$HOME][][!\\'`]") << shell << r.describe() << r.err;
    EXPECT_EQ(run("echo 'a  b' \"$0\"\nexit 3", options(shell)).out, "a  b /bin/sh\n") << shell;
  }
}

TEST_F(become_by_script, a_prompt_for_something_else_gets_no_answer) {
  write_sudo("printf 'Verification code: ' >&2; read -r code; echo got $code");
  host_result r = run("id", options());
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_EQ(r.reason(), failure_reason::none);
  EXPECT_EQ(r.started_command(), certainty::no);
  EXPECT_THAT(r.error_context(), HasSubstr("gets no answer: `Verification code:`"));
}

TEST_F(become_by_script, one_that_is_missing_is_named) {
  ssh_options without = options();
  without.connector = "env PATH=" + folder_ + " /bin/sh -c";
  host_result r = run("id", without);
  EXPECT_EQ(r.how(), end_reason::unsupported) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("n1: there is no sudo for "));
}

TEST_F(become_by_script, one_that_says_nothing_is_timed_out_while_the_command_is_started) {
  write_sudo("exec sleep 1000");
  ssh_options silent = options();
  silent.limits.open = 2s;
  host_result r = run("id", silent);
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.phase(), phase::open);
  EXPECT_EQ(r.started_command(), certainty::maybe);
  EXPECT_THAT(r.error_context(), HasSubstr("n1: sudo has not started the command"));
}

TEST_F(become_by_script, another_program_in_its_place_is_told_from_it) {
  ssh_options forced = options();
  forced.connector = "echo forced";
  host_result r = run("id", forced);
  EXPECT_EQ(r.how(), end_reason::unsupported) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("it ran something else than sudo"));
}

TEST_F(become_by_script, a_password_of_two_lines_is_not_sent) {
  write_sudo(obedient);
  ssh_options two = options();
  two.connector = "env ASK=1 " + two.connector.substr(4);
  two.become_password = answering("one\ntwo");
  host_result r = run("cat", two);
  EXPECT_EQ(r.how(), end_reason::unsupported) << r.describe();
  EXPECT_THAT(r.error_context(), HasSubstr("a password is one line"));
  two.become_password = answering("");
  EXPECT_TRUE(run("cat", two).ok());
}

TEST_F(become_by_script, a_stop_while_the_user_is_asked_ends_at_once) {
  write_sudo(obedient);
  ssh_options slow = options();
  slow.connector = "env ASK=1 " + slow.connector.substr(4);
  std::atomic<bool> asked = false;
  std::atomic<bool> stopped = false;
  slow.become_password = secret_prompt([&](const std::string&) -> std::optional<secret> {
    asked = true;
    while (!stopped) std::this_thread::sleep_for(1ms);
    return std::nullopt;
  });
  remote action("id", host("n1"));
  action.ssh(slow);
  auto both = [&]() -> task<action_result> {
    action.start();
    while (!asked) co_await sleep(1ms);
    action.request_stop();
    stopped = true;
    action_result all = co_await action.run();
    co_return all;
  };
  action_result all = sync_wait(both());
  EXPECT_EQ(all.all()[0].how(), end_reason::cancelled) << all.all()[0].describe();
  EXPECT_EQ(all.all()[0].started_command(), certainty::no);
}

TEST_F(become_by_script, what_cannot_be_used_is_refused_before_any_host) {
  ssh_options local = options();
  local.connector = "exec:";
  EXPECT_THROW((void)remote("id", host("n1")).ssh(local), std::invalid_argument);
  ssh_options odd = options();
  odd.become = "-i";
  EXPECT_THROW((void)remote("id", host("n1")).ssh(odd), std::invalid_argument);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(over, become, testing::Values(way::libssh, way::openssh, way::connector),
                         [](const auto& of) { return name_of(of.param); });

}  // namespace execo::test
