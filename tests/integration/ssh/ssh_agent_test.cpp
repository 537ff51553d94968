// Logins with keys that an ssh agent holds, at OpenSSH's server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "fleet_fixture.hpp"
#include "long_count.hpp"
#include "program.hpp"
#include "ssh/agent_protocol.hpp"
#include "ssh/base64.hpp"
#include "ssh/environment.hpp"
#include "ssh/wire.hpp"
#include "ssh_agents.hpp"
#include "sshd_suite.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ssh_agent : public sshd_suite<ssh_agent> {
 protected:
  void SetUp() override {
    sshd_suite::SetUp();
    if (IsSkipped()) return;
    if (!ssh_agent_fixture::available()) GTEST_SKIP() << "no ssh-agent";
    agent.emplace();
    options.agent = agent->path();
    options.reuse = false;  // each login is one of its own
    // A home without keys.
    const char* before = ::getenv("HOME");
    home_ = before != nullptr ? before : "";
    ::setenv("HOME", agent->folder().c_str(), 1);
    options.identities.clear();
  }
  void TearDown() override {
    if (agent) ::setenv("HOME", home_.c_str(), 1);
  }

  static void make_key(const std::string& file, const std::string& more) {
    std::string line = "ssh-keygen -q -N '' -C '' -f " + file + " " + more + " >/dev/null";
    ASSERT_EQ(::system(line.c_str()), 0);
  }
  std::string file(const std::string& name) const { return agent->folder() + "/" + name; }
  std::string who() const { return server_->user() + "@127.1.0.1: "; }

  std::optional<ssh_agent_fixture> agent;

 private:
  std::string home_;
};

TEST_F(ssh_agent, signs_for_a_login_without_any_key_file) {
  agent->add(server_->identity());
  auto shared = detail::make_ssh_environment(loop, options);
  for (int i = 0; i < 3; ++i) {
    recorded_run r(loop, shared, "127.1.0." + std::to_string(i + 1), "echo in");
    EXPECT_TRUE(r.run().exited) << r.context;
    EXPECT_EQ(r.out, "in\n");
  }
}

TEST_F(ssh_agent, of_the_environment_is_used_unless_there_is_to_be_none) {
  agent->add(server_->identity());
  ::setenv("SSH_AUTH_SOCK", agent->path().c_str(), 1);
  options.agent.clear();
  auto with = detail::make_ssh_environment(loop, options);
  options.agent = "none";
  auto without = detail::make_ssh_environment(loop, options);
  ::unsetenv("SSH_AUTH_SOCK");
  EXPECT_EQ(login_error(with), "in");
  EXPECT_EQ(login_error(without), "auth_failed: " + who() + "no identity to log in with: none");
}

TEST_F(ssh_agent, signs_with_keys_of_each_type) {
  sshd_fixture server;
  options.port = server.port();
  std::string authorized;
  for (const char* type : {"-t ed25519", "-t ecdsa", "-t rsa -b 2048", "-t ecdsa -b 521"}) {
    std::string key = file(std::to_string(authorized.size()));
    make_key(key, type);
    authorized = file_bytes(key + ".pub");
    std::ofstream(server.directory() + "/authorized_keys") << authorized;
    ssh_agent_fixture own;
    own.add(key);
    options.agent = own.path();
    EXPECT_EQ(login_error(), "in") << type;
  }
}

TEST_F(ssh_agent, signs_with_a_certificate) {
  make_key(file("ca"), "-t ed25519");
  sshd_fixture server("TrustedUserCAKeys " + file("ca") + ".pub\n");
  options.port = server.port();
  ASSERT_EQ(::chmod(agent->folder().c_str(), 0755), 0);
  for (const char* type : {"ed25519", "rsa"}) {
    std::string key = file(std::string("certified-") + type);
    make_key(key, std::string("-t ") + type);
    std::string line = "ssh-keygen -q -s " + file("ca") + " -I id -n " + server.user() + " " + key;
    ASSERT_EQ(::system((line + ".pub").c_str()), 0);
    ssh_agent_fixture own;
    own.add(key);
    options.agent = own.path();
    EXPECT_EQ(login_error(), "in") << type;
    // The agent has the key, and the certificate is here.
    ssh_agent_fixture plain;
    fs::rename(key + "-cert.pub", key + ".elsewhere");
    plain.add(key);
    options.agent = plain.path();
    options.certificates = {key + ".elsewhere"};
    EXPECT_EQ(login_error(), "in") << type;
    options.certificates.clear();
  }
}

