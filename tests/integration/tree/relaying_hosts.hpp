// Hosts of a real sshd that reach each other by the real ssh, each start of which is written down.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "file_bytes.hpp"
#include "fleet_fixture.hpp"
#include "hostile_tree.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {

class relaying_hosts : public testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0711));
    std::ofstream(folder_.path() + "/starts") << "";
    std::filesystem::permissions(folder_.path() + "/starts", std::filesystem::perms(0666));
    place_ssh("exec /usr/bin/ssh \"$@\"");
  }
  void TearDown() override { set_log(log_level::off, {}); }

  /// `config`: lines of sshd_config.
  void start_server(const std::string& config = "") {
    server_ = std::make_unique<sshd_fixture>(
        config + "MaxStartups 1000\nSetEnv PATH=" + folder_.path() + ":/usr/bin:/bin\n");
    std::ofstream(known()) << "[127.3.0.*]:" << server_->port() << ' ' << server_->host_key()
                           << '\n';
    way_.port = server_->port();
    way_.user = server_->user();
    way_.identities = {server_->identity()};
    way_.agent = "none";
    way_.known_hosts = known();
    way_.config_file = "none";
  }
  std::string known() const { return folder_.path() + "/known"; }

  /// What the hosts have as ssh: it writes its words down, and does that.
  void place_ssh(const std::string& text) {
    place_script("ssh", "echo \"$*\" >>" + folder_.path() + "/starts\n" + text);
  }
  /// That host does this with what it is to run, $SSH_ORIGINAL_COMMAND.
  void force(const std::string& address, const std::string& text) {
    place_script("forced", "set -f\nset -- $SSH_CONNECTION\nif [ $3 = " + address + " ]; then\n" +
                               text + "\nfi\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"");
    const std::string keys = server_->directory() + "/authorized_keys";
    const std::string all = file_bytes(keys);
    std::ofstream(keys, std::ios::trunc) << "command=\"" << folder_.path() << "/forced\" " << all;
  }
  /// It plays an agent that is given a host, and asks for keys and signatures by lies.
  void break_in(const std::string& address) {
    force(address, "export EXECO_TEST_FOLDER=" + folder_.path() + " EXECO_TEST_OTHERS=0; : >" +
                       folder_.path() + "/log; exec " + hostile_tree::program() +
                       " asks_for_signatures bad bad \"$SSH_ORIGINAL_COMMAND\"");
  }
  /// What it was answered, by first bytes.
  std::string answers() const { return file_bytes(folder_.path() + "/answers"); }
  /// The words of each ssh that a host has started.
  std::vector<std::string> starts() const {
    std::ifstream from(folder_.path() + "/starts");
    std::vector<std::string> lines;
    for (std::string line; std::getline(from, line);) lines.push_back(line);
    return lines;
  }

  /// Each host writes from and to which address its login was.
  action_result run_through(const std::string& hosts, const tree& shape) {
    return sync_wait(remote("echo $SSH_CONNECTION", hosts)
                         .ssh(way_)
                         .via(shape)
                         .timeout(std::chrono::minutes(1)));
  }
  void expect_all_ok(const action_result& all) {
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      EXPECT_THAT(one.out, testing::HasSubstr(" " + one.host.name() + " "));
    }
    EXPECT_TRUE(server_->no_commands_left());
  }

  void keep_log() {
    set_log(log_level::warning, [this](const log_record& record) {
      const std::lock_guard hold(mutex_);
      log_ += std::string(record.message) + '\n';
    });
  }
  std::string log() {
    const std::lock_guard hold(mutex_);
    return log_;
  }

  scratch_directory folder_;
  std::unique_ptr<sshd_fixture> server_;
  ssh_options way_;

 private:
  void place_script(const std::string& name, const std::string& text) {
    const std::string file = folder_.path() + "/" + name;
    std::ofstream(file, std::ios::trunc) << "#!/bin/sh\n" << text << '\n';
    std::filesystem::permissions(file, std::filesystem::perms(0755));
  }

  std::mutex mutex_;
  std::string log_;
};

}  // namespace execo::test
