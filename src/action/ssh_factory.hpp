// What actions on ssh hosts have in common: their options, and what ssh_config(5) says.
#pragma once

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

#include "action/execution_factory.hpp"
#include "base/contain.hpp"
#include "execo/connection.hpp"
#include "ssh/caller.hpp"
#include "ssh/host_directory.hpp"
#include "ssh/late_transport.hpp"

namespace execo::detail {

class ssh_factory : public command_factory {
 public:
  /// Reads the files, and shares what is limited in all among the rings.
  void begin(loop& on) override {
    auto parts = static_cast<unsigned>(on.rings().size());
    options_.handshakes = (options_.handshakes + parts - 1) / parts;
    options_.agent_requests = std::max(options_.agent_requests / parts, 1U);
    contain([&] { config_ = on.service<config_files>().find(options_, by_); },
            [this](std::exception_ptr error) { problem_ = std::move(error); });
  }

 protected:
  explicit ssh_factory(ssh_options options)
      // Connections to the same place are shared, however one came to it.
      : rewrite_(std::exchange(options.host_rewrite, {})),
        options_(std::move(options)),
        by_(ssh_caller::now().ready_to_start()) {}

  const ssh_options& options() const noexcept { return options_; }
  const ssh_caller& by() const noexcept { return by_; }
  /// Where the connection goes.
  host destination(const host& named) const { return rewrite_(named); }
  /// Without lines if they cannot be read: check_files() throws.
  const config_source& config() const noexcept { return config_; }
  /// Throws: std::invalid_argument naming file and line.
  void check_files() const {
    if (problem_) std::rethrow_exception(problem_);
  }
  /// make(&what.limits) now, or, when the commands of ssh_config(5) that this needs have ended,
  /// make(nullptr): then the limits are what they were.
  template <class Make>
  std::unique_ptr<transport> make_in_time(loop& on, attempt& what, Make make) const {
    try {
      return make(&what.limits);
    } catch (command_wanted& first) {
      if (!what.limits.establish) what.limits.establish = deadlines::default_establish;
      return make_late_transport(on, config_.commands, std::move(first),
                                 [make = std::move(make)] { return make(nullptr); });
    }
  }

 private:
  host_rewrite rewrite_;
  ssh_options options_;
  ssh_caller by_;
  config_source config_;
  std::exception_ptr problem_;  // of the files of ssh_config
};

}  // namespace execo::detail
