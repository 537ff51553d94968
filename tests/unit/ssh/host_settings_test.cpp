// From ssh_config(5) to what a connection does: which value holds, and what becomes of it.
#include "ssh/host_settings.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>

#include "execo/ssh_config.hpp"
#include "ssh/algorithms.hpp"
#include "ssh/dotted_quad.hpp"
#include "ssh/host_directory.hpp"

namespace execo::detail {
namespace {

using namespace std::chrono_literals;
using words = std::vector<std::string>;

class connection_options : public testing::Test {
 protected:
  host_settings read(std::string_view text, ssh_options base = {}, const char* host = "a") {
    lines_ = config_lines(by_.home());
    lines_.add_text(text, "conf", config_lines::owner::user);
    config_caller caller = config_caller::of(by_);
    config_answer::fixed_destination named;
    named.host = host;
    config_answer answer(lines_, caller, commands_, named);
    return host_settings(base, by_, answer);
  }
  std::string key(std::string_view text, const char* host = "a") {
    lines_ = config_lines(by_.home());
    lines_.add_text(text, "conf", config_lines::owner::user);
    config_caller caller = config_caller::of(by_);
    config_answer::fixed_destination named;
    named.host = host;
    return settings_key(config_answer(lines_, caller, commands_, named));
  }

  ssh_caller by_ = ssh_caller::now();
  config_lines lines_{by_.home()};
  config_commands commands_{nullptr};
};

TEST_F(connection_options, are_the_defaults_where_a_file_says_nothing) {
  host_settings made = read("");
  EXPECT_EQ(made.options, ssh_options());
  EXPECT_EQ(made.also, connection_settings());
  EXPECT_EQ(key(""), "");
}

TEST_F(connection_options, come_from_the_action_before_the_file) {
  // What a file gives, and what an action gives beside it.
  class row {
   public:
    const char* line;
    std::function<void(ssh_options&)> set;
    std::function<bool(const ssh_options&)> of_file;
    std::function<bool(const ssh_options&)> of_action;
  };
  const row table[] = {
      {"StrictHostKeyChecking no", [](ssh_options& o) { o.host_key_policy = host_keys::strict; },
       [](const ssh_options& o) { return o.host_key_policy == host_keys::ignore; },
       [](const ssh_options& o) { return o.host_key_policy == host_keys::strict; }},
      {"StrictHostKeyChecking accept-new",
       [](ssh_options& o) { o.host_key_policy = host_keys::ignore; },
       [](const ssh_options& o) { return o.host_key_policy == host_keys::accept_new; },
       [](const ssh_options& o) { return o.host_key_policy == host_keys::ignore; }},
      {"ConnectTimeout 1m30s", [](ssh_options& o) { o.limits.establish = 20s; },
       [](const ssh_options& o) { return o.limits.establish == 90s; },
       [](const ssh_options& o) { return o.limits.establish == 20s; }},
      {"ServerAliveInterval 7", [](ssh_options& o) { o.keepalive = 0s; },
       [](const ssh_options& o) { return o.keepalive == 7s; },
       [](const ssh_options& o) { return o.keepalive == 0s; }},
      {"TCPKeepAlive no", [](ssh_options& o) { o.tcp_keepalive = 30s; },
       [](const ssh_options& o) { return o.tcp_keepalive == 0s; },
       [](const ssh_options& o) { return o.tcp_keepalive == 30s; }},
  };
  for (const row& each : table) {
    EXPECT_TRUE(each.of_file(read(each.line).options)) << each.line;
    ssh_options given;
    each.set(given);
    EXPECT_TRUE(each.of_action(read(each.line, given).options)) << each.line;
  }
}

TEST_F(connection_options, are_strict_where_ssh_would_ask) {
  EXPECT_EQ(read("StrictHostKeyChecking ask\n").options.host_key_policy, host_keys::strict);
  EXPECT_EQ(read("StrictHostKeyChecking yes\n").options.host_key_policy, host_keys::strict);
}

TEST_F(connection_options, expand_the_paths_of_a_host) {
  host_settings made = read(
      "UserKnownHostsFile /k/%h /k/%n.%r\nGlobalKnownHostsFile none\nIdentityFile /i/%h\n"
      "RevokedHostKeys ~/r\nUser me\n",
      {}, "b");
  EXPECT_EQ(made.also.known_hosts, (words{"/k/b", "/k/b.me"}));
  EXPECT_EQ(made.also.site_known_hosts, words());
  EXPECT_EQ(made.also.identities, words{"/i/b"});
  EXPECT_EQ(made.also.revoked_keys, by_.home() + "/r");
}

TEST_F(connection_options, know_no_host_without_a_file_of_them) {
  EXPECT_EQ(read("UserKnownHostsFile none\n").also.known_hosts, words{"/dev/null"});
}

TEST_F(connection_options, have_no_keys_where_none_is_to_be_used) {
  EXPECT_EQ(read("IdentityFile none\n").also.identities, words());
  EXPECT_EQ(read("IdentityFile /a\nPubkeyAuthentication no\n").also.identities, words());
}

TEST_F(connection_options, have_the_agent_of_the_file_unless_the_action_has_one) {
  ASSERT_EQ(::setenv("EXECO_TEST_AGENT", "/run/other", 1), 0);
  by_ = ssh_caller::now();
  ASSERT_EQ(::unsetenv("EXECO_TEST_AGENT"), 0);
  EXPECT_EQ(read("IdentityAgent ~/a.%h\n").options.agent, by_.home() + "/a.a");
  EXPECT_EQ(read("IdentityAgent none\n").options.agent, "none");
  EXPECT_EQ(read("IdentityAgent SSH_AUTH_SOCK\n").options.agent, "");
  EXPECT_EQ(read("IdentityAgent $EXECO_TEST_AGENT\n").options.agent, "/run/other");
  EXPECT_EQ(read("IdentityAgent $EXECO_TEST_NONE\n").options.agent, "none");
  ssh_options given;
  given.agent = "/mine";
  EXPECT_EQ(read("IdentityAgent /other\n", given).options.agent, "/mine");
  EXPECT_TRUE(read("IdentitiesOnly yes\n").options.identities_only);
  EXPECT_FALSE(read("IdentitiesOnly no\n").options.identities_only);
}

TEST_F(connection_options, have_one_way_to_the_host) {
  EXPECT_EQ(read("ProxyJump u@one,two:7\n").options.jump, (words{"u@one", "two:7"}));
  EXPECT_EQ(read("ProxyJump none\n").options.jump, words());
  EXPECT_EQ(read("ProxyCommand nc %h %p\n").options.proxy_command, "nc %h %p");
  ssh_options given;
  given.jump = {"mine"};
  EXPECT_EQ(read("ProxyJump one\n", given).options.jump, words{"mine"});
  EXPECT_EQ(read("ProxyCommand nc %h %p\n", given).options.proxy_command, "");
  given.jump.clear();
  given.proxy_command = "mine";
  EXPECT_EQ(read("ProxyJump one\n", given).options.jump, words());
}

TEST_F(connection_options, have_numbers_and_switches) {
  host_settings made = read(
      "Compression yes\nRekeyLimit 1G 1h\nAddressFamily inet6\nBindAddress 127.0.0.7\n"
      "ConnectionAttempts 3\nServerAliveCountMax 5\nRequiredRSASize 2048\n"
      "NoHostAuthenticationForLocalhost yes\nHostKeyAlias Cluster\nCiphers +aes128-cbc\n"
      "MACs -hmac-sha1*\nKexAlgorithms ^x\nHostKeyAlgorithms a,b\nPubkeyAcceptedAlgorithms c\n");
  EXPECT_TRUE(made.also.compression);
  EXPECT_EQ(made.also.rekey_bytes, 1u << 30);
  EXPECT_EQ(made.also.rekey_seconds, 3600u);
  EXPECT_EQ(made.also.family, AF_INET6);
  EXPECT_EQ(made.also.bind_address, "127.0.0.7");
  EXPECT_EQ(made.also.attempts, 3u);
  EXPECT_EQ(made.also.max_unanswered, 5u);
  EXPECT_EQ(made.also.min_rsa_bits, 2048);
  EXPECT_TRUE(made.also.trusts_loopback);
  EXPECT_EQ(made.also.key_alias, "cluster");
  EXPECT_EQ(made.also.ciphers, "+aes128-cbc");
  EXPECT_EQ(made.also.macs, "-hmac-sha1*");
  EXPECT_EQ(made.also.key_exchange, "^x");
  EXPECT_EQ(made.also.host_key_algorithms, "a,b");
  EXPECT_EQ(made.also.public_key_algorithms, "c");
}

TEST_F(connection_options, have_the_variables_of_the_caller_and_those_that_are_set) {
  ASSERT_EQ(::setenv("EXECO_TEST_ONE", "1", 1), 0);
  ASSERT_EQ(::setenv("EXECO_TEST_TWO", "2", 1), 0);
  by_ = ssh_caller::now();
  ASSERT_EQ(::unsetenv("EXECO_TEST_ONE"), 0);
  ASSERT_EQ(::unsetenv("EXECO_TEST_TWO"), 0);
  using variables = std::vector<std::pair<std::string, std::string>>;
  variables made = read(
                       "SetEnv EXECO_TEST_TWO=set \"OTHER=a b\"\nSendEnv EXECO_TEST_*\n"
                       "SendEnv -*_NONE\n")
                       .also.variables;
  EXPECT_EQ(made,
            (variables{{"EXECO_TEST_TWO", "set"}, {"OTHER", "a b"}, {"EXECO_TEST_ONE", "1"}}));
}

TEST_F(connection_options, name_what_only_ssh_can_do) {
  EXPECT_EQ(read("ProxyJump %n-gate\n").also.needs_ssh, "proxyjump");
  EXPECT_EQ(read("ProxyJump none\n").also.needs_ssh, "");
  EXPECT_EQ(read("ProxyUseFdpass yes\n").also.needs_ssh, "proxyusefdpass");
  EXPECT_EQ(read("KnownHostsCommand /bin/keys %h\n").also.needs_ssh, "knownhostscommand");
  EXPECT_EQ(read("ForwardAgent yes\n").also.needs_ssh, "forwardagent");
  EXPECT_EQ(read("CanonicalizeHostname always\n").also.needs_ssh, "canonicalizehostname");
  EXPECT_EQ(read("ForwardAgent no\nVerifyHostKeyDNS no\nCanonicalizeHostname no\n").also.needs_ssh,
            "");
}

TEST_F(connection_options, have_one_key_for_hosts_of_which_the_same_is_said) {
  constexpr const char* same = "Host *\nHostName %h.example\nUser u\nPort 7\nCiphers x\n";
  EXPECT_EQ(key(same, "a"), key(same, "b"));
  constexpr const char* own = "IdentityFile /keys/%n\n";
  EXPECT_NE(key(own, "a"), key(own, "b"));
  // Values of different keywords are not mixed up.
  EXPECT_NE(key("Ciphers x\n"), key("MACs x\n"));
  EXPECT_NE(key("SendEnv A\n"), key("SendEnv B\n"));
}

TEST(algorithms, that_are_chosen_change_the_usual_ones_or_replace_them) {
  EXPECT_EQ(chosen_algorithms("x,y", "a,b"), "x,y");
  EXPECT_EQ(chosen_algorithms("+x,b", "a,b"), "a,b,x");
  EXPECT_EQ(chosen_algorithms("-a*", "aa,b,ab"), "b");
  EXPECT_EQ(chosen_algorithms("^b,x", "a,b"), "b,x,a");
  EXPECT_EQ(chosen_algorithms("", "a,b"), "");
}

TEST(host_settings, prefer_the_cipher_that_the_processor_has_instructions_for) {
  auto first = [](std::string_view list) { return list.substr(0, list.find(',')); };
  EXPECT_EQ(first(usual_algorithms::ciphers_for(true)), "aes128-gcm@openssh.com");
  EXPECT_EQ(first(usual_algorithms::ciphers_for(false)), "chacha20-poly1305@openssh.com");
  EXPECT_EQ(usual_algorithms::ciphers_for(true).size(),
            usual_algorithms::ciphers_for(false).size());
}

class directory_of_hosts : public testing::Test {
 protected:
  ssh_target find(const char* text, ssh_options options, const host& where) {
    auto lines = std::make_shared<config_lines>(by_.home());
    lines->add_text(text, "conf", config_lines::owner::user);
    host_directory hosts(loop_, std::move(options), by_, detail::config_source{lines, nullptr});
    return hosts.find(where);
  }
  loop loop_;
  ssh_caller by_ = ssh_caller::now();
};

TEST_F(directory_of_hosts, takes_user_and_port_of_the_host_then_of_the_action_then_of_the_file) {
  constexpr const char* text = "Host a\nHostName 127.0.0.1\nUser file\nPort 1\n";
  ssh_options none;
  ssh_options given;
  given.user = "action";
  given.port = 2;
  ssh_target by_file = find(text, none, host("a"));
  EXPECT_EQ(by_file.name, "127.0.0.1");
  EXPECT_EQ(by_file.user, "file");
  EXPECT_EQ(by_file.port, 1);
  ssh_target by_action = find(text, given, host("a"));
  EXPECT_EQ(by_action.name, "127.0.0.1");
  EXPECT_EQ(by_action.user, "action");
  EXPECT_EQ(by_action.port, 2);
  ssh_target by_host = find(text, given, host("host@a:3"));
  EXPECT_EQ(by_host.user, "host");
  EXPECT_EQ(by_host.port, 3);
  ssh_target by_none = find(text, none, host("b"));
  EXPECT_EQ(by_none.name, "b");
  EXPECT_EQ(by_none.user, by_.user());
  EXPECT_EQ(by_none.port, 22);
  EXPECT_EQ(by_none.establish, 20s);
}

TEST_F(directory_of_hosts, shows_blocks_the_user_of_the_host) {
  constexpr const char* text = "Match user root\nPort 7\nHost *\nPort 8\n";
  EXPECT_EQ(find(text, {}, host("root@a")).port, 7);
  EXPECT_EQ(find(text, {}, host("ops@a")).port, 8);
}

TEST_F(directory_of_hosts, shares_what_hosts_have_in_common) {
  auto lines = std::make_shared<config_lines>(by_.home());
  lines->add_text("Host c\nCompression yes\nConnectTimeout 3\n", "conf", config_lines::owner::user);
  host_directory hosts(loop_, {}, by_, detail::config_source{lines, nullptr});
  ssh_target a = hosts.find(host("a"));
  ssh_target b = hosts.find(host("b"));
  ssh_target c = hosts.find(host("c"));
  EXPECT_EQ(a.shared, b.shared);
  EXPECT_NE(a.shared, c.shared);
  EXPECT_EQ(&a.shared->host_keys, &c.shared->host_keys);
  EXPECT_EQ(c.establish, 3s);
}

// Files that say the same to many hosts, and files that do not.
constexpr const char* shared_and_own[] = {
    "",
    "User u\nPort 7\nCompression yes\n",
    "Host rack1-* !rack1-spare\nUser r\nConnectTimeout 3\nHost *\nUser all\nPort 9\n",
    "Host a\nHostName Gate.example\nHost b\nHostName %h.example\nUserKnownHostsFile /k/%k\n",
    "Host a b\nIdentityFile /i/%h\nHost *\nIdentityFile /i/all\n",
    "IdentityAgent /run/%r\nAddressFamily inet6\n",
    "Match user u\nPort 5\nHost *\nPort 6\n",
    "Match originalhost a\nPort 5\nMatch all\nCompression yes\n",
    "Host a\nPort 4\nMatch all\nPort 5\nCompression yes\n",
    "Host *.example\nPort 3\nHost a\nHostName a.example\nHost *\nCanonicalizeHostname yes\n",
    "Host A\nPort 2\nHost 127.*\nHostKeyAlias Local\nHost u\nProxyCommand nc %h %p\n",
};

TEST_F(directory_of_hosts, tells_each_host_what_it_would_be_told_alone) {
  const char* names[] = {"a",       "b",           "A",     "u@a",   "a:7",    "u@b:8",
                         "rack1-1", "rack1-spare", "127.1", "127.2", "u@[::1]"};
  for (const char* text : shared_and_own) {
    auto lines = std::make_shared<config_lines>(by_.home());
    lines->add_text(text, "conf", config_lines::owner::user);
    const config_source source{lines, nullptr};
    host_directory hosts(loop_, {}, by_, source);
    for (int time = 0; time < 2; ++time) {
      for (const char* name : names) {
        SCOPED_TRACE(std::string(text) + name);
        ssh_target found = hosts.find(host(name));
        ssh_target alone = host_directory(loop_, {}, by_, source).find(host(name));
        EXPECT_EQ(found.name, alone.name);
        EXPECT_EQ(found.user, alone.user);
        EXPECT_EQ(found.port, alone.port);
        EXPECT_EQ(found.establish, alone.establish);
        EXPECT_EQ(found.shared->settings, alone.shared->settings);
        EXPECT_EQ(found.shared->options(), alone.shared->options());
      }
    }
  }
}

TEST_F(directory_of_hosts, tells_a_host_of_an_action_with_a_user_and_a_port_the_rest) {
  ssh_options given;
  given.user = "action";
  given.port = 2;
  auto lines = std::make_shared<config_lines>(by_.home());
  lines->add_text("User file\nPort 1\nConnectTimeout 3\n", "conf", config_lines::owner::user);
  host_directory hosts(loop_, given, by_, detail::config_source{lines, nullptr});
  for (const char* name : {"a", "host@b:3", "c"}) {
    bool has_own = std::string_view(name).size() > 1;
    ssh_target found = hosts.find(host(name));
    EXPECT_EQ(found.user, has_own ? "host" : "action");
    EXPECT_EQ(found.port, has_own ? 3 : 2);
    EXPECT_EQ(found.establish, 3s);
  }
}

TEST(dotted_quad, is_what_the_library_writes) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "10.200.30.4"}) {
    in_addr address{};
    ASSERT_EQ(::inet_pton(AF_INET, text, &address), 1);
    EXPECT_EQ(dotted_quad(address), text);
  }
}

TEST_F(directory_of_hosts, leaves_a_host_with_commands_in_its_blocks_to_ssh) {
  constexpr const char* text = "Match host a exec \"exit 0\"\nPort 7\n";
  EXPECT_EQ(find(text, {}, host("a")).shared->settings.needs_ssh, "match exec");
  EXPECT_EQ(find(text, {}, host("b")).shared->settings.needs_ssh, "");
}

TEST_F(directory_of_hosts, has_an_error_of_one_host_alone) {
  constexpr const char* text = "Host a\nIdentityFile ~nobody-of-this-name/x\n";
  EXPECT_THROW(find(text, {}, host("a")), ssh_config_error);
  EXPECT_NO_THROW(find(text, {}, host("b")));
}

}  // namespace
}  // namespace execo::detail
