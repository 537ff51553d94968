// Hosts of a real sshd that the root logs in to end to end: what stands between passes on bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/machine_name.hpp"
#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "fleet_fixture.hpp"
#include "hostile_tree.hpp"
#include "sshd_fixture.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class tunnels_of_a_tree : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    server_ = std::make_unique<test::sshd_fixture>("MaxStartups 1000\n");
    know({"127.3.0.*"}, server_->host_key());
    way_.port = server_->port();
    way_.user = server_->user();
    way_.identities = {server_->identity()};
    way_.agent = "none";
    way_.known_hosts = folder_.path() + "/known";
    way_.config_file = "none";
  }
  void TearDown() override {
    if (server_) {
      EXPECT_TRUE(server_->no_commands_left());
    }
  }

  /// These names, and no others, have that key.
  void know_only(const std::vector<std::string>& names, const std::string& key) {
    std::ofstream(folder_.path() + "/known", std::ios::trunc);
    know(names, key);
  }
  void know(const std::vector<std::string>& names, const std::string& key) {
    std::ofstream to(folder_.path() + "/known", std::ios::app);
    for (const std::string& name : names)
      to << '[' << name << "]:" << server_->port() << ' ' << key << '\n';
  }
  /// That host does this with what it is told to run, $SSH_ORIGINAL_COMMAND.
  void force(const std::string& address, const std::string& text) {
    const std::string script = folder_.path() + "/forced";
    std::ofstream(script, std::ios::trunc)
        << "#!/bin/sh\nset -f\nset -- $SSH_CONNECTION\nif [ $3 = " << address << " ]; then\n"
        << text << "\nfi\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n";
    fs::permissions(script, fs::perms(0755));
    const std::string keys = server_->directory() + "/authorized_keys";
    const std::string known = test::file_bytes(keys);
    std::ofstream(keys, std::ios::trunc) << "command=\"" << script << "\" " << known;
  }
  std::string file(const std::string& name) const {
    return test::file_bytes(folder_.path() + "/" + name);
  }
  action_result run(const std::string& text, const std::string& hosts, const tree& shape) {
    return sync_wait(remote(text, hosts).ssh(way_).via(shape).timeout(60s).run());
  }
  static void expect_ends_at_gateway(const action_result& all, const std::string& words) {
    for (const host_result& one : all.all()) {
      EXPECT_EQ(one.how(), end_reason::connect_failed) << one.describe();
      EXPECT_THAT(one.describe(), HasSubstr("127.3.0.1 (hop 1 of 1)"));
      EXPECT_THAT(one.describe(), HasSubstr(words));
    }
  }

  test::scratch_directory folder_;
  std::unique_ptr<test::sshd_fixture> server_;
  ssh_options way_;
};

TEST_F(tunnels_of_a_tree, lead_to_all_hosts_behind_a_gateway) {
  action_result all =
      run("echo $SSH_CONNECTION; exit 3", "127.3.0.[2-13]", tree().gateway("127.3.0.1").tunnel());
  ASSERT_EQ(all.all().size(), 12U);
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.exit_code(), 3) << one.describe();
    EXPECT_THAT(one.out, HasSubstr(" " + one.host.name() + " "));
    EXPECT_EQ(one.transport(), transport_kind::tree);
    EXPECT_THAT(one.error_context(), HasSubstr("reached end to end through 127.3.0.1"));
  }
}

TEST_F(tunnels_of_a_tree, lead_through_each_other) {
  const std::string routes = "[routes]\n" + detail::machine_name() +
                             ": 127.3.0.1\n127.3.0.1: 127.3.0.2\n127.3.0.2: 127.3.0.[3-4]\n";
  action_result all = run("echo here", "127.3.0.[1-4]", tree().topology(routes).tunnel());
  for (const host_result& one : all.all()) EXPECT_EQ(one.out, "here\n") << one.describe();
  EXPECT_THAT(all.all().at(1).error_context(), HasSubstr("through 127.3.0.1"));
  EXPECT_THAT(all.all().at(3).error_context(), HasSubstr("through 127.3.0.2"));
}

