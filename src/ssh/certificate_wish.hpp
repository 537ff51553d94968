// Whom a certificate is for.
#pragma once

#include <string>
#include <vector>

namespace execo::detail {

class certificate_wish {
 public:
  std::string name;  // for the logs of servers
  std::vector<std::string> users;
};

}  // namespace execo::detail