TEST_F(ssh_agent, is_asked_first_for_keys_that_are_identities_as_well) {
  for (const char* name : {"other", "named", "here"}) make_key(file(name), "-t ed25519");
  agent->add(file("other"));
  agent->add(file("named"));
  // The public half is enough, and an encrypted key file has it.
  ASSERT_EQ(::system(("ssh-keygen -q -p -P '' -N secret -f " + file("named")).c_str()), 0);
  fs::remove(file("named.pub"));
  options.identities = {file("here"), file("named")};
  std::string named = file("named") + " (agent)";
  std::string other = agent->folder() + "/other (agent)";
  auto names = [this] {
    auto shared = detail::make_ssh_environment(loop, options);
    EXPECT_THAT(login_error(shared), HasSubstr("refused the identities"));
    std::vector<std::string> found;
    for (const auto& o : shared->offers.plan().offers) found.push_back(o.name);
    return found;
  };
  std::vector<std::string> all = names();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], named);
  EXPECT_THAT(all[1], HasSubstr(" (agent)"));
  EXPECT_EQ(all[2], file("here"));
  options.identities_only = true;
  EXPECT_EQ(names(), (std::vector<std::string>{named, file("here")}));
}

TEST_F(ssh_agent, is_told_which_key_by_a_public_key_file) {
  make_key(file("other"), "-t ed25519");
  agent->add(file("other"));
  agent->add(server_->identity());
  options.identities = {server_->identity() + ".pub"};
  options.identities_only = true;
  EXPECT_EQ(login_error(), "in");
  options.identities = {file("other.pub")};
  EXPECT_EQ(login_error(), "auth_failed: " + who() + "the server refused the identities " +
                               file("other.pub") + " (agent)");
  make_key(file("absent"), "-t ed25519");
  options.identities = {file("absent.pub")};
  EXPECT_EQ(login_error(), "auth_failed: " + who() +
                               "no identity to log in with: none (left out: " + file("absent.pub") +
                               ": is a public key, which only an agent can use)");
}

TEST_F(ssh_agent, does_not_sign_for_what_the_server_does_not_want) {
  for (const char* name : {"a", "b", "c"}) {
    make_key(file(name), "-t ed25519");
    agent->add(file(name));
  }
  agent->add(server_->identity());
  stand_in_agent counting(file("counting"), stand_in_agent::relay(agent->path()));
  options.agent = counting.path();
  auto shared = detail::make_ssh_environment(loop, options);
  EXPECT_EQ(login_error(shared), "in");
  EXPECT_EQ(counting.signatures(), 1U);
  EXPECT_EQ(favourite_of(*shared), 3U);
}

TEST_F(ssh_agent, serves_a_server_that_wants_two_keys) {
  sshd_fixture strict("AuthenticationMethods publickey,publickey\n");
  options.port = strict.port();
  make_key(file("second"), "-t ed25519");
  std::string line = "cat " + file("second.pub") + " >>" + strict.directory() + "/authorized_keys";
  ASSERT_EQ(::system(line.c_str()), 0);
  agent->add(strict.identity());
  agent->add(file("second"));
  EXPECT_EQ(login_error(), "in");
  options.identities = {file("second")};
  options.agent = "none";
  EXPECT_THAT(login_error(), HasSubstr("wants another key"));
}

TEST_F(ssh_agent, that_is_not_there_is_named_and_files_are_used) {
  options.agent = file("nothing");
  std::string why = "no ssh agent at " + file("nothing") + ": No such file or directory";
  EXPECT_EQ(login_error(),
            "auth_failed: " + who() + "no identity to log in with: none (left out: " + why + ")");
  options.identities = {server_->identity()};
  EXPECT_EQ(login_error(), "in");
  options.agent = std::string(200, 'a');
  EXPECT_EQ(login_error(), "in");
}

