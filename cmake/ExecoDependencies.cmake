# The libraries that execo stands on. This file is also installed: execo-config.cmake includes it, so
# that a project which uses an installed execo finds the same ones.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(fmt)
find_dependency(OpenSSL COMPONENTS Crypto)
find_dependency(PkgConfig)
if(NOT TARGET PkgConfig::liburing)
  pkg_check_modules(liburing REQUIRED QUIET IMPORTED_TARGET liburing)
endif()
if(NOT TARGET PkgConfig::libssh)
  pkg_check_modules(libssh REQUIRED QUIET IMPORTED_TARGET libssh)
endif()
