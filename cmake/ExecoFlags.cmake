# Warnings and sanitizers of our own targets. Link execo_private_flags to a target of ours; a project
# that uses execo never sees it.
add_library(execo_private_flags INTERFACE)
target_compile_options(execo_private_flags INTERFACE -Wall -Wextra -Wpedantic -Wnon-virtual-dtor)
if(EXECO_WERROR)
  target_compile_options(execo_private_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlapping copies in plain std::string calls (its bug 105651), and uninitialized
  # variables in what its own sanitizers add.
  target_compile_options(execo_private_flags INTERFACE -Wshadow=local -Wno-restrict)
  if(EXECO_SANITIZE)
    target_compile_options(execo_private_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
else()
  # libstdc++ 12 makes std::stable_sort of what C++17 has deprecated, and clang tells the caller.
  target_compile_options(execo_private_flags INTERFACE -Wno-deprecated-declarations)
endif()

# What follows is directory-wide, so that the library, the tools and the tests agree.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-foptimize-sibling-calls)
endif()
if(EXECO_SANITIZE)
  add_compile_options(-fsanitize=${EXECO_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
  add_link_options(-fsanitize=${EXECO_SANITIZE})
  if(EXECO_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
    # The check of a virtual call asks through a pipe whether the object can be read: with no
    # descriptor left, which some tests bring about, it reports objects that are sound.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
if(EXECO_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "EXECO_BUILD_FUZZERS needs clang: configure with CMAKE_CXX_COMPILER=clang++")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
