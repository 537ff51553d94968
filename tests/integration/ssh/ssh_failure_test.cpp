// What goes wrong on the way to a host, and while a command runs: each has its own typed end.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <deque>
#include <filesystem>

#include "base/fd.hpp"
#include "base/read_file.hpp"
#include "fake_peer.hpp"
#include "ssh/environment.hpp"
#include "sshd_suite.hpp"

namespace execo::test {
namespace {

using detail::unique_fd;
using ::testing::HasSubstr;

class ssh_peer : public ::testing::Test {
 protected:
  ssh_peer() {
    options.port = peer.port();
    options.user = "somebody";
    options.host_key_policy = host_keys::ignore;
    // The first end is what is looked at.
    options.max_retries = 0;
    shared = detail::make_ssh_environment(loop, options);
  }
  /// Opens a run and waits until the peer has its connection.
  void reach(recorded_run& r) {
    r.open();
    ASSERT_TRUE(loop.until([this] { return peer.accept(); }));
    ASSERT_TRUE(loop.until([&r] { return r.in(phase::kex); }));
  }

  fake_peer peer;
  driven_loop loop;
  ssh_options options;
  std::shared_ptr<detail::ssh_environment> shared;
};

TEST_F(ssh_peer, that_does_not_listen_is_connect_failed_at_connect) {
  peer.stop_listening();
  recorded_run r(loop, shared, "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.last_phase(), phase::connect);
  EXPECT_EQ(r.why, std::errc::connection_refused);
  EXPECT_EQ(r.context, "connect 127.1.0.1:" + std::to_string(peer.port()));
}

TEST_F(ssh_peer, with_a_name_is_in_connect_once_its_addresses_are_known) {
  peer.stop_listening();
  recorded_run r(loop, shared, "localhost", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.phases, (std::vector<phase>{phase::resolve, phase::connect}));
  EXPECT_EQ(r.why, std::errc::connection_refused);
}

class ssh_addresses : public ssh_peer {
 protected:
  void name_has(std::initializer_list<const char*> addresses) {
    std::vector<detail::endpoint> known;
    for (const char* a : addresses) known.push_back(*detail::endpoint::of_literal(a));
    shared->names.remember("several", std::move(known));
  }
  silent_address silent{"127.9.0.1"};
  fake_peer answering{"127.9.0.2", silent.port()};
  ssh_addresses() {
    options.port = silent.port();
    shared = detail::make_ssh_environment(loop, options);
  }
};

TEST_F(ssh_addresses, that_are_silent_do_not_keep_the_next_one_waiting) {
  name_has({"127.9.0.1", "127.9.0.2"});
  recorded_run r(loop, shared, "several", "true");
  r.open();
  ASSERT_TRUE(loop.until([this] { return answering.accept(); }));
  ASSERT_TRUE(loop.until([&r] { return r.in(phase::kex); }));
  EXPECT_EQ(shared->descriptors.open(), 1U);
  answering.hang_up();
  r.run();
  EXPECT_EQ(shared->descriptors.open(), 0U);
}

TEST_F(ssh_addresses, that_are_refused_beside_a_silent_one_go_on_at_once) {
  name_has({"127.9.0.1", "127.9.0.3", "127.9.0.4", "127.9.0.2"});
  recorded_run r(loop, shared, "several", "true");
  r.open();
  ASSERT_TRUE(loop.until([this] { return answering.accept(); }));
  ASSERT_TRUE(loop.until([&r] { return r.in(phase::kex); }));
}

TEST_F(ssh_addresses, that_are_all_silent_can_be_given_up) {
  name_has({"127.9.0.1", "127.9.0.1", "127.9.0.1"});
  recorded_run r(loop, shared, "several", "true");
  r.open();
  ASSERT_TRUE(loop.until([this] { return shared->descriptors.open() == 3; }));
  EXPECT_EQ(r.last_phase(), phase::connect);
  r.close();
  r.run();
  EXPECT_EQ(shared->descriptors.open(), 0U);
}

TEST_F(ssh_addresses, that_are_silent_in_great_number_give_way_to_the_next) {
  name_has({"127.9.0.1", "127.9.0.1", "127.9.0.1", "127.9.0.1", "127.9.0.1", "127.9.0.1",
            "127.9.0.1", "127.9.0.1", "127.9.0.1", "127.9.0.2"});
  recorded_run r(loop, shared, "several", "true");
  r.open();
  std::size_t most = 0;
  ASSERT_TRUE(loop.until([&] {
    most = std::max<std::size_t>(most, shared->descriptors.open());
    return answering.accept();
  }));
  EXPECT_EQ(most, 8U);
}

TEST_F(ssh_addresses, that_are_all_refused_tell_the_last_error) {
  name_has({"127.9.0.3", "127.9.0.4"});
  recorded_run r(loop, shared, "several", "true");
  r.run();
  EXPECT_EQ(r.why, std::errc::connection_refused);
  EXPECT_EQ(r.context, "connect several:" + std::to_string(silent.port()));
}

TEST_F(ssh_peer, without_an_address_is_connect_failed_at_resolve) {
  // A label of 64 characters is refused without asking anybody.
  std::string name(64, 'a');
  recorded_run r(loop, shared, name, "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.phases, std::vector<phase>{phase::resolve});
  EXPECT_THAT(r.context, HasSubstr("resolve " + name + ": "));
}

TEST_F(ssh_peer, that_resets_is_connect_failed_at_kex) {
  recorded_run r(loop, shared, "127.0.0.1", "true");
  reach(r);
  peer.reset();
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.why, std::errc::connection_reset);
  EXPECT_THAT(r.context, HasSubstr("127.0.0.1: key exchange: "));
}

TEST_F(ssh_peer, that_hangs_up_after_its_banner_is_connect_failed_at_kex) {
  recorded_run r(loop, shared, "127.0.0.1", "true");
  reach(r);
  peer.send("SSH-2.0-fake\r\n");
  peer.hang_up();
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.last_phase(), phase::kex);
}

/// An unencrypted SSH_MSG_DISCONNECT, code 2.
std::string disconnect_packet(const std::string& words) {
  std::string payload = std::string("\x01\0\0\0\x02\0\0\0", 8) + static_cast<char>(words.size()) +
                        words + std::string(4, '\0');
  // Length, padding length, payload and padding make a multiple of 8; at least 4 are padding.
  std::size_t padding = 4 + (8 - (4 + 1 + payload.size() + 4) % 8) % 8;
  auto length = static_cast<char>(1 + payload.size() + padding);
  return std::string(3, '\0') + length + static_cast<char>(padding) + payload +
         std::string(padding, '\0');
}

TEST_F(ssh_peer, that_refuses_with_words_before_its_banner_is_quoted) {
  for (std::string_view said :
       {std::string_view("Exceeded MaxStartups\r\n"),
        std::string_view("Not allowed at this time\r\n"), std::string_view("Sorry")}) {
    recorded_run r(loop, shared, "127.0.0.1", "true");
    reach(r);
    peer.send(said);
    peer.hang_up();
    r.run();
    EXPECT_EQ(r.how, end_reason::connect_failed);
    EXPECT_EQ(r.last_phase(), phase::kex);
    // Our banner, which nobody reads, may make it a reset.
    EXPECT_THAT(r.context, HasSubstr("; it said: " + std::string(said.substr(0, said.find('\r')))));
  }
}

TEST_F(ssh_peer, that_speaks_and_hangs_up_before_we_do_is_quoted) {
  recorded_run r(loop, shared, "127.0.0.1", "true");
  r.open();
  ASSERT_TRUE(loop.until([this] { return peer.accept(); }));
  peer.send("Exceeded MaxStartups\r\n");
  peer.hang_up();
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_THAT(r.context, HasSubstr("; it said: Exceeded MaxStartups"));
}

TEST_F(ssh_peer, may_write_long_lines_and_many_before_its_banner) {
  recorded_run r(loop, shared, "127.0.0.1", "true");
  reach(r);
  peer.send(std::string(3000, 'x') + "\r\n");
  for (int i = 0; i < 2000; ++i) peer.send("a line of a notice\r\nSSH is served here\r\n");
  peer.send("SSH-2.0-fake\r\n" + disconnect_packet("Too many users"));
  r.run();
  EXPECT_EQ(r.context, "127.0.0.1: key exchange: the server disconnected: Too many users");
}

TEST_F(ssh_peer, that_begins_a_banner_and_waits_costs_no_turns_of_the_loop) {
  for (std::string_view begun : {std::string_view("S"), std::string_view("SSH"),
                                 std::string_view("Hello\r\nSS"), std::string_view("Hel")}) {
    recorded_run r(loop, shared, "127.0.0.1", "true");
    reach(r);
    peer.send(begun);
    EXPECT_LT(loop.idle(std::chrono::milliseconds(30)), 100) << begun;
    EXPECT_FALSE(r.failed);
    r.close();
    r.run();
    peer.hang_up();
  }
}

TEST_F(ssh_peer, that_disconnects_during_the_key_exchange_is_connect_failed_with_its_words) {
  recorded_run r(loop, shared, "127.0.0.1", "true");
  reach(r);
  peer.send("SSH-2.0-fake\r\n" + disconnect_packet("Too many users"));
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.last_phase(), phase::kex);
  EXPECT_EQ(r.context, "127.0.0.1: key exchange: the server disconnected: Too many users");
}

TEST_F(ssh_peer, that_speaks_no_ssh_is_a_protocol_error) {
  for (std::string_view said : {std::string_view("SSH-1.5-old\r\n"),
                                std::string_view("SSH-2.0-fake\r\n\xff\xff\xff\xff garbage")}) {
    recorded_run r(loop, shared, "127.0.0.1", "true");
    reach(r);
    peer.send(said);
    r.run();
    EXPECT_EQ(r.how, end_reason::protocol_error) << r.context;
    EXPECT_EQ(r.last_phase(), phase::kex);
    EXPECT_THAT(r.context, HasSubstr("127.0.0.1: key exchange: "));
    peer.hang_up();
  }
}

TEST_F(ssh_peer, with_an_endless_banner_is_a_protocol_error) {
  recorded_run r(loop, shared, "127.0.0.1", "true");
  reach(r);
  peer.send(std::string(10'000, 'x'));
  r.run();
  EXPECT_EQ(r.how, end_reason::protocol_error) << r.context;
}

TEST_F(ssh_peer, that_is_silent_can_be_given_up) {
  recorded_run r(loop, shared, "127.0.0.1", "true");
  reach(r);
  loop.idle(std::chrono::milliseconds(20));
  EXPECT_FALSE(r.failed);
  r.close();
  r.run();
}

TEST_F(ssh_peer, that_is_silent_gives_its_slot_to_others) {
  options.handshakes = 2;
  shared = detail::make_ssh_environment(loop, options);
  std::deque<recorded_run> silent;
  for (int i = 1; i <= 2; ++i)
    silent.emplace_back(loop, shared, "127.1.0." + std::to_string(i), "true");
  for (recorded_run& r : silent) r.open();
  ASSERT_TRUE(loop.until([&] { return silent.back().in(phase::kex); }));
  EXPECT_EQ(loop.get().service<detail::handshake_budget>().in_flight(), 2U);
  recorded_run next(loop, shared, "127.1.0.3", "true");
  next.open();
  EXPECT_TRUE(loop.until([&] { return next.in(phase::kex); }));
  EXPECT_FALSE(silent.front().failed);
}

TEST_F(ssh_peer, that_cannot_get_a_descriptor_waits_and_is_then_told) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  unique_fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next.get());
  next.reset();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  recorded_run r(loop, shared, "127.0.0.1", "true");
  r.run();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.why, std::errc::too_many_files_open);
}

