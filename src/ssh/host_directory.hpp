// How hosts are reached: the options of an action, and what ssh_config(5) says about each host.
// host > action > ssh_config > defaults.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "ssh/caller.hpp"
#include "ssh/config_answer.hpp"
#include "ssh/config_lines.hpp"
#include "ssh/connection_settings.hpp"
#include "ssh/environment.hpp"
#include "ssh/host_blocks.hpp"

namespace execo::detail {

/// Where a connection goes.
class ssh_target {
 public:
  std::shared_ptr<ssh_environment> shared;
  std::string name;  // or address
  int port = 0;
  std::string user;
  duration establish{0};  // the limit for all phases up to authentication
  std::string subsystem;  // of the server, in place of the command; empty: none
};

/// The files of ssh_config(5) that a loop has read, once each.
class config_files final : public loop_service {
 public:
  config_files() = default;
  explicit config_files(loop& on) noexcept : loop_(&on) {}

  /// Throws: std::invalid_argument naming file and line.
  config_source find(const ssh_options& options, const ssh_caller& by);

 private:
  class entry {
   public:
    std::string home, file;
    std::vector<std::string> options;
    config_source source;
  };
  loop* loop_ = nullptr;
  std::vector<entry> read_;
};

/// As whom and where hosts are logged in to, for who connects to none.
class login_lookup {
 public:
  login_lookup(ssh_options options, const ssh_caller& by, config_source config);

  /// `shared` is null. Throws: ssh_config_error; command_wanted, as host_directory::find() does.
  ssh_target find(const host& where) const;

 private:
  const ssh_options options_;
  const config_source config_;
  const config_caller caller_;
};

/// On one loop, for one action.
class host_directory {
 public:
  /// `shown_keys`: host key algorithms, comma separated, of hosts that are only asked for their
  /// keys, whatever those are; empty: they are logged in to.
  /// `ways`: lead to all hosts, whatever options and files say of hops and proxies; null: do not.
  host_directory(loop& on, ssh_options options, const ssh_caller& by, config_source config,
                 std::string shown_keys = {}, std::shared_ptr<route_source> ways = {});

  /// Throws: std::invalid_argument for options that no host can use; ssh_config_error for what
  /// the files say about this host; command_wanted for a command of Match whose answer is not
  /// known.
  ssh_target find(const host& where);
  /// The same, once its hops are known as well.
  ssh_target find_ready(const host& where);

 private:
  class common {
   public:
    std::shared_ptr<ssh_environment> shared;
    duration establish{0};
  };
  /// What all hosts are told for which the same blocks hold.
  class shared_answer {
   public:
    shared_answer(const config_answer& answer, const common& of_several);
    ssh_target target_of(const config_answer::fixed_destination& named) const;

   private:
    const common* of_several_;
    std::string name_;    // that of HostName; empty: the host's own
    std::string family_;  // of addresses
    std::string user_;
    int port_;
  };
  // Beyond it hosts are looked at one by one.
  static constexpr std::size_t max_answers = 1024;

  std::string kind_of(const config_answer::fixed_destination& named) const;
  ssh_target find_alone(const config_answer::fixed_destination& named, const std::string& kind);
  bool holds(const std::string& command, bool& left_to_ssh) const;
  const common& common_of(const config_answer& answer, bool asked_commands);

  loop& loop_;
  const ssh_options options_;
  const ssh_caller by_;
  const config_source config_;
  const config_caller caller_;
  const std::string shown_keys_;
  const std::shared_ptr<route_source> ways_;
  const bool asks_commands_;
  // By what the files say, since most hosts have it in common.
  std::unordered_map<std::string, common> known_;
  const host_blocks blocks_;
  std::unordered_map<std::string, shared_answer> answers_;  // by the kind of the destination
};

}  // namespace execo::detail
