// `execo ssh-config` beside `ssh -G`: the same files, the same answers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/user_database.hpp"
#include "program.hpp"

namespace {

using execo::test::outcome;
using execo::test::program;
using testing::HasSubstr;
using words = std::vector<std::string>;
using settings = std::map<std::string, words>;
namespace fs = std::filesystem;

/// A file, in which @ is the folder of the test, and the hosts to ask it about.
class sample {
 public:
  const char* text;
  words arguments;  // the last is the host
};

// What a connection depends on.
constexpr const char* compared[] = {"host",
                                    "hostname",
                                    "user",
                                    "port",
                                    "identityfile",
                                    "identitiesonly",
                                    "identityagent",
                                    "certificatefile",
                                    "proxyjump",
                                    "proxycommand",
                                    "userknownhostsfile",
                                    "globalknownhostsfile",
                                    "stricthostkeychecking",
                                    "hostkeyalias",
                                    "connecttimeout",
                                    "connectionattempts",
                                    "serveraliveinterval",
                                    "serveralivecountmax",
                                    "compression",
                                    "rekeylimit",
                                    "addressfamily",
                                    "bindaddress",
                                    "sendenv",
                                    "setenv",
                                    "forwardagent",
                                    "numberofpasswordprompts",
                                    "tcpkeepalive",
                                    "loglevel",
                                    "requesttty",
                                    "remotecommand",
                                    "batchmode",
                                    "preferredauthentications",
                                    "pubkeyauthentication",
                                    "passwordauthentication",
                                    "kbdinteractiveauthentication",
                                    "controlpath",
                                    "controlmaster",
                                    "canonicalizehostname",
                                    "addkeystoagent",
                                    "sessiontype",
                                    "updatehostkeys",
                                    "nohostauthenticationforlocalhost"};
// What ssh takes without a line depends on how it was built.
constexpr const char* compared_if_set[] = {"ciphers", "macs", "kexalgorithms", "hostkeyalgorithms",
                                           "pubkeyacceptedalgorithms"};

std::vector<sample> corpus() {
  return {
      {"", {"plain"}},
      {"# a comment\n\n   # another\nUser bob # the end\n", {"a"}},
      {"User=bob\nPort = 2200\nHostName= real\nCompression =yes\n", {"a"}},
      {"\tUser\tbob\n  Port\t 2200  \t\n", {"a"}},
      {"USER bob\npORT 2200\n", {"a"}},
      {"User bob\r\nPort 2200\r\n", {"a"}},
      {"User \"bob smith\"\nIdentityFile \"a b\"\n", {"a"}},
      {"IdentityFile 'a b'\nUser b\\\"c\n", {"a"}},
      {"IdentityFile a\\ b\nUser 'b\\'c'\n", {"a"}},
      {"\"User\" bob\n", {"a"}},
      {"User bob\nUser eve\n", {"a"}},
      {"Host a\nUser one\nHost *\nUser two\nPort 99\n", {"a"}},
      {"Host a\nUser one\nHost *\nUser two\nPort 99\n", {"b"}},
      {"Host a b c\nUser one\n", {"b"}},
      {"Host \"a\" b\nUser one\n", {"a"}},
      {"Host *.example !bad.example\nUser one\n", {"bad.example"}},
      {"Host *.example !bad.example\nUser one\n", {"good.example"}},
      {"Host !bad.example *.example\nUser one\n", {"bad.example"}},
      {"Host !*.example\nUser one\n", {"other"}},
      {"Host node?\nPort 1\nHost node??\nPort 2\nHost n*\nPort 3\n", {"node12"}},
      {"Host node?\nPort 1\nHost node??\nPort 2\nHost n*\nPort 3\n", {"node123"}},
      {"Host NODE\nPort 1\nHost node\nPort 2\n", {"NODE"}},
      {"Host a,b\nPort 1\n", {"a"}},
      {"HostName %h.example.org\n", {"A"}},
      {"HostName 100%%.x\n", {"A"}},
      {"HostName Real.Example\nHost Real.Example\nUser never\n", {"a"}},
      {"HostName 127.1\n", {"a"}},
      {"HostName ::0:1\n", {"a"}},
      {"IdentityFile ~/.ssh/one\nIdentityFile ~/.ssh/two\nIdentityFile ~/.ssh/one\n", {"a"}},
      {"Host a\nIdentityFile one\nHost *\nIdentityFile two\n", {"a"}},
      {"IdentityFile ~/k_%h_%r_%n_%p\nCertificateFile ~/c_%u\n", {"a"}},
      {"IdentityFile none\nIdentitiesOnly yes\n", {"a"}},
      {"CertificateFile a\nCertificateFile b\nCertificateFile a\n", {"a"}},
      {"IdentityAgent none\n", {"a"}},
      {"IdentityAgent SSH_AUTH_SOCK\n", {"a"}},
      {"IdentityAgent ~/agent-%h-%r\nHostName b\nUser u\n", {"a"}},
      {"IdentityAgent ${PLACE}/agent\n", {"a"}},
      {"ProxyJump hop\n", {"a"}},
      {"ProxyJump u@one:22,two,three:2200\n", {"a"}},
      {"ProxyJump ssh://u@one:2200\n", {"a"}},
      {"ProxyJump [::1]:33\n", {"a"}},
      {"Host a\nProxyJump none\nHost *\nProxyJump hop\n", {"a"}},
      {"ProxyJump hop\nProxyCommand nc %h %p\n", {"a"}},
      {"ProxyCommand nc %h %p\nProxyJump hop\n", {"a"}},
      {"Host a\nProxyCommand none\nHost *\nProxyCommand nc %h %p\n", {"a"}},
      {"ProxyCommand = ssh -W \"%h:%p\" 'a b' # not a comment\n", {"a"}},
      {"UserKnownHostsFile ~/one /two_%h\nGlobalKnownHostsFile /etc/x\n", {"a"}},
      {"UserKnownHostsFile none\n", {"a"}},
      {"UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\n", {"a"}},
      {"UserKnownHostsFile ${PLACE}/known\nStrictHostKeyChecking off\n", {"a"}},
      {"StrictHostKeyChecking accept-new\nHostKeyAlias MAIN.Host\n", {"a"}},
      {"StrictHostKeyChecking yes\nUpdateHostKeys ask\n", {"a"}},
      {"ConnectTimeout 1h30m\nServerAliveInterval 2m\nServerAliveCountMax 7\n", {"a"}},
      {"ConnectTimeout none\nConnectTimeout 5\n", {"a"}},
      {"RekeyLimit 1G 1h\n", {"a"}},
      {"RekeyLimit 1M\nRekeyLimit 2M 5m\n", {"a"}},
      {"RekeyLimit default none\n", {"a"}},
      {"RekeyLimit 1.5G\n", {"a"}},
      {"AddressFamily inet6\nBindAddress 10.0.0.1\nTCPKeepAlive no\n", {"a"}},
      {"SendEnv LANG LC_*\nSendEnv A B\nSendEnv -L*\n", {"a"}},
      {"SetEnv A=1 B=\"two words\" A=3\nSetEnv C=4\n", {"a"}},
      {"SetEnv A=x=y\nHost b\nSetEnv B=1\n", {"a"}},
      {"ForwardAgent yes\nNumberOfPasswordPrompts 1\nLogLevel debug1\n", {"a"}},
      {"LogLevel VERBOSE\nRequestTTY force\nBatchMode no\n", {"a"}},
      {"RemoteCommand echo %h \"%r\" %% # all\n", {"a"}},
      {"RequestTTY yes\nRemoteCommand none\n", {"a"}},
      {"Ciphers aes256-ctr,aes128-ctr\nMACs hmac-sha2-256\nKexAlgorithms curve25519-sha256\n",
       {"a"}},
      {"HostKeyAlgorithms ssh-ed25519\nPubkeyAcceptedKeyTypes ssh-ed25519,rsa-sha2-512\n", {"a"}},
      {"PreferredAuthentications publickey,password\nPubkeyAuthentication unbound\n", {"a"}},
      {"PasswordAuthentication no\nChallengeResponseAuthentication no\nDSAAuthentication no\n",
       {"a"}},
      {"ControlPath ~/cm-%r@%h:%p\nControlMaster auto\nControlPersist 10m\n", {"a"}},
      {"ControlPath ~/cm-%C-%i-%L-%l-%u-%d-%k\n", {"a"}},
      {"ControlPath none\nAddKeysToAgent 1h\nSessionType none\n", {"a"}},
      {"AddKeysToAgent confirm\nCanonicalizeHostname no\n", {"a"}},
      {"Match all\nUser one\n", {"a"}},
      {"Match !all\nUser one\n", {"a"}},
      {"Match host a,b user root\nPort 9\nMatch host a\nPort 8\n", {"a"}},
      {"Match host=a,b\nPort 9\n", {"b"}},
      {"Match host *.example,!bad.*\nPort 9\n", {"bad.example"}},
      {"Match !host b\nPort 9\n", {"a"}},
      {"HostName real\nMatch host real\nPort 9\nMatch originalhost a\nUser z\n", {"A"}},
      {"User z\nMatch user z\nPort 9\nMatch user z,y localuser nobody-here\nUser q\n", {"a"}},
      {"Match user me\nPort 9\n", {"me@a"}},
      {"Match exec \"test %h = a\"\nPort 9\nMatch exec false\nUser no\n", {"a"}},
      {"Match host b exec \"touch @/never\"\nPort 9\n", {"a"}},
      {"Match !exec false host a\nPort 9\n", {"a"}},
      {"Match exec \"test %n:%p:%r = a:22:root\"\nPort 9\nMatch exec \"test %p = 9\"\nUser u\n",
       {"a"}},
      {"Match final host real\nUser f\nMatch final\nPort 4\nHost a\nHostName REAL\n", {"a"}},
      {"Match !final\nUser first\nMatch final all\nPort 4\n", {"a"}},
      {"Match canonical\nPort 4\n", {"a"}},
      {"SendEnv A\nIdentityFile k\nMatch final\nPort 5\n", {"a"}},
      {"Match final\nUser u\nHost real\nPort 3\nHost a\nHostName real\n", {"a"}},
      {"Match host a # a comment\nPort 9\n", {"a"}},
      {"Include @/part\n", {"a"}},
      {"Include @/part @/missing @/other*\nUser late\n", {"a"}},
      {"Host b\nInclude @/part\nHost *\nPort 7\n", {"a"}},
      {"Host b\nInclude @/part\nHost *\nPort 7\n", {"b"}},
      {"Host a\nInclude @/hosts\nUser after\n", {"a"}},
      {"Host a\nInclude @/hosts\nUser after\n", {"x"}},
      {"Host x\nInclude @/hosts\nUser after\n", {"a"}},
      {"Match host a\nInclude @/nest\n", {"a"}},
      {"Include \"@/with blank\"\n", {"a"}},
      {"IgnoreUnknown nosuch,apple*\nNoSuch yes\nAppleThing x y\nUser z\n", {"a"}},
      {"Protocol 2,1\nCipher 3des\nUsePrivilegedPort no\nUser z\n", {"a"}},
      {"LocalForward 8080 localhost:80\nDynamicForward 1080\nForwardX11 no\nUser z\n", {"a"}},
      {"User file\nPort 1\n", {"-l", "line", "-p", "2", "a"}},
      {"User file\nPort 1\n", {"-o", "User=line", "-o", "Port 3", "a"}},
      {"User file\nPort 1\n", {"-o", "port=7", "-p", "8", "a"}},
      {"User file\n", {"them@a"}},
      {"User file\n", {"ssh://them@a:77"}},
      {"User file\n", {"-l", "me", "them@a"}},
      {"User file\n", {"a@b@c"}},
      {"ProxyJump file\nIdentityFile f\n",
       {"-o", "ProxyCommand=x %h", "-o", "IdentityFile=o", "a"}},
      {"ServerAliveCountMax +5\nLogLevel quiet\nVerifyHostKeyDNS yes\n", {"a"}},
      {"HostName %%\nHost ?\nPort 2\nMatch !final\nUser u\n", {"name"}},
      {"Host z\nInclude @/final\nHost real\nPort 9\nHost *\nHostName real\n", {"a"}},
      {"HostName 1.2.3\nAddressFamily inet6\n", {"a"}},
      {"\"User bob\n", {"a"}},
      {"Port ssh\n", {"a"}},
      {"User bob\f\n", {"a"}},
  };
}

// What ssh refuses.
constexpr const char* refused[] = {"NoSuch yes\n",
                                   "Host b\nNoSuch yes\n",
                                   "NoSuch yes\nIgnoreUnknown nosuch\n",
                                   "User\n",
                                   "User \"bob\n",
                                   "User ''\n",
                                   "User a b\n",
                                   "Port 99999\n",
                                   "Port x1\n",
                                   "Compression maybe\n",
                                   "Host b\nCompression maybe\n",
                                   "StrictHostKeyChecking yess\n",
                                   "ConnectTimeout 1x\n",
                                   "ConnectTimeout 99999999999\n",
                                   "LogLevel loud\n",
                                   "Host\n",
                                   "Host a \"\"\n",
                                   "Match\n",
                                   "Match host\n",
                                   "Match nosuch x\n",
                                   "Match all host x\n",
                                   "Include\n",
                                   "SetEnv A\n",
                                   "SendEnv A=b\n",
                                   "RekeyLimit 1\n",
                                   "RekeyLimit 1G 1h x\n",
                                   "UserKnownHostsFile a none\n",
                                   "UserKnownHostsFile a \"\"\n",
                                   "ServerAliveCountMax -1\n",
                                   "NumberOfPasswordPrompts 1.5\n",
                                   "ConnectionAttempts 0\n",
                                   "AddressFamily ipx\n",
                                   "ProxyJump a@\n",
                                   "HostName %z\n",
                                   "UserKnownHostsFile %z\n",
                                   "UserKnownHostsFile ${NO_SUCH_VARIABLE}/x\n",
                                   "IdentityAgent ${NO_SUCH_VARIABLE}/x\n",
                                   "Include @/itself\n"};

class ssh_config_tool : public testing::Test {
 protected:
  ssh_config_tool() {
    std::string name = (fs::temp_directory_path() / "execo-sshconf-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    write("part", "User part\nPort 1234\n");
    write("other1", "IdentityFile o1\n");
    write("other2", "IdentityFile o2\n");
    write("hosts", "User inside\nHost x\nPort 5\nHost *\nHostName h\n");
    write("final", "Match final\nUser last\n");
    write("nest", "Include @/hosts\nCompression yes\n");
    write("with blank", "User blank\n");
    write("itself", "Include @/itself\n");
  }
  ~ssh_config_tool() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, std::string text) const {
    for (std::size_t at; (at = text.find('@' + std::string("/"))) != text.npos;)
      text.replace(at, 1, folder_.string());
    std::string path = (folder_ / name).string();
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path;
  }

