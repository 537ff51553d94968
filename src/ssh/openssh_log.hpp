// What the `ssh` program says in its log at LogLevel DEBUG2, of one connection with one command:
// how far it has come, how the command ended, and why it did not; or, of one without a command,
// whether what it forwards is listened for. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "execo/status.hpp"
#include "process/failure.hpp"
#include "ssh/openssh_authentication.hpp"
#include "ssh/openssh_listening.hpp"

namespace execo::detail {

class openssh_log {
 public:
  enum class work : std::uint8_t { command, forward };

  /// `name`: the host, as it is to be shown.
  openssh_log(std::string name, int port, std::string user, work what = work::command)
      : name_(std::move(name)), user_(std::move(user)), port_(port), work_(what) {}

  /// The next bytes of the log.
  void feed(std::string_view bytes);

  phase reached() const noexcept { return reached_; }
  /// The server was asked to run the command.
  bool asked() const noexcept { return asked_; }
  /// A connection was tried.
  bool tried() const noexcept { return way_ != way::none; }
  /// Of the command, as the server reported it. A signal has no name: ssh does not log it.
  std::optional<exit_status> status() const noexcept { return status_; }

  /// Of a log without a command.
  const openssh_listening& listening() const noexcept { return listening_; }
  /// Why it does not listen here.
  std::error_code listen_error() const;

  const openssh_authentication& authentication() const noexcept { return authentication_; }
  /// Before the login was over, the server has said goodbye.
  bool ends_with_goodbye() const noexcept { return !goodbye_.empty() && reached_ == phase::auth; }

  /// It went on without a look at the host's key, or in spite of it.
  bool took_any_key() const noexcept { return took_any_key_; }

  /// The host's key was not known before.
  bool took_new_key() const noexcept { return took_new_key_; }

  /// Of an ssh that is given up before the login was over.
  failure_reason reason_so_far() const noexcept;

  /// Why ssh ended without a status. `words`: what it wrote beside its log.
  failure describe(std::string_view words) const;

  /// Where in the standard error of a command that which ssh adds at its end begins, if it has lost
  /// the connection; the size of `text` if there is none.
  static std::size_t find_last_words(std::string_view text, std::string_view host);

 private:
  /// What was tried: a connection of its own, or a proxy command that leads to the host.
  enum class way : std::uint8_t { none, network, program };

  void read_record(std::string_view record);
  void read_step(std::string_view step);
  void read_message(std::string_view message);
  void reach(phase next) noexcept { reached_ = reached_ < next ? next : reached_; }
  bool refused_by_name_or_address(failure& why) const;
  bool refused_in_handshake(failure& why) const;
  bool refused_on_the_way(std::string_view words, failure& why) const;
  failure lost(std::string_view words) const;
  std::string during() const;

  std::string name_;
  std::string user_;
  int port_;
  work work_;
  std::string rest_;      // of a record that is not complete
  std::string message_;   // the last one that says why it ends
  std::string said_;      // by the server, before it has said who it is
  std::string goodbye_;   // the server's
  std::string channel_;   // of the command, once it runs
  std::string host_key_;  // what is wrong with it
  std::optional<exit_status> status_;
  openssh_listening listening_;
  openssh_authentication authentication_;
  // What is wrong with what the server says first: at the beginning, that it says nothing.
  failure_reason greeting_ = failure_reason::no_banner;
  phase reached_ = phase::resolve;
  way way_ = way::none;
  bool asked_ = false;
  bool refused_ = false;  // the channel or the request
  bool took_any_key_ = false;
  bool took_new_key_ = false;
};

}  // namespace execo::detail