// What goes through the gateway is written down there: the frames of its link, both ways.
TEST_F(tunnels_of_a_tree, show_a_gateway_nothing_of_what_is_said) {
  force("127.3.0.1", "tee -a " + folder_.path() +
                         "/down | sh -c \"$SSH_ORIGINAL_COMMAND\" | tee -a " + folder_.path() +
                         "/up; exit");
  const tree shape = tree().gateway("127.3.0.1").tunnel();
  action_result all = sync_wait(remote("echo told-$EXECO_HOST; cat", "127.3.0.[1-3]")
                                    .ssh(way_)
                                    .via(shape)
                                    .input("given-to-all\n")
                                    .timeout(60s)
                                    .run());
  for (const host_result& one : all.all())
    EXPECT_EQ(one.out, "told-" + one.host.name() + "\ngiven-to-all\n") << one.describe();
  // It was for the gateway, too: once in plain.
  const std::string down = file("down"), up = file("up");
  EXPECT_THAT(up, HasSubstr("told-127.3.0.1"));
  EXPECT_THAT(up, Not(HasSubstr("told-127.3.0.2")));
  EXPECT_THAT(up, Not(HasSubstr("told-127.3.0.3")));
  const std::size_t given = down.find("given-to-all");
  EXPECT_NE(given, down.npos);
  EXPECT_EQ(down.find("given-to-all", given + 1), down.npos);
  EXPECT_GT(up.size(), 2000U);
}

TEST_F(tunnels_of_a_tree, carry_files_signals_and_large_output) {
  const tree shape = tree().gateway("127.3.0.1").tunnel();
  const std::string bytes(std::size_t{900} << 10, 'x');
  std::ofstream(folder_.path() + "/sent") << bytes;
  const std::string hosts = "127.3.0.[2-4]";
  action_result sent =
      sync_wait(put(folder_.path() + "/sent", hosts, folder_.path() + "/on-{{{host}}}")
                    .ssh(way_)
                    .via(shape)
                    .run());
  EXPECT_TRUE(sent.ok()) << sent.describe();
  EXPECT_EQ(file("on-127.3.0.4"), bytes);
  action_result got = sync_wait(
      get(folder_.path() + "/sent", hosts, folder_.path() + "/of").ssh(way_).via(shape).run());
  EXPECT_TRUE(got.ok()) << got.describe();
  action_result printed = run("cat " + folder_.path() + "/sent", hosts, shape);
  for (const host_result& one : printed.all()) EXPECT_EQ(one.out.size(), bytes.size());
  remote sleeping = remote("echo up; exec sleep 1000", hosts).ssh(way_).via(shape).timeout(60s);
  std::atomic<int> up = 0;
  sleeping.on_line([&](const output_line&) {
    if (++up == 3) sleeping.kill(SIGUSR1);
  });
  action_result ended = sync_wait(sleeping.run());
  for (const host_result& one : ended.all())
    EXPECT_EQ(one.how(), end_reason::signaled) << one.describe();
}

TEST_F(tunnels_of_a_tree, find_names_as_the_gateway_does) {
  know({"localhost"}, server_->host_key());
  action_result all = run("echo here", "localhost", tree().gateway("127.3.0.1").tunnel());
  EXPECT_EQ(all.all().at(0).out, "here\n") << all.describe();
}

// The root alone judges the key: the gateway leads to a host that has another one.
TEST_F(tunnels_of_a_tree, end_where_a_host_has_another_key) {
  test::sshd_fixture other;
  know_only({"127.3.0.1", "127.3.0.2"}, server_->host_key());
  know({"127.3.0.3"}, other.host_key());
  action_result all = run("echo here", "127.3.0.[2-3]", tree().gateway("127.3.0.1").tunnel());
  EXPECT_EQ(all.all().at(0).out, "here\n") << all.describe();
  EXPECT_EQ(all.all().at(1).how(), end_reason::host_key_rejected) << all.describe();
}

TEST_F(tunnels_of_a_tree, say_where_a_gateway_cannot_connect) {
  action_result all = run("true", "127.3.0.2:1,127.3.0.3", tree().gateway("127.3.0.1").tunnel());
  const host_result& refused = all.all().at(1);
  EXPECT_EQ(refused.how(), end_reason::connect_failed);
  EXPECT_EQ(refused.reason(), failure_reason::refused);
  EXPECT_THAT(refused.describe(), HasSubstr("127.3.0.2: 127.3.0.1 cannot connect to port 1 there"));
  EXPECT_TRUE(all.all().at(0).ok()) << all.describe();
}

