#include "ssh/version.hpp"

#include <libssh/libssh.h>

#include <string_view>

namespace execo::detail {

std::string libssh_version() {
  const char* known = ::ssh_version(0);  // "0.10.6/openssl/zlib"
  std::string_view text = known != nullptr ? known : "unknown";
  return std::string(text.substr(0, text.find('/')));
}

}  // namespace execo::detail
