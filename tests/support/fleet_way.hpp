// How a test reaches the hosts of a fleet, whatever the files and the agent of this machine say.
#pragma once

#include "execo/connection.hpp"
#include "fleet_fixture.hpp"

namespace execo::test {

inline ssh_options way_to(const fleet_fixture& fleet) {
  ssh_options how;
  how.config_file = "none";
  how.agent = "none";
  how.port = fleet.port();
  how.identities.push_back(fleet.identity());
  how.known_hosts = fleet.known_hosts();
  return how;
}

}  // namespace execo::test
