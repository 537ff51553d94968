// In the highest layer, since it asks the others.
#include "execo/version.hpp"

#include <fmt/core.h>
#include <openssl/crypto.h>

#include "ssh/version.hpp"

namespace execo {

std::string version() { return EXECO_VERSION; }

std::vector<std::pair<std::string, std::string>> library_versions() {
  std::vector<std::pair<std::string, std::string>> libraries;
  // liburing reports its version only from 2.4 on.
  libraries.emplace_back("liburing", EXECO_LIBURING_VERSION);
  libraries.emplace_back("libssh", detail::libssh_version());
  libraries.emplace_back("libcrypto", OpenSSL_version(OPENSSL_VERSION_STRING));
  libraries.emplace_back("fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000,
                                            FMT_VERSION / 100 % 100, FMT_VERSION % 100));
  return libraries;
}

}  // namespace execo