class ssh_server : public sshd_suite<ssh_server> {
 protected:
  void SetUp() override {
    sshd_suite::SetUp();
    if (IsSkipped()) return;
    file = server_->directory() + "/known/hosts";
    std::filesystem::remove_all(server_->directory() + "/known");
  }
  std::string entry(const std::string& name) {
    return "[" + name + "]:" + std::to_string(server_->port()) + " ";
  }
  void run(recorded_run& r) { r.run(); }

  std::string file;
};

std::string read_all(const std::string& file) {
  std::string text;
  std::string problem;
  EXPECT_EQ(detail::read_file(file, detail::file_kind::regular, 1 << 20, text, problem),
            detail::file_read::whole)
      << problem;
  return text;
}

void write_all(const std::string& file, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  unique_fd to(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  EXPECT_EQ(::write(to.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST_F(ssh_server, with_an_unknown_key_is_rejected_by_strict) {
  options.host_key_policy = host_keys::strict;
  options.known_hosts = file;
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::host_key_rejected);
  EXPECT_EQ(r.last_phase(), phase::kex);
  EXPECT_THAT(r.context, HasSubstr("SHA256:"));
  EXPECT_THAT(r.context, HasSubstr(file));
  EXPECT_THAT(r.context, HasSubstr("strict"));
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(ssh_server, with_a_new_key_is_recorded_once_by_accept_new_and_then_known) {
  options.host_key_policy = host_keys::accept_new;
  options.known_hosts = file;
  auto shared = detail::make_ssh_environment(loop, options);
  std::deque<recorded_run> runs;
  for (int i = 0; i < 4; ++i) runs.emplace_back(loop, shared, "127.1.0.1", "true");
  runs.emplace_back(loop, shared, "127.1.0.2", "true");
  for (recorded_run& r : runs) r.open();
  for (recorded_run& r : runs) EXPECT_TRUE(r.run().exited) << r.context;
  std::string text = read_all(file);
  EXPECT_THAT(text, HasSubstr(entry("127.1.0.1") + server_->host_key() + "\n"));
  EXPECT_THAT(text, HasSubstr(entry("127.1.0.2") + server_->host_key() + "\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  namespace fs = std::filesystem;
  EXPECT_EQ(fs::status(file).permissions(), fs::perms(0600));
  EXPECT_EQ(fs::status(server_->directory() + "/known").permissions(), fs::perms(0700));

  options.host_key_policy = host_keys::strict;
  recorded_run again(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  EXPECT_TRUE(again.run().exited) << again.context;
}

TEST_F(ssh_server, with_another_key_than_known_is_rejected_by_accept_new) {
  options.host_key_policy = host_keys::accept_new;
  options.known_hosts = file;
  // The public half of the identity is a valid key, and not the host's.
  write_all(file, entry("127.1.0.1") + read_all(server_->identity() + ".pub"));
  std::string before = read_all(file);
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::host_key_rejected);
  EXPECT_THAT(r.context, HasSubstr("ssh-keygen -R"));
  EXPECT_EQ(read_all(file), before);
}

TEST_F(ssh_server, with_a_revoked_key_is_rejected) {
  options.host_key_policy = host_keys::accept_new;
  options.known_hosts = file;
  write_all(file, "@revoked * " + server_->host_key() + "\n");
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::host_key_rejected);
  EXPECT_THAT(r.context, HasSubstr("@revoked"));
}

TEST_F(ssh_server, with_keys_of_two_types_is_asked_for_the_one_we_know) {
  std::string key = server_->directory() + "/host_ecdsa";
  ASSERT_EQ(::system(("ssh-keygen -q -t ecdsa -N '' -C '' -f " + key).c_str()), 0);
  sshd_fixture both("HostKey " + key + "\n");
  options.port = both.port();
  options.identities = {both.identity()};
  options.host_key_policy = host_keys::strict;
  options.known_hosts = file;
  write_all(file, "127.1.*,!127.1.0.9 " + read_all(key + ".pub"));
  options.known_hosts = file;
  // The pattern has no port: a plain name vouches for any.
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  EXPECT_TRUE(r.run().exited) << r.context;
}

TEST_F(ssh_server, that_refuses_our_keys_is_auth_failed) {
  options.identities = {server_->directory() + "/host_key"};
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::auth_failed);
  EXPECT_EQ(r.last_phase(), phase::auth);
  EXPECT_EQ(r.context, server_->user() + "@127.1.0.1: the server refused the identities " +
                           options.identities[0]);
}

TEST_F(ssh_server, that_disconnects_after_one_refused_key_is_auth_failed_with_its_words) {
  sshd_fixture strict("MaxAuthTries 1\n");
  options.port = strict.port();
  options.identities = {strict.directory() + "/host_key"};
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::auth_failed);
  EXPECT_EQ(r.last_phase(), phase::auth);
  EXPECT_EQ(r.context, "127.1.0.1: authentication of " + server_->user() +
                           ": the server disconnected: Too many authentication failures");
}

TEST_F(ssh_server, that_wants_two_keys_is_given_both) {
  sshd_fixture strict("AuthenticationMethods publickey,publickey\n");
  std::string second = strict.directory() + "/second";
  ASSERT_EQ(::system(("ssh-keygen -q -t ed25519 -N '' -C '' -f " + second).c_str()), 0);
  write_all(strict.directory() + "/authorized_keys",
            read_all(strict.identity() + ".pub") + read_all(second + ".pub"));
  options.port = strict.port();
  options.identities = {strict.directory() + "/host_key", strict.identity(), second};
  auto shared = detail::make_ssh_environment(loop, options);
  for (int i = 0; i < 2; ++i) {
    recorded_run r(loop, shared, "127.1.0.1", "true");
    EXPECT_TRUE(r.run().exited) << r.context;
  }
  options.identities = {strict.identity()};
  recorded_run one(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  one.run();
  EXPECT_EQ(one.how, end_reason::auth_failed);
  EXPECT_EQ(one.context, server_->user() + "@127.1.0.1: the server accepted " + strict.identity() +
                             ", but wants another key, too, of " + strict.identity());
}

TEST_F(ssh_server, that_wants_more_than_a_key_is_auth_failed_and_tells_what) {
  sshd_fixture strict("AuthenticationMethods publickey,password\nPasswordAuthentication yes\n");
  options.port = strict.port();
  options.identities = {strict.identity(), strict.directory() + "/host_key"};
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::auth_failed);
  EXPECT_EQ(r.context, server_->user() + "@127.1.0.1: the server accepted " + strict.identity() +
                           ", but wants more than keys: password");
}

TEST_F(ssh_server, with_no_algorithm_in_common_is_told_with_both_lists) {
  sshd_fixture other("KexAlgorithms sntrup761x25519-sha512@openssh.com\n");
  options.port = other.port();
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_EQ(r.last_phase(), phase::kex);
  EXPECT_THAT(r.context, HasSubstr("no common kex algos: the server offers "
                                   "sntrup761x25519-sha512@openssh.com"));
  EXPECT_THAT(r.context, HasSubstr("; we offer curve25519-sha256,"));
  EXPECT_THAT(r.context, HasSubstr("; ssh.key_exchange chooses what we offer"));
}

TEST_F(ssh_server, with_too_many_logins_under_way_is_quoted) {
  sshd_fixture busy("PerSourceMaxStartups 1\n");
  // The fixture's own connection may still count.
  sockaddr_in to = fake_peer::endpoint_of("127.0.0.1", busy.port());
  unique_fd first;
  for (char banner = 0; banner != 'S';) {
    first.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(first.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    ASSERT_EQ(::recv(first.get(), &banner, 1, 0), 1);
  }
  options.port = busy.port();
  options.max_retries = 0;
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1", "true");
  r.run();
  EXPECT_EQ(r.how, end_reason::connect_failed);
  EXPECT_THAT(r.context, HasSubstr("; it said: Exceeded MaxStartups"));
}

TEST_F(ssh_server, that_is_frozen_is_connection_lost_with_a_keepalive_of_ssh) {
  options.keepalive = std::chrono::milliseconds(100);
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1",
                 "echo $PPID; exec sleep 60");
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.out.ends_with('\n'); }));
  // A second in which only answers come.
  loop.idle(std::chrono::milliseconds(1000));
  EXPECT_FALSE(r.failed);
  pid_t server = std::stoi(r.out);
  ASSERT_EQ(::kill(server, SIGSTOP), 0);
  r.run();
  EXPECT_EQ(::kill(server, SIGCONT), 0);
  EXPECT_EQ(r.how, end_reason::connection_lost);
  EXPECT_EQ(r.why, std::errc::timed_out);
  EXPECT_EQ(r.context, "127.1.0.1: the server does not answer any more");
  for (pid_t left : server_->commands()) (void)::kill(left, SIGKILL);
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_F(ssh_server, takes_the_second_identity_and_gets_it_first_the_next_time) {
  options.identities.insert(options.identities.begin(), server_->directory() + "/host_key");
  auto shared = detail::make_ssh_environment(loop, options);
  EXPECT_EQ(favourite_of(*shared), 0U);
  for (int i = 0; i < 2; ++i) {
    recorded_run r(loop, shared, "127.1.0.1", "true");
    EXPECT_TRUE(r.run().exited) << r.context;
    EXPECT_EQ(favourite_of(*shared), 1U);
  }
}

TEST_F(ssh_server, that_goes_away_while_a_command_runs_is_connection_lost) {
  recorded_run r(loop, detail::make_ssh_environment(loop, options), "127.1.0.1",
                 "echo $PPID; exec sleep 60");
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.out.ends_with('\n'); }));
  ASSERT_EQ(::kill(std::stoi(r.out), SIGKILL), 0);
  r.run();
  EXPECT_EQ(r.how, end_reason::connection_lost);
  EXPECT_THAT(r.context, HasSubstr("127.1.0.1: the "));
  for (pid_t left : server_->commands()) (void)::kill(left, SIGKILL);
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_F(ssh_server, sees_no_more_handshakes_at_a_time_than_allowed) {
  options.handshakes = 3;
  options.reuse = false;
  auto shared = detail::make_ssh_environment(loop, options);
  std::deque<recorded_run> runs;
  unsigned most = 0;
  for (int i = 1; i <= 30; ++i) {
    runs.emplace_back(loop, shared, "127.1.0." + std::to_string(i), "true");
    runs.back().tap = [&] {
      most = std::max(most, loop.get().service<detail::handshake_budget>().in_flight());
    };
  }
  for (recorded_run& r : runs) r.open();
  for (recorded_run& r : runs) EXPECT_TRUE(r.run().exited) << r.context;
  EXPECT_EQ(most, 3U);
  EXPECT_EQ(loop.get().service<detail::handshake_budget>().in_flight(), 0U);
  EXPECT_EQ(shared->descriptors.open(), 0U);
}