TEST_F(ssh_agent, that_breaks_the_protocol_is_named_and_files_are_used) {
  options.identities = {server_->identity()};
  std::string sent;
  stand_in_agent odd(file("odd"), [&sent](std::string_view) { return sent; });
  options.agent = odd.path();
  for (const std::string& answer :
       {std::string("\0\0\0\x01\x05", 5), std::string("\0\0\0\0", 4),
        std::string("\0\0\0\x01\x0c", 5), std::string("\x7f\xff\xff\xff\x0c", 5),
        std::string("\0\0\0\x05\x0c\0\0\xff\xff", 9), std::string("\0\0\0\x05\x0c\0\0\0\x01", 9)}) {
    sent = answer;
    auto shared = detail::make_ssh_environment(loop, options);
    EXPECT_EQ(login_error(shared), "in");
    EXPECT_THAT(shared->offers.plan().left_out, HasSubstr("the ssh agent"));
  }
}

TEST_F(ssh_agent, that_is_silent_is_given_up_and_files_are_used) {
  stand_in_agent silent(file("silent"), [](std::string_view) { return std::string(); });
  options.agent = silent.path();
  options.identities = {server_->identity()};
  auto shared = detail::make_ssh_environment(loop, options);
  EXPECT_EQ(login_error(shared), "in");
  EXPECT_EQ(shared->offers.plan().left_out, "the ssh agent did not answer for 5 s");
}

TEST_F(ssh_agent, that_is_silent_while_it_signs_holds_up_nobody_who_gives_up) {
  agent->add(server_->identity());
  auto relay = stand_in_agent::relay(agent->path());
  stand_in_agent silent(file("silent"), [relay](std::string_view message) {
    return stand_in_agent::is_sign_request(message) ? std::string() : relay(message);
  });
  options.agent = silent.path();
  auto shared = detail::make_ssh_environment(loop, options);
  recorded_run r(loop, shared, "127.1.0.1", "true");
  r.open();
  ASSERT_TRUE(loop.until([&] { return silent.signatures() == 1; }));
  EXPECT_TRUE(r.in(phase::auth));
  // Nor does it keep the loop busy.
  EXPECT_LT(loop.idle(std::chrono::milliseconds(200)), 100);
  r.close();
  r.run();
}

TEST_F(ssh_agent, that_refuses_to_sign_gives_way_to_the_next_identity) {
  make_key(file("here"), "-t ed25519");
  std::string line = "cat " + file("here.pub") + " >>" + server_->directory() + "/authorized_keys";
  ASSERT_EQ(::system(line.c_str()), 0);
  agent->add(server_->identity());
  auto relay = stand_in_agent::relay(agent->path());
  stand_in_agent refusing(file("refusing"), [relay](std::string_view message) {
    bool signs = stand_in_agent::is_sign_request(message);
    return signs ? std::string("\0\0\0\x01\x05", 5) : relay(message);
  });
  options.agent = refusing.path();
  std::string error = login_error();
  EXPECT_THAT(error, HasSubstr("auth_failed: "));
  EXPECT_THAT(error, HasSubstr("the agent does not sign with it"));
  options.identities = {file("here")};
  EXPECT_EQ(login_error(), "in");
}

TEST_F(ssh_agent, that_dies_in_the_middle_ends_logins_with_a_reason_or_other_identities) {
  agent->add(server_->identity());
  auto relay = stand_in_agent::relay(agent->path());
  stand_in_agent* self = nullptr;
  stand_in_agent dying(file("dying"), [relay, &self](std::string_view message) {
    if (stand_in_agent::is_sign_request(message) && self->signatures() == 3) {
      self->die();
      return std::string();
    }
    return relay(message);
  });
  self = &dying;
  options.agent = dying.path();
  auto shared = detail::make_ssh_environment(loop, options);
  std::deque<recorded_run> runs;
  for (int i = 1; i <= 12; ++i)
    runs.emplace_back(loop, shared, "127.1.1." + std::to_string(i), "true").open();
  int in = 0;
  for (recorded_run& r : runs) {
    r.run();
    in += r.exited ? 1 : 0;
    if (r.exited) continue;
    EXPECT_EQ(r.how, end_reason::auth_failed);
    EXPECT_THAT(r.context, HasSubstr("no ssh agent at "));
  }
  EXPECT_EQ(in, 2);
}

