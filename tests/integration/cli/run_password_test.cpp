// `execo run` asks the user: where, in which words, and what becomes of the terminal and of the
// secret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "password_fleet.hpp"
#include "sanitizers.hpp"
#include "support/file_bytes.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using words = std::vector<std::string>;

/// The words of a run with a password.
words run_words(const password_fleet& hosts, const std::string& set, words more) {
  words all = execo_run(hosts.fleet(), {"-F", "none", "-l", "ops", "-w", set});
  all.insert(all.end(), more.begin(), more.end());
  all.insert(all.end(), {"--", "uname"});
  return all;
}

const words no_helpers = {
    "SSH_ASKPASS=", "SSH_ASKPASS_REQUIRE=", "DISPLAY=", "WAYLAND_DISPLAY=", "SSH_AUTH_SOCK="};

words with_helpers(words more) {
  for (const std::string& variable : no_helpers) {
    auto same = [&variable](const std::string& one) { return one.starts_with(variable); };
    if (std::ranges::none_of(more, same)) more.push_back(variable);
  }
  return more;
}

/// Without a terminal.
outcome run_detached(words run, const words& variables) {
  run.insert(run.begin(), {"setsid", "-w"});
  return program(run, variables).finish();
}

std::string script(const scratch_directory& folder, const std::string& text) {
  std::string file = folder.path() + "/script";
  std::ofstream(file) << "#!/bin/sh\n" << text << "\n";
  (void)::chmod(file.c_str(), 0700);
  return file;
}

TEST(run_password, is_asked_for_on_the_terminal_and_not_shown) {
  password_fleet hosts("127.24.30.[1-20]", "password");
  program run = program::on_terminal(
      run_words(hosts, "127.24.30.[1-20]", {"--ask-pass", "-b", "--progress", "always"}),
      no_helpers);
  ASSERT_TRUE(run.out_has("Password for ops: "));
  run.type(std::string(right_one) + "\n");
  outcome end = run.finish();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_THAT(end.out, HasSubstr("20 hosts: 20 ok"));
  EXPECT_THAT(end.out, Not(HasSubstr(right_one)));
  EXPECT_EQ(hosts.secrets(), 20);
}

TEST(run_password, that_is_wrong_ends_all_hosts_after_one_attempt) {
  password_fleet hosts("127.24.31.[1-200]", "password");
  scratch_directory folder;
  words run = run_words(hosts, "127.24.31.[1-200]", {"--password-fd", "3"});
  std::ofstream(folder.path() + "/wrong") << "incorrect horse\n";
  outcome end =
      run_program({"sh", "-c", "exec " + in_shell(run) + " 3<" + folder.path() + "/wrong"});
  EXPECT_EQ(end.code, 3);
  EXPECT_THAT(end.err, HasSubstr("200 hosts (127.24.31.[1-200]): auth failed"));
  EXPECT_THAT(end.err, Not(HasSubstr("incorrect horse")));
  EXPECT_EQ(hosts.secrets(), 1);
}

TEST(run_password, leaves_the_terminal_as_it_was_whatever_ends_the_run) {
  password_fleet hosts("127.24.32.1", "password");
  words run = run_words(hosts, "127.24.32.1", {"--ask-pass"});
  std::string text =
      "stty -a | grep -o -- '-*echo ' | tail -1; trap : INT; sh -c 'echo pid $$; "
      "exec \"$@\"' sh " +
      in_shell(run) + "; echo ended $?; stty -a";
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGXCPU, SIGALRM, 0}) {
    program on = program::on_terminal({"sh", "-c", text}, no_helpers);
    ASSERT_TRUE(on.out_has("Password for ops: ")) << on.out();
    pid_t tool = std::stoi(on.out().substr(on.out().find("pid ") + 4));
    if (signal != 0) {
      ASSERT_EQ(::kill(tool, signal), 0);
    } else {
      on.type("\x03");
    }
    outcome end = on.finish();
    bool is_interrupt = signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == 0;
    std::string code = "ended " + std::to_string(is_interrupt ? 130 : 128 + signal);
    EXPECT_THAT(end.out, HasSubstr(code)) << signal;
    std::string after = end.out.substr(end.out.find("ended "));
    EXPECT_THAT(after, HasSubstr(" echo ")) << signal << after;
    EXPECT_THAT(after, Not(HasSubstr("-echo "))) << signal << after;
  }
}

