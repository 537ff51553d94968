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
#include "ssh/environment.hpp"

namespace execo::detail {

/// Where a connection goes.
class ssh_target {
 public:
  std::shared_ptr<ssh_environment> shared;
  std::string name;  // or address
  int port = 0;
  std::string user;
  duration establish{0};  // the limit for all phases up to authentication
};

/// The files of ssh_config(5) that a loop has read, once each.
class config_files final : public loop_service {
 public:
  config_files() = default;
  explicit config_files(loop&) noexcept {}

  /// Throws: std::invalid_argument naming file and line.
  std::shared_ptr<const config_lines> find(const ssh_options& options, const ssh_caller& by);

 private:
  class entry {
   public:
    std::string home, file;
    std::vector<std::string> options;
    std::shared_ptr<const config_lines> lines;
  };
  std::vector<entry> read_;
};

/// On one loop, for one action.
class host_directory {
 public:
  host_directory(loop& on, ssh_options options, const ssh_caller& by,
                 std::shared_ptr<const config_lines> lines);

  /// Throws: std::invalid_argument for options that no host can use; ssh_config_error for what
  /// the files say about this host.
  ssh_target find(const host& where);

 private:
  class common {
   public:
    std::shared_ptr<ssh_environment> shared;
    duration establish{0};
  };
  const common& common_of(const config_answer& answer, bool asked_commands);

  loop& loop_;
  const ssh_options options_;
  const ssh_caller by_;
  const std::shared_ptr<const config_lines> lines_;
  const config_caller caller_;
  // By what the files say, since most hosts have it in common.
  std::unordered_map<std::string, common> known_;
};

}  // namespace execo::detail
