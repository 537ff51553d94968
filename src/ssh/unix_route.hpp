// To a socket of this machine, behind which something else leads to the host.
#pragma once

#include <string>

#include "execo/detail/deadline_timer.hpp"
#include "ssh/route.hpp"

namespace execo::detail {

class unix_route final : public route {
 public:
  unix_route(ssh_environment& shared, const route_target& to, delegate<> wake);

  progress connect(bool ready) override;
  failure why() const override { return why_; }
  unique_fd take() override { return std::move(connected_); }

 private:
  progress fail(std::error_code code, const std::string& problem);

  ssh_environment& shared_;
  const route_target to_;
  unique_fd connected_;
  descriptor_shortage shortage_;
  deadline_timer again_;
  failure why_;
};

}  // namespace execo::detail