TEST(run_password, is_asked_for_again_when_the_program_was_stopped) {
  password_fleet hosts("127.24.33.1", "password");
  program run = program::on_terminal(run_words(hosts, "127.24.33.1", {"--ask-pass"}), no_helpers);
  ASSERT_TRUE(run.out_has("Password for ops: "));
  run.type("half a wo");
  // In a session of its own the program is not stopped, but it behaves as if it had been.
  run.kill(SIGTSTP);
  ASSERT_TRUE(run.out_has("Password for ops: \r\nPassword for ops: "));
  run.type(std::string(right_one) + "\n");
  EXPECT_EQ(run.finish().code, 0);
}

TEST(run_password, is_not_given_by_an_end_of_file) {
  password_fleet hosts("127.24.34.1", "password");
  program run = program::on_terminal(run_words(hosts, "127.24.34.1", {"--ask-pass"}), no_helpers);
  ASSERT_TRUE(run.out_has("Password for ops: "));
  run.type("\x04");
  outcome end = run.finish();
  EXPECT_EQ(end.code, 3);
  EXPECT_THAT(end.out, HasSubstr("the password was not given"));
}

TEST(run_password, comes_from_the_program_that_ssh_would_ask) {
  password_fleet hosts("127.24.35.[1-3]", "password");
  scratch_directory folder;
  std::string askpass = script(folder, "[ \"$1\" = 'Password for ops: ' ] && echo 'correct horse'");
  words run = run_words(hosts, "127.24.35.[1-3]", {"--ask-pass"});
  EXPECT_EQ(run_detached(run, with_helpers({"SSH_ASKPASS=" + askpass, "DISPLAY=:7"})).code, 0);
  EXPECT_EQ(
      run_detached(run, with_helpers({"SSH_ASKPASS=" + askpass, "SSH_ASKPASS_REQUIRE=force"})).code,
      0);
  for (const words& variables :
       {words{}, words{"SSH_ASKPASS=" + askpass},
        words{"SSH_ASKPASS=" + askpass, "DISPLAY=:7", "SSH_ASKPASS_REQUIRE=never"}}) {
    outcome end = run_detached(run, with_helpers(variables));
    EXPECT_EQ(end.code, 2);
    EXPECT_EQ(end.err,
              "execo: --ask-pass: there is no terminal to ask on, and no SSH_ASKPASS; "
              "--password-fd N takes the password from a descriptor\n");
  }
  std::string refusing = script(folder, "echo 'correct horse'; exit 1");
  outcome end = run_detached(run, with_helpers({"SSH_ASKPASS=" + refusing, "DISPLAY=:7"}));
  EXPECT_EQ(end.code, 3);
  EXPECT_THAT(end.err, HasSubstr("the password was not given"));
}

TEST(run_password, on_a_descriptor_has_to_be_there) {
  password_fleet hosts("127.24.36.1", "password");
  auto with = [&](words more, const std::string& redirection) {
    words run = run_words(hosts, "127.24.36.1", std::move(more));
    return run_program({"sh", "-c", "exec " + in_shell(run) + redirection});
  };
  EXPECT_EQ(with({"--password-fd", "3"}, " 3<<'X'\ncorrect horse\nmore\nX\n").code, 0);
  EXPECT_EQ(with({"--password-fd", "0"}, " <<'X'\ncorrect horse\nX\n").code, 0);
  const std::pair<outcome, const char*> refused[] = {
      {with({"--password-fd", "77"}, ""), "execo: --password-fd 77: Bad file descriptor\n"},
      {with({"--password-fd", "3"}, " 3</dev/null"),
       "execo: --password-fd 3: there is no password on it\n"},
      {with({"--password-fd", "3"}, " 3</dev/zero"),
       "execo: --password-fd 3: a secret is at most 4,000 bytes long\n"},
      {with({"--password-fd", "3", "--ask-pass"}, " 3<<'X'\nx\nX\n"),
       "execo: --ask-pass and --password-fd exclude each other: choose one\n"},
  };
  for (const auto& [end, text] : refused) {
    EXPECT_EQ(end.code, 2);
    EXPECT_EQ(end.err, text);
  }
}

TEST(run_password, is_said_to_be_of_no_use_to_a_connector) {
  password_fleet hosts("127.24.37.1", "password");
  words run = run_words(hosts, "127.24.37.1", {"--connector", "exec:", "--password-fd", "0"});
  outcome end = run_program(run, "correct horse\n");
  EXPECT_THAT(end.err, HasSubstr("execo: the password is not used: a connector gets none"));
  EXPECT_EQ(hosts.secrets(), 0);
}

