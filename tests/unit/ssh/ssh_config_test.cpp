// What the lines of ssh_config(5) mean, without files. tests/integration/cli/ssh_config_test.cpp
// compares with ssh itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "execo/ssh_config.hpp"
#include "ssh/config_answer.hpp"
#include "ssh/config_lines.hpp"
#include "ssh/config_values.hpp"

namespace execo::detail {
namespace {

using words = std::vector<std::string>;

const config_keyword& keyword(std::string_view name) { return *find_config_keyword(name); }

/// A text of a file, and the hosts that it is asked about.
class ssh_config_lines : public testing::Test {
 protected:
  ssh_config_lines() {
    caller_.user = "local";
    caller_.id = "1000";
    caller_.home = "/home/local";
    caller_.machine = "desk.example";
  }

  void read(std::string_view text) {
    lines_ = config_lines(caller_.home);
    for (const std::string& option : options_) lines_.add_option(option);
    lines_.add_text(text, "conf", config_lines::owner::user);
  }
  words shown(std::string_view host, std::string_view name) {
    return config_answer(lines_, caller_, commands_, host).shown(keyword(name));
  }
  words paths(std::string_view host, std::string_view name) {
    return config_answer(lines_, caller_, commands_, host).paths(keyword(name));
  }
  std::string complaint(std::string_view text) {
    try {
      read(text);
      config_answer asked(lines_, caller_, commands_, "a");
    } catch (const ssh_config_error& error) {
      return error.what();
    }
    return "none";
  }

  config_caller caller_;
  config_lines lines_{"/home/local"};
  words asked_;
  config_commands commands_{[this](const std::string& command) {
    asked_.push_back(command);
    return command.starts_with("yes");
  }};
  words options_;
};

TEST_F(ssh_config_lines, the_first_value_holds_and_options_come_before_files) {
  read("User one\nHost *\nUser two\nPort 7\n");
  EXPECT_EQ(shown("a", "user"), words{"one"});
  EXPECT_EQ(shown("a", "port"), words{"7"});
  options_ = {"User=line", "Port 9"};
  read("User one\nPort 7\n");
  EXPECT_EQ(shown("them@a", "user"), words{"line"});
  EXPECT_EQ(shown("a", "port"), words{"9"});
}

TEST_F(ssh_config_lines, the_name_of_the_destination_comes_before_files) {
  read("User one\nPort 7\n");
  EXPECT_EQ(shown("them@a", "user"), words{"them"});
  EXPECT_EQ(shown("ssh://them@[::1]:77", "port"), words{"77"});
  EXPECT_EQ(shown("ssh://them@[::1]:77", "hostname"), words{"::1"});
  EXPECT_THROW(shown("ssh://", "user"), ssh_config_error);
  EXPECT_THROW(shown("-oProxyCommand=x", "user"), ssh_config_error);
  EXPECT_THROW(shown("", "user"), ssh_config_error);
}

TEST_F(ssh_config_lines, a_negated_pattern_ends_a_block_whatever_else_matches) {
  read("Host *.x !b.x\nPort 1\nMatch host *.x,!c.x\nUser u\n");
  EXPECT_EQ(shown("a.x", "port"), words{"1"});
  EXPECT_EQ(shown("b.x", "port"), words{"22"});
  EXPECT_EQ(shown("b.x", "user"), words{"u"});
  EXPECT_EQ(shown("c.x", "user"), words{"local"});
}

TEST_F(ssh_config_lines, tokens_and_variables_of_paths_are_replaced) {
  read(
      "HostName real.x\nUser u\nPort 9\nHostKeyAlias KEY\n"
      "IdentityFile ~/%h_%n_%r_%u_%p_%i_%k_%L_%l_%%\nCertificateFile %d/c\n");
  EXPECT_EQ(paths("A", "identityfile"),
            words{"/home/local/real.x_A_u_local_9_1000_key_desk_desk.example_%"});
  EXPECT_EQ(paths("A", "certificatefile"), words{"/home/local/c"});
  read("IdentityFile %C\n");
  EXPECT_EQ(paths("A", "identityfile")[0].size(), 40u);
  EXPECT_EQ(paths("A", "identityfile"), paths("a", "identityfile"));
  EXPECT_NE(paths("A", "identityfile"), paths("b", "identityfile"));
}

TEST_F(ssh_config_lines, a_token_without_meaning_is_an_error_of_the_host) {
  read("IdentityAgent %z\n");
  EXPECT_THROW(shown("a", "identityagent"), ssh_config_error);
  EXPECT_NE(complaint("HostName %z\n").find("a: '%z': %z has no meaning here"), std::string::npos);
}

TEST_F(ssh_config_lines, a_command_of_match_is_asked_for_once_and_only_if_it_decides) {
  read("Match host a exec \"yes %h\"\nPort 1\nMatch exec \"yes %h\"\nUser u\n");
  EXPECT_EQ(shown("a", "port"), words{"1"});
  EXPECT_EQ(shown("a", "user"), words{"u"});
  EXPECT_EQ(asked_, words{"yes a"});
  EXPECT_EQ(shown("b", "port"), words{"22"});
  EXPECT_EQ(asked_, (words{"yes a", "yes b"}));
}

TEST_F(ssh_config_lines, without_a_callback_no_command_matches) {
  commands_ = config_commands(nullptr);
  read("Match exec yes\nPort 1\nMatch !exec yes\nUser u\n");
  EXPECT_EQ(shown("a", "port"), words{"22"});
  EXPECT_EQ(shown("a", "user"), words{"u"});
}

TEST_F(ssh_config_lines, a_tag_is_matched_as_newer_releases_of_ssh_do) {
  read("Host a\nTag blue\nMatch tagged blue,green\nPort 1\n");
  EXPECT_EQ(shown("a", "port"), words{"1"});
  EXPECT_EQ(shown("b", "port"), words{"22"});
}

TEST_F(ssh_config_lines, a_final_pass_sees_the_name_that_hostname_gave) {
  read("Match final host real\nPort 1\nHost a\nHostName REAL\nHost real\nUser u\n");
  EXPECT_EQ(shown("a", "port"), words{"1"});
  EXPECT_EQ(shown("a", "user"), words{"u"});
  EXPECT_EQ(shown("a", "hostname"), words{"real"});
}

TEST_F(ssh_config_lines, a_mistake_names_its_line_and_the_cure) {
  EXPECT_EQ(complaint("\n\nPort x\n"), "conf:3: port 'x': not a port; take one from 1 to 65535");
  EXPECT_EQ(complaint("User a b\n"),
            "conf:1: user 'b': one word too many; put a value with blanks in quotes");
  EXPECT_EQ(complaint("User 'a\n"), "conf:1: user: a quote has no end");
  EXPECT_EQ(complaint("Foo x\n"),
            "conf:1: 'foo' is not a keyword of ssh_config(5); IgnoreUnknown foo before this line "
            "skips it");
  EXPECT_EQ(complaint("IgnoreUnknown FOO\nFoo x\n"), "none");
  EXPECT_EQ(complaint("Match host\n"), "conf:1: match: the argument of 'host' is missing");
  EXPECT_EQ(complaint("Match \x1b x\n").find('\x1b'), std::string::npos);
}

TEST_F(ssh_config_lines, options_of_a_command_line_have_no_blocks) {
  for (const char* option : {"Host=a", "Match=all", "Include=x", "Foo=1", "Port=x", "Port"}) {
    options_ = {option};
    EXPECT_NE(complaint(""), "none") << option;
    EXPECT_TRUE(complaint("").starts_with("-o '")) << complaint("");
  }
}

TEST(config_keywords, each_has_its_own_name_in_lower_case_and_choices_that_hold_its_default) {
  std::set<std::string_view> names;
  for (const config_keyword& one : config_keywords) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_EQ(one.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), one.name.npos);
    EXPECT_EQ(one.kind == config_kind::choice, !one.choices.empty()) << one.name;
    if (one.kind != config_kind::choice) continue;
    EXPECT_EQ(read_config_values(one, one.unset), words{std::string(one.unset)}) << one.name;
  }
}

