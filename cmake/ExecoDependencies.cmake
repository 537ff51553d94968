# What the archives of execo stand on. This file is also installed: execo-config.cmake includes it, so
# that a project which uses installed archives finds the same libraries. Shared libraries bring their
# own.
include(CMakeFindDependencyMacro)

# execo_find(TARGET MODULE): a library by its pkg-config file, as PkgConfig::TARGET.
macro(execo_find target module)
  if(NOT TARGET PkgConfig::${target})
    find_dependency(PkgConfig)
    pkg_check_modules(${target} REQUIRED QUIET IMPORTED_TARGET ${module})
  endif()
endmacro()

macro(execo_find_dependencies_of_core)
  find_dependency(fmt)
  execo_find(liburing liburing)
  execo_find(re2 re2)
endmacro()

macro(execo_find_dependencies_of_execo)
  find_dependency(fmt)
  find_dependency(OpenSSL COMPONENTS Crypto)
  execo_find(libssh libssh)
  execo_find(yaml_cpp yaml-cpp)
  execo_find(zlib zlib)
endmacro()