TEST_F(ssh_server, is_reached_by_all_though_descriptors_are_scarce) {
  auto shared = detail::make_ssh_environment(loop, options);
  std::deque<recorded_run> runs;
  for (int i = 1; i <= 20; ++i)
    runs.emplace_back(loop, shared, "127.1.0." + std::to_string(i), "true");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  unique_fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(next.get() + 4);
  next.reset();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  for (recorded_run& r : runs) r.open();
  for (recorded_run& r : runs) EXPECT_TRUE(r.run().exited) << r.context;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

// As OpenSSH writes it: magic, "none" twice, no options, one key, the public half first.
std::string security_key_stub() {
  auto field = [](const std::string& text) {
    return std::string(3, '\0') + static_cast<char>(text.size()) + text;
  };
  std::string half = field("sk-ssh-ed25519@openssh.com") + field(std::string(32, 'k'));
  std::string blob = std::string("openssh-key-v1", 15) + field("none") + field("none") + field("") +
                     std::string("\0\0\0\x01", 4) + field(half);
  std::string base64(4 * (blob.size() / 3 + 1) + 1, '\0');
  int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()),
                               reinterpret_cast<const unsigned char*>(blob.data()),
                               static_cast<int>(blob.size()));
  base64.resize(static_cast<std::size_t>(size));
  return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64 + "\n-----END OPENSSH PRIVATE KEY-----\n";
}