TEST_F(tunnels_of_a_tree, end_with_a_gateway_that_is_killed) {
  force("127.3.0.1",
        "case $SSH_ORIGINAL_COMMAND in *execo1*) echo $$ >" + folder_.path() + "/gateway ;; esac");
  remote sleeping = remote("echo up; exec sleep 1000", "127.3.0.[2-4]")
                        .ssh(way_)
                        .via(tree().gateway("127.3.0.1").tunnel().orphan_grace(0s))
                        .timeout(60s);
  std::atomic<int> up = 0;
  sleeping.on_line([&](const output_line&) {
    if (++up == 3) ::kill(std::stoi(file("gateway")), SIGKILL);
  });
  action_result all = sync_wait(sleeping.run());
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.how(), end_reason::connection_lost) << one.describe();
    EXPECT_THAT(one.describe(), HasSubstr("through 127.3.0.1"));
  }
}

TEST_F(tunnels_of_a_tree, end_where_the_gateway_cannot_be_reached) {
  know_only({"127.3.0.2", "127.3.0.3", "127.3.0.4"}, server_->host_key());
  action_result all = run("true", "127.3.0.[2-4]", tree().gateway("127.3.0.1").tunnel());
  expect_ends_at_gateway(all, "host key");
}

TEST_F(tunnels_of_a_tree, lead_to_hosts_without_an_agent) {
  force("127.3.0.4", "case $SSH_ORIGINAL_COMMAND in *execo1*) echo no place here; exit 9 ;; esac");
  action_result all = run("echo here", "127.3.0.[2-4]", tree().gateway("127.3.0.1").tunnel());
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.out, "here\n") << one.describe();
    const bool is_leaf = one.host.name() == "127.3.0.4";
    EXPECT_EQ(one.transport(), is_leaf ? transport_kind::ssh : transport_kind::tree);
  }
}

// A gateway that was broken into plays an agent that says what it was not asked for.
class tunnels_through_a_hostile_gateway : public tunnels_of_a_tree,
                                          public testing::WithParamInterface<const char*> {};

TEST_P(tunnels_through_a_hostile_gateway, end_for_what_is_behind_it) {
  force("127.3.0.1", "export EXECO_TEST_FOLDER=" + folder_.path() + " EXECO_TEST_OTHERS=0; : >" +
                         folder_.path() + "/log; exec " + test::hostile_tree::program() + " " +
                         GetParam() + " bad bad \"$SSH_ORIGINAL_COMMAND\"");
  const std::string routes =
      "[routes]\n" + detail::machine_name() + ": 127.3.0.[1,5]\n127.3.0.1: 127.3.0.2\n";
  action_result all = run("echo here", "127.3.0.[2,5]", tree().topology(routes).tunnel());
  EXPECT_EQ(all.all().at(0).how(), end_reason::connect_failed) << all.describe();
  EXPECT_THAT(all.all().at(0).describe(), HasSubstr("127.3.0.1")) << all.describe();
  EXPECT_EQ(all.all().at(1).out, "here\n") << all.describe();
}

INSTANTIATE_TEST_SUITE_P(that, tunnels_through_a_hostile_gateway,
                         testing::Values("gives_credit_that_it_does_not_have",
                                         "starts_what_was_not_ordered", "orders_its_parent",
                                         "is_no_agent_any_more"),
                         [](const auto& which) { return std::string(which.param); });

TEST(tunnels, are_refused_where_they_lead_nowhere) {
  const auto refused = [](const tree& shape, const ssh_options& way) {
    try {
      (void)remote("true", "n1").ssh(way).via(shape);
      return std::string("taken");
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(refused(tree().tunnel(), {}), HasSubstr("tunnel: through which hosts?"));
  const tree shape = tree().gateway("gw").tunnel();
  EXPECT_THAT(refused(tree(shape).site_trust(), {}), HasSubstr("tunnel: with site_trust()"));
  EXPECT_THAT(refused(tree(shape).certificate_authority("ca"), {}),
              HasSubstr("tunnel: with certificate_authority()"));
  ssh_options way;
  way.connector = "local";
  EXPECT_THAT(refused(shape, way), HasSubstr("a connector has none"));
  way.connector.clear();
  way.via = ssh_client::openssh;
  EXPECT_THAT(refused(shape, way), HasSubstr("the program ssh cannot"));
}

}  // namespace
}  // namespace execo
