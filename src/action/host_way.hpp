// The way of a handle to its host: connection options, its own or the defaults of its context.
#pragma once

#include <memory>
#include <utility>

#include "action/host_transport.hpp"
#include "action/remote_factory.hpp"
#include "process/process_state.hpp"

namespace execo::detail {

class host_way : public command_way {
 public:
  /// In place of the defaults. Throws: std::invalid_argument for options that cannot be used.
  void take_own(ssh_options options) {
    take(std::move(options));
    takes_defaults_ = false;
  }

  std::unique_ptr<transport> transport_on(loop& on, surroundings::caller) final {
    if (takes_defaults_)
      if (auto set = defaults_of(on)) take(*set);
    return make_host_transport(on, factory_, where_, limits_);
  }
  deadlines limits() const final { return limits_; }
  execo::host where() const final { return where_; }

 protected:
  explicit host_way(execo::host where) : where_(std::move(where)) {}

  void take(ssh_options options) {
    deadlines limits = options.limits;
    if (!limits.establish) limits.establish = deadlines::default_establish;
    factory_ = make_factory(std::move(options));
    limits_ = limits;
  }
  /// Throws: std::invalid_argument.
  virtual std::shared_ptr<command_factory> make_factory(ssh_options options) const = 0;
  command_factory& factory() const noexcept { return *factory_; }

 private:
  execo::host where_;
  deadlines limits_;
  std::shared_ptr<command_factory> factory_;
  bool takes_defaults_ = true;
};

}  // namespace execo::detail