TEST_F(ssh_server, environment_leaves_out_usual_identities_that_cannot_be_used) {
  std::string home = server_->directory() + "/keys";
  std::filesystem::create_directories(home + "/.ssh");
  ASSERT_EQ(::system(("openssl genpkey -algorithm ed25519 -out " + home + "/.ssh/id_ed25519" +
                      " && cp " + server_->identity() + " " + home + "/.ssh/id_rsa" +
                      " && install -m 0644 " + server_->identity() + " " + home + "/.ssh/id_ecdsa")
                         .c_str()),
            0);
  const char* before = ::getenv("HOME");
  std::string kept = before != nullptr ? before : "";
  ::setenv("HOME", home.c_str(), 1);
  options.identities.clear();
  auto shared = detail::make_ssh_environment(loop, options);
  ::setenv("HOME", kept.c_str(), 1);
  EXPECT_THAT(shared->offers.plan().names(), HasSubstr("id_rsa (left out: "));
  EXPECT_THAT(shared->offers.plan().names(), HasSubstr("PKCS#8"));
  EXPECT_THAT(shared->offers.plan().names(), HasSubstr("id_ecdsa: is open to other users"));
  recorded_run r(loop, shared, "127.1.0.1", "true");
  EXPECT_TRUE(r.run().exited) << r.context;
}