TEST(run_password, is_given_to_the_program_ssh) {
  password_fleet hosts("127.24.41.[1-3]", "password");
  program run = program::on_terminal(
      run_words(hosts, "127.24.41.[1-3]",
                {"--via", "openssh", "--ask-pass", "-b", "--progress", "never"}),
      no_helpers);
  ASSERT_TRUE(run.out_has("Password for ops: ")) << run.out();
  run.type(std::string(right_one) + "\n");
  outcome end = run.finish();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_THAT(end.out, HasSubstr("3 hosts: 3 ok"));
  EXPECT_THAT(end.out, Not(HasSubstr(right_one)));
  EXPECT_EQ(hosts.secrets(), 3);
}

// As before OpenSSH 8.4, which takes a program in place of a terminal only if there is none.
TEST(run_password, is_given_to_an_ssh_that_cannot_be_told_to_ask_a_program) {
  password_fleet hosts("127.24.42.[1-2]", "password");
  scratch_directory folder;
  std::ofstream(folder.path() + "/ssh")
      << "#!/bin/sh\nunset SSH_ASKPASS_REQUIRE\nexec /usr/bin/ssh \"$@\"\n";
  ASSERT_EQ(::chmod((folder.path() + "/ssh").c_str(), 0700), 0);
  program run = program::on_terminal(
      run_words(hosts, "127.24.42.[1-2]",
                {"--via", "openssh", "--ask-pass", "-b", "--progress", "never"}),
      with_helpers({"PATH=" + folder.path() + ":/usr/bin:/bin"}));
  ASSERT_TRUE(run.out_has("Password for ops: ")) << run.out();
  run.type(std::string(right_one) + "\n");
  outcome end = run.finish();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_EQ(hosts.secrets(), 2);
}

TEST(run_code, is_asked_for_on_the_terminal_of_each_host) {
  password_fleet hosts("127.24.38.[1-3]", "publickey,keyboard-interactive",
                       {"--prompt", "Verification code: =123456"});
  program run = program::on_terminal(
      run_words(hosts, "127.24.38.[1-3]", {"-b", "--progress", "never"}), no_helpers);
  for (int i = 0; i < 3; ++i) {
    std::string shown;
    for (int j = 0; j <= i; ++j) shown = ") Verification code: ";
    ASSERT_TRUE(soon([&] {
      (void)run.out_has("never", std::chrono::milliseconds(5));
      std::size_t count = 0;
      for (std::size_t at = 0; (at = run.out().find(shown, at)) != std::string::npos; ++at) ++count;
      return count == static_cast<std::size_t>(i) + 1;
    })) << run.out();
    run.type("123456\n");
  }
  outcome end = run.finish();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_THAT(end.out, Not(HasSubstr("123456")));
}

words run_with_key(const password_fleet& hosts, const std::string& key, const std::string& set) {
  return {EXECO_TOOL,
          "run",
          "-F",
          "none",
          "-l",
          "ops",
          "-p",
          std::to_string(hosts.fleet().port()),
          "--known-hosts",
          hosts.fleet().known_hosts(),
          "-i",
          key,
          "-w",
          set};
}

TEST(run_passphrase, is_asked_for_on_the_terminal) {
  password_fleet hosts("127.24.39.[1-3]", "publickey");
  scratch_directory folder;
  std::string key = folder.path() + "/key";
  ASSERT_EQ(run_program({"sh", "-c",
                         "cp " + hosts.fleet().identity() + " " + key +
                             " && ssh-keygen -q -p -P '' -N rosebud -f " + key})
                .code,
            0);
  words all = run_with_key(hosts, key, "127.24.39.[1-3]");
  all.insert(all.end(), {"--", "uname"});
  program run = program::on_terminal(all, no_helpers);
  ASSERT_TRUE(run.out_has("Enter passphrase for key '" + key + "': "));
  run.type("rosebud\n");
  outcome end = run.finish();
  EXPECT_EQ(end.code, 0) << end.out;
  EXPECT_THAT(end.out, Not(HasSubstr("rosebud")));
}

/// 16 printable characters that occur nowhere else.
std::string random_word() {
  std::random_device random;
  std::string text;
  while (text.size() < 16) {
    char c = static_cast<char>('!' + random() % 94);
    if (c != '\'' && c != '"' && c != '\\') text += c;
  }
  return text;
}

