// A host on the way to others.
#pragma once

#include <memory>
#include <string>

#include "execo/connection.hpp"

namespace execo::detail {

class ssh_environment;
class route_target;

class ssh_hop {
 public:
  std::shared_ptr<ssh_environment> shared;
  std::string name;
  int port = 0;
  std::string user;
};

/// Throws: std::invalid_argument naming a hop that cannot be read, or a second kind of route.
void check_routes(const ssh_options& options);

/// The last hop before the hosts of `of`, and what is shared by who is reached as it is.
/// Pre: there is one. Throws: as the constructor of ssh_environment.
ssh_hop last_hop_before(const ssh_environment& of);

/// How a host needs itself: "a -> b -> a"; empty: it does not. Throws: as last_hop_before().
std::string loop_of_hops(ssh_environment& shared, const route_target& to);

}  // namespace execo::detail