TEST_F(ssh_server, environment_names_the_file_it_cannot_use) {
  auto refusal = [&]() -> std::string {
    try {
      (void)detail::make_ssh_environment(loop, options);
      return "accepted";
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
  };
  std::string key = server_->directory() + "/encrypted";
  ASSERT_EQ(::system(("ssh-keygen -q -t ed25519 -N secret -f " + key).c_str()), 0);
  options.identities = {key};
  EXPECT_EQ(refusal(),
            "identity file " + key + " is encrypted; add it to an ssh agent with ssh-add");
  options.identities = {"/does/not/exist"};
  EXPECT_EQ(refusal(), "identity file /does/not/exist: No such file or directory");
  std::string config = server_->directory() + "/config";
  options.identities = {config};
  EXPECT_EQ(refusal(), "identity file " + config +
                           " is open to other users (mode 0644): " + "chmod 600 " + config);
  ASSERT_EQ(::chmod(config.c_str(), 0600), 0);
  EXPECT_EQ(refusal(), "identity file " + config + " is not a private key");
  std::string pkcs8 = server_->directory() + "/pkcs8";
  ASSERT_EQ(::system(("openssl genpkey -algorithm ed25519 -out " + pkcs8).c_str()), 0);
  options.identities = {pkcs8};
  EXPECT_EQ(refusal(), "identity file " + pkcs8 +
                           " is an Ed25519 key in PKCS#8, which cannot be used; make one with "
                           "ssh-keygen");
  std::string stub = server_->directory() + "/stub";
  write_all(stub, security_key_stub());
  options.identities = {stub};
  EXPECT_EQ(refusal(),
            "identity file " + stub + " is a FIDO security key's, which only an agent can use");
  options.identities = {"/dev/zero"};
  EXPECT_EQ(refusal(), "identity file /dev/zero is not a regular file");
  options.identities = {"/dev/null"};
  EXPECT_EQ(refusal(), "identity file /dev/null is not a private key");
  std::string large = server_->directory() + "/large";
  write_all(large, std::string((1 << 20) + 1, '\n'));
  options.identities = {large};
  EXPECT_EQ(refusal(), "identity file " + large + " is larger than 1 MiB");
  options.identities = {server_->identity()};
  options.host_key_policy = host_keys::strict;
  options.known_hosts = server_->directory();
  EXPECT_EQ(refusal(), "known hosts file " + server_->directory() + ": Is a directory");
  options.known_hosts = "/dev/full";
  EXPECT_EQ(refusal(), "known hosts file /dev/full: is not a regular file");
  options.known_hosts = server_->directory() + "/fifo";
  ASSERT_EQ(::mkfifo(options.known_hosts.c_str(), 0600), 0);
  EXPECT_EQ(refusal(), "known hosts file " + options.known_hosts + ": is not a regular file");
  options.known_hosts = "/dev/null";
  EXPECT_EQ(refusal(), "accepted");
}

}  // namespace
}  // namespace execo::test