class planted_secrets : public ::testing::Test {
 protected:
  /// Starts a run that logs in with a key that a passphrase encrypts and with a password.
  program busy_run(const password_fleet& hosts, const std::string& via) {
    std::ofstream(folder.path() + "/word") << password << "\n";
    std::ofstream(folder.path() + "/config.toml") << "log_level = \"io_debug\"\n";
    std::string askpass = script(folder, "printf '%s\\n' '" + passphrase + "'");
    std::string key = folder.path() + "/key";
    std::string encrypt = "cp " + hosts.fleet().identity() + " " + key +
                          " && ssh-keygen -q -p -P '' -N '" + passphrase + "' -f " + key;
    EXPECT_EQ(run_program({"sh", "-c", encrypt}).code, 0);
    words run = run_with_key(hosts, key, set);
    run.insert(run.end(), {"--via", via, "--format", "ndjson", "--journal",
                           folder.path() + "/journal", "--password-fd", "3", "--", "sleep 60"});
    std::string text = "cd " + folder.path() + "; export EXECO_CONFIG=$PWD/config.toml; " +
                       "ulimit -c unlimited; exec " + in_shell(run) + " 3<word";
    return program({"sh", "-c", text},
                   with_helpers({"SSH_ASKPASS=" + askpass, "SSH_ASKPASS_REQUIRE=force"}));
  }
  /// In what all processes of the machine show of themselves.
  void expect_none_in_processes() {
    for (const fs::directory_entry& each : fs::directory_iterator("/proc")) {
      const std::string name = each.path().filename();
      if (name.find_first_not_of("0123456789") != name.npos) continue;
      for (const char* file : {"/cmdline", "/environ"})
        expect_none_in(file_bytes(each.path().string() + file), name + file);
    }
  }
  void expect_none_in(const std::string& bytes, const std::string& where) {
    for (const std::string& planted : {password, passphrase})
      EXPECT_EQ(bytes.find(planted), std::string::npos) << where;
  }

  scratch_directory folder;
  const std::string password = random_word();
  const std::string passphrase = random_word();
  const std::string set = "127.24.40.[1-5]";
};

TEST_F(planted_secrets, are_in_no_output_argument_variable_or_core) {
  if (address_sanitizer || thread_sanitizer)
    GTEST_SKIP() << "a sanitizer's core is as large as its shadow of all addresses";
  const std::pair<const char*, const char*> logins[] = {
      {"libssh", "publickey,password"},
      {"libssh", "publickey,keyboard-interactive"},
      {"openssh", "publickey,password"},
  };
  for (const auto& [via, methods] : logins) {
    password_fleet hosts(set, methods, {"--exec", "real"}, password);
    program run = busy_run(hosts, via);
    ASSERT_TRUE(soon([&] { return hosts.fleet().commands().size() >= 5; }))
        << run.finish({}, std::chrono::seconds(1)).err;
    expect_none_in_processes();
    std::string core = folder.path() + "/core." + std::to_string(run.pid());
    bool has_gcore =
        ::access("/usr/bin/gcore", X_OK) == 0 &&
        run_program({"gcore", "-o", folder.path() + "/core", std::to_string(run.pid())}).code == 0;
    if (has_gcore) {
      std::string bytes = file_bytes(core);
      EXPECT_NE(bytes.find(folder.path()), std::string::npos) << "it holds what is not secret";
      expect_none_in(bytes, "gcore");
      fs::remove(core);
    }
    run.kill(SIGABRT);
    outcome end = run.finish();
    EXPECT_EQ(end.signal, SIGABRT);
    expect_none_in(end.out + end.err, "output and log");
    EXPECT_THAT(end.err, HasSubstr("DEBUG")) << "the log is in it";
    EXPECT_THAT(file_bytes(folder.path() + "/journal"), HasSubstr("127.24.40."));
    expect_none_in(file_bytes(folder.path() + "/journal"), "journal");
    fs::remove(folder.path() + "/journal");
    for (const fs::directory_entry& file : fs::directory_iterator(folder.path()))
      if (file.path().filename().string().starts_with("core"))
        expect_none_in(file_bytes(file.path()), file.path());
    for (const fs::directory_entry& file : fs::directory_iterator(folder.path()))
      if (file.path().filename().string().starts_with("core")) fs::remove(file.path());
    if (!has_gcore) GTEST_SKIP() << "no gcore, or no permission for it";
  }
}

}  // namespace
}  // namespace execo::test