  outcome run(words command, const words& arguments) const {
    command.insert(command.end(), {"-F", (folder_ / "config").string()});
    command.insert(command.end(), arguments.begin(), arguments.end());
    // ssh takes its home from the database of users, whatever $HOME is.
    int error = 0;
    auto user = execo::detail::find_user(::geteuid(), error);
    std::string home = user ? user->home : "/";
    return program(command, {"PLACE=" + folder_.string(), "SHELL=/bin/sh", "HOME=" + home})
        .finish();
  }
  outcome ssh(const words& arguments) const { return run({"ssh", "-G"}, arguments); }
  outcome ours(const words& arguments) const { return run({EXECO_TOOL, "ssh-config"}, arguments); }

  static bool ssh_is_missing() { return execo::test::run_program({"ssh", "-V"}).code != 0; }

  static settings settings_of(const std::string& text) {
    settings read;
    for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
      end = std::min(text.find('\n', at), text.size());
      std::string line = text.substr(at, end - at);
      std::size_t blank = std::min(line.find(' '), line.size());
      read[line.substr(0, blank)].push_back(line.substr(std::min(blank + 1, line.size())));
    }
    return read;
  }

  fs::path folder_;
};

TEST_F(ssh_config_tool, says_what_ssh_says_about_every_file_of_the_corpus) {
  if (ssh_is_missing()) GTEST_SKIP() << "needs OpenSSH's ssh";
  for (const sample& one : corpus()) {
    SCOPED_TRACE(std::string(one.text) + testing::PrintToString(one.arguments));
    write("config", one.text);
    outcome theirs = ssh(one.arguments), mine = ours(one.arguments);
    ASSERT_EQ(theirs.code, 0) << theirs.err;
    ASSERT_EQ(mine.code, 0) << mine.err;
    settings expected = settings_of(theirs.out), found = settings_of(mine.out);
    for (const char* name : compared) EXPECT_EQ(found[name], expected[name]) << name;
    for (const char* name : compared_if_set)
      EXPECT_TRUE(!found.contains(name) || found[name] == expected[name])
          << name << ": " << testing::PrintToString(found[name]);
  }
  EXPECT_GE(corpus().size(), 60u);
  EXPECT_FALSE(fs::exists(folder_ / "never"));
}

