// The words of the `ssh` program for one command on one host.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "process/surroundings.hpp"
#include "ssh/caller.hpp"

namespace execo::detail {

/// Whom ssh asks, by a program of ours, what it needs for a login.
class openssh_prompts {
 public:
  explicit openssh_prompts(const ssh_options& options)
      : password(options.password),
        passphrase(options.passphrase),
        one_time_code(options.one_time_code) {}

  bool has_any() const noexcept { return password || passphrase || one_time_code; }

  const secret_prompt password;
  const secret_prompt passphrase;
  const secret_prompt one_time_code;
};

/// What the hosts of one action share that the `ssh` program reaches.
class openssh_setup {
 public:
  /// `variables`: of the one that asks for the action.
  openssh_setup(const ssh_options& options, const ssh_caller& by,
                std::shared_ptr<const surroundings> variables);

  /// What the options have that ssh cannot do; empty if it can do it all.
  static std::string_view why_not(const ssh_options& options) noexcept;

  /// As far as it is known here: files of ssh_config may say another one.
  const std::string& user_of(const host& where) const noexcept {
    const std::string& given = given_user(where);
    return given.empty() ? caller_ : given;
  }
  int port_of(const host& where) const noexcept {
    int given = given_port(where);
    return given == 0 ? 22 : given;
  }
  /// There is one that ssh may ask for.
  bool has_display() const noexcept { return around && around->find("DISPLAY") != nullptr; }
  /// `log`: the file that ssh writes its log to. `control`: its control socket; empty: none.
  std::vector<std::string> words(const host& where, const std::string& log,
                                 const std::string& control, bool terminal, std::string text) const;
  /// For a connection that runs nothing, and is there for a forward: `kind` is -L, -D or -R, `what`
  /// its value.
  std::vector<std::string> forward_words(const host& where, const std::string& log,
                                         std::string kind, std::string what) const;
  /// The same for a subsystem of the server in place of a command.
  std::vector<std::string> words_to_subsystem(const host& where, const std::string& log,
                                              const std::string& control, std::string name) const;
  /// For others to run: what ssh says goes to its standard error.
  std::vector<std::string> words_to(const host& where) const;
  /// For one more text on the connection that has this control socket.
  static std::vector<std::string> words_over(const std::string& control, const host& where,
                                             std::string text);

  const std::shared_ptr<const surroundings> around;
  const openssh_prompts prompts;
  const bool ignores_host_keys;
  /// So say the options; without them a configuration may say it, or `no`.
  const bool accepts_new_keys;
  const std::optional<unsigned> max_retries;

 private:
  std::vector<std::string> first_words(const std::string& log, const std::string& control,
                                       const char* how) const;
  /// Appends what ssh may ask for.
  void add_questions(std::vector<std::string>& words) const;
  /// Appends what is alike for all hosts, and the host.
  void add_way(std::vector<std::string>& words, const host& where) const;
  const std::string& given_user(const host& where) const noexcept {
    return where.user().empty() ? user_ : where.user();
  }
  int given_port(const host& where) const noexcept {
    return where.port() == 0 ? port_ : where.port();
  }

  std::string caller_;
  std::string user_;                  // of the action; empty: none is given
  int port_;                          // 0: none is given
  std::vector<std::string> options_;  // those that are alike for all hosts
};

/// NAME="VALUE", as a line of ssh_config(5) has it.
std::string config_option(std::string_view name, std::string_view value);

}  // namespace execo::detail