TEST_F(ssh_agent, with_few_connections_serves_many_logins) {
  agent->add(server_->identity());
  stand_in_agent narrow(file("narrow"), stand_in_agent::relay(agent->path()), 3);
  options.agent = narrow.path();
  auto shared = detail::make_ssh_environment(loop, options);
  std::deque<recorded_run> runs;
  for (int i = 1; i <= 60; ++i)
    runs.emplace_back(loop, shared, "127.1.2." + std::to_string(i), "true").open();
  for (recorded_run& r : runs) EXPECT_TRUE(r.run().exited) << r.context;
  EXPECT_EQ(narrow.signatures(), 60U);
  EXPECT_LE(narrow.peak(), 3U);
}

TEST(ssh_agent_with_three_connections, serves_a_thousand_hosts) {
  if (!ssh_agent_fixture::available()) GTEST_SKIP() << "no ssh-agent";
  fleet_fixture fleet("127.25.[0-9].[1-100]", {"--exec", "canned"});
  ssh_agent_fixture agent;
  agent.add(fleet.identity());
  stand_in_agent narrow(agent.folder() + "/narrow", stand_in_agent::relay(agent.path()), 3);
  ssh_options how;
  how.config_file = "none";
  how.agent = narrow.path();
  how.identities = {fleet.identity() + ".pub"};
  how.port = fleet.port();
  how.known_hosts = fleet.known_hosts();
  const host_set hosts("127.25.[0-" + std::to_string(long_count(10) - 1) + "].[1-100]");
  action_result all = sync_wait(remote("true", hosts).ssh(how).run());
  EXPECT_TRUE(all.ok()) << all.describe();
  EXPECT_EQ(narrow.signatures(), hosts.size());
  EXPECT_LE(narrow.peak(), 3U);
}

/// A FIDO security key, of software: what it signs is what hardware would (PROTOCOL.u2f of
/// OpenSSH).
class security_key {
 public:
  enum class kind : std::uint8_t { ed25519, ecdsa };

  explicit security_key(kind what)
      : type(what == kind::ecdsa ? "sk-ecdsa-sha2-nistp256@openssh.com"
                                 : "sk-ssh-ed25519@openssh.com"),
        what_(what),
        key_(what == kind::ecdsa ? ::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                 : ::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"),
             &::EVP_PKEY_free) {
    std::string curve = what == kind::ecdsa ? field("nistp256") : std::string();
    blob = field(type) + curve + field(public_half()) + field(application);
  }
  std::string sign(std::string_view data) const {
    std::string tail("\x01\0\0\0\x07", 5);  // the user was there; a counter
    std::string made = sign_raw(digest(application) + tail + digest(data));
    return field(type) + field(what_ == kind::ecdsa ? two_numbers(made) : made) + tail;
  }
  static std::string field(std::string_view text) {
    return std::string(3, '\0') + static_cast<char>(text.size()) + std::string(text);
  }
  static constexpr const char* application = "ssh:";
  const std::string type;
  std::string blob;

 private:
  static unsigned char* octets(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
  }
  static std::string digest(std::string_view text) {
    std::string made(32, '\0');
    EXPECT_EQ(
        ::EVP_Digest(text.data(), text.size(), octets(made), nullptr, ::EVP_sha256(), nullptr), 1);
    return made;
  }
  std::string public_half() const {
    std::string half(65, '\0');
    std::size_t size = half.size();
    if (what_ == kind::ed25519) {
      EXPECT_EQ(::EVP_PKEY_get_raw_public_key(key_.get(), octets(half), &size), 1);
    } else {
      EXPECT_EQ(
          ::EVP_PKEY_get_octet_string_param(key_.get(), "pub", octets(half), half.size(), &size),
          1);
    }
    half.resize(size);
    return half;
  }
  std::string sign_raw(std::string_view message) const {
    std::string made(128, '\0');
    std::size_t size = made.size();
    std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(),
                                                                      &::EVP_MD_CTX_free);
    const EVP_MD* hashed_by = what_ == kind::ecdsa ? ::EVP_sha256() : nullptr;
    EXPECT_EQ(::EVP_DigestSignInit(context.get(), nullptr, hashed_by, nullptr, key_.get()), 1);
    EXPECT_EQ(
        ::EVP_DigestSign(context.get(), octets(made), &size,
                         reinterpret_cast<const unsigned char*>(message.data()), message.size()),
        1);
    made.resize(size);
    return made;
  }
  // Of a signature in DER: SEQUENCE { INTEGER r, INTEGER s }, each shorter than 128 bytes, and as
  // an mpint of ssh has it.
  static std::string two_numbers(std::string_view der) {
    std::string_view r = der.substr(4, static_cast<std::size_t>(der[3]));
    std::string_view s = der.substr(4 + r.size() + 2);
    return field(r) + field(s);
  }

  const kind what_;
  std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key_;
};