TEST_F(ssh_config_tool, refuses_what_ssh_refuses_in_one_line_that_names_the_place) {
  if (ssh_is_missing()) GTEST_SKIP() << "needs OpenSSH's ssh";
  for (const char* text : refused) {
    SCOPED_TRACE(text);
    write("config", text);
    EXPECT_NE(ssh({"a"}).code, 0);
    outcome mine = ours({"a"});
    EXPECT_EQ(mine.code, 2);
    EXPECT_EQ(mine.out, "");
    EXPECT_EQ(std::count(mine.err.begin(), mine.err.end(), '\n'), 1) << mine.err;
    EXPECT_THAT(mine.err, testing::StartsWith("execo ssh-config: "));
  }
}

TEST_F(ssh_config_tool, knows_every_keyword_that_ssh_prints) {
  if (ssh_is_missing()) GTEST_SKIP() << "needs OpenSSH's ssh";
  write("config", "");
  for (const auto& [name, values] : settings_of(ssh({"a"}).out)) {
    write("config", "Match !all\n" + name + " " + values[0] + "\n");
    outcome mine = ours({"a"});
    EXPECT_TRUE(mine.code == 0 || name == "host") << mine.err;
  }
}

TEST_F(ssh_config_tool, a_mistake_is_named_with_its_file_and_line) {
  std::string path = write("config", "User a\n\nCompression maybe\n");
  outcome bad = ours({"a"});
  EXPECT_EQ(bad.err, "execo ssh-config: " + path +
                         ":3: compression 'maybe': choose from yes, true, no, false\n");
  write("config", "User a\nFoo x\n");
  EXPECT_THAT(ours({"a"}).err, HasSubstr(":2: 'foo' is not a keyword of ssh_config(5); "
                                         "IgnoreUnknown foo before this line skips it"));
}