TEST(config_values, times_have_units_and_a_limit) {
  EXPECT_EQ(read_config_seconds("90"), 90);
  EXPECT_EQ(read_config_seconds("1h30m"), 5400);
  EXPECT_EQ(read_config_seconds("1W2D"), 777'600);
  for (const char* bad : {"", "x", "1x", "-1", "h", "1 m", "99999999999", "9999999w"})
    EXPECT_EQ(read_config_seconds(bad), -1) << bad;
}

TEST(config_values, an_address_has_a_user_a_host_and_a_port) {
  auto full = read_ssh_address("u@[fe80::1]:22");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->user + " " + full->host + " " + full->port, "u fe80::1 22");
  EXPECT_EQ(read_ssh_address("ssh://a@b@c:7/")->user, "a@b");
  EXPECT_EQ(read_ssh_address("::1")->host, "::1");
  for (const char* bad : {"", "@a", "a@", "a:", "a:x", "a:0", "[a", "[a]b", "-a", "a b", "ssh://"})
    EXPECT_FALSE(read_ssh_address(bad)) << bad;
}

TEST(ssh_config, answers_a_program_that_gives_its_own_lines) {
  std::string port;
  execo::ssh_config::source from;
  from.file = "none";
  from.options = {"User=ops", "Port=2200"};
  execo::ssh_config config(from);
  for (const execo::ssh_setting& one : config.settings_of("node7")) {
    if (one.name == "port") port = one.value;
  }
  EXPECT_EQ(port, "2200");
  execo::ssh_config moved(std::move(config));
  EXPECT_EQ(moved.settings_of("NODE7")[0].value, "NODE7");
}

// 10,000 hosts, each asked for all that it takes to connect.
TEST_F(ssh_config_lines, many_hosts_are_answered_from_the_lines_that_were_read_once) {
  std::string text;
  for (int i = 0; i < 50; ++i) {
    std::string n = std::to_string(i);
    text += "Host rack" + n + "-* !rack" + n + "-spare\n  User u" + n +
            "\n  IdentityFile ~/.ssh/k" + n + "\n  ProxyJump gate" + n +
            "\n  ServerAliveInterval 30\n";
  }
  read(text + "Host *\n  ConnectTimeout 10\n  IdentitiesOnly yes\n");
  for (int i = 0; i < 10'000; ++i) {
    std::string rack = std::to_string(i % 50);
    config_answer one(lines_, caller_, commands_, "rack" + rack + "-" + std::to_string(i));
    ASSERT_EQ(one.values(keyword("user"))[0], "u" + rack);
    ASSERT_EQ(one.values(keyword("connecttimeout"))[0], "10");
  }
}

}  // namespace
}  // namespace execo::detail