TEST_F(ssh_agent, signs_with_a_security_key) {
  for (security_key::kind what : {security_key::kind::ed25519, security_key::kind::ecdsa}) {
    sshd_fixture server;
    options.port = server.port();
    security_key key(what);
    std::ofstream(server.directory() + "/authorized_keys")
        << key.type << ' ' << detail::to_base64(key.blob) << " me@key\n";
    stand_in_agent holding(file(key.type), [&key](std::string_view message) {
      if (!stand_in_agent::is_sign_request(message)) {
        detail::agent_key shown;
        shown.blob = key.blob;
        shown.comment = "me@key";
        return detail::list_answer(shown);
      }
      detail::ssh_reader fields(message.substr(1));
      EXPECT_EQ(fields.text(), key.blob);
      return detail::sign_answer(key.sign(fields.text()));
    });
    options.agent = holding.path();
    EXPECT_EQ(login_error(), "in") << server.log();
  }
}

// Keys on a smart card are the agent's: it has a program of its own talk to the card's library.
TEST_F(ssh_agent, signs_with_the_keys_of_a_token) {
  const std::string library = "/usr/lib/softhsm/libsofthsm2.so";
  if (::access(library.c_str(), R_OK) != 0 || ::access("/usr/bin/openssl", X_OK) != 0)
    GTEST_SKIP() << "no softhsm2 or no openssl on this machine";
  fs::create_directory(file("tokens"));
  std::ofstream(file("softhsm.conf")) << "directories.tokendir = " << file("tokens") << "\n";
  std::ofstream(file("pin")) << "#!/bin/sh\necho 123456\n";
  ::chmod(file("pin").c_str(), 0700);
  std::string environment =
      "export SOFTHSM2_CONF=" + file("softhsm.conf") + " SSH_AUTH_SOCK=" + file("token-agent") +
      " SSH_ASKPASS=" + file("pin") + " SSH_ASKPASS_REQUIRE=force DISPLAY=:0; ";
  auto run = [&](const std::string& text) {
    outcome o = run_program({"sh", "-c", environment + text});
    EXPECT_EQ(o.code, 0) << text << o.out << o.err;
    return o.out;
  };
  run("softhsm2-util --init-token --free --label t --so-pin 123456 --pin 123456");
  for (const char* kind :
       {"rsa -pkeyopt rsa_keygen_bits:2048", "ec -pkeyopt ec_paramgen_curve:P-256"})
    run("openssl genpkey -algorithm " + std::string(kind) + " -out " + file("key") +
        " 2>/dev/null && softhsm2-util --import " + file("key") +
        " --token t --pin 123456 --label " + std::string(kind, 3) + " --id " +
        (kind[0] == 'r' ? "01" : "02"));
  program held(
      {"sh", "-c", environment + "exec ssh-agent -D -P '/usr/lib/*' -a " + file("token-agent")});
  ASSERT_TRUE(held.out_has("SSH_AUTH_SOCK"));
  run("ssh-add -q -s " + library);
  std::string keys = run("ssh-add -L");
  options.agent = file("token-agent");
  std::istringstream lines(keys);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    sshd_fixture server;
    options.port = server.port();
    std::ofstream(server.directory() + "/authorized_keys") << line << "\n";
    EXPECT_EQ(login_error(), "in") << line << server.log();
  }
  EXPECT_EQ(count, 2) << keys;
}

TEST_F(ssh_agent, is_asked_again_by_the_next_action) {
  EXPECT_THAT(login_error(), HasSubstr("no identity"));
  agent->add(server_->identity());
  EXPECT_EQ(login_error(), "in");
}

}  // namespace
}  // namespace execo::test