TEST_F(ssh_config_tool, a_command_of_match_runs_once_for_each_of_its_texts) {
  write("config",
        "Match exec \"echo x >>@/ran\"\nUser one\nMatch exec \"echo x >>@/ran\"\nPort 2\n"
        "Match exec \"echo %h >>@/ran\"\nPort 3\n");
  EXPECT_EQ(ours({"a", "b", "a"}).code, 0);
  std::ifstream ran(folder_ / "ran");
  std::vector<std::string> lines;
  for (std::string line; std::getline(ran, line);) lines.push_back(line);
  EXPECT_EQ(lines, (std::vector<std::string>{"x", "a", "b"}));
}

TEST_F(ssh_config_tool, the_files_of_the_user_and_of_the_system_are_read_without_an_option) {
  fs::create_directory(folder_ / ".ssh");
  write(".ssh/config", "Include more\nUser mine\n");
  write(".ssh/more", "Port 4321\n");
  auto ask = [&] {
    return program({EXECO_TOOL, "ssh-config", "a"}, {"HOME=" + folder_.string()}).finish();
  };
  EXPECT_THAT(ask().out, testing::AllOf(HasSubstr("\nuser mine\n"), HasSubstr("\nport 4321\n")));
  fs::permissions(folder_ / ".ssh/config", fs::perms::all);
  EXPECT_EQ(ask().code, 2);
  EXPECT_THAT(ask().err, HasSubstr("chmod go-w"));
}

TEST_F(ssh_config_tool, several_hosts_stand_behind_each_other) {
  write("config", "Host b\nPort 5\n");
  std::string out = ours({"a", "b"}).out;
  EXPECT_THAT(out, testing::StartsWith("host a\n"));
  EXPECT_THAT(out, HasSubstr("\n\nhost b\n"));
}

TEST_F(ssh_config_tool, a_missing_file_or_host_is_a_mistake_and_help_is_not) {
  EXPECT_EQ(ours({"a"}).code, 2);
  EXPECT_THAT(ours({"a"}).err, HasSubstr("No such file"));
  write("config", "");
  EXPECT_EQ(ours({}).code, 2);
  outcome help = ours({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, testing::StartsWith("Usage: execo ssh-config "));
}

}  // namespace
