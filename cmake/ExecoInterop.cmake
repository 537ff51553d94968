# The libraries that the interop adapters are for, as targets for their tests and examples. execo
# itself needs none of them: what is not there is named and left out.
include_guard(GLOBAL)

# execo_interop_library(TARGET HEADER LIBRARY FOLDER...): TARGET, if the header is found.
function(execo_interop_library target header library)
  find_path(${target}_include ${header} HINTS ${ARGN} NO_CACHE)
  if(NOT ${target}_include)
    message(STATUS "${header} is not installed: no tests and examples with it")
    return()
  endif()
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${${target}_include})
  if(library)
    target_link_libraries(${target} INTERFACE ${library})
  endif()
endfunction()

execo_interop_library(execo_asio asio.hpp "")
execo_interop_library(execo_libuv uv.h uv)

find_package(PkgConfig QUIET)
pkg_check_modules(EXECO_GLIB QUIET IMPORTED_TARGET glib-2.0)
if(TARGET PkgConfig::EXECO_GLIB)
  add_library(execo_glib INTERFACE)
  target_link_libraries(execo_glib INTERFACE PkgConfig::EXECO_GLIB)
else()
  message(STATUS "GLib is not installed: no tests with it")
endif()

find_package(Qt6 COMPONENTS Core QUIET)
if(NOT Qt6_FOUND)
  find_package(Qt5 COMPONENTS Core QUIET)
endif()
foreach(core IN ITEMS Qt6::Core Qt5::Core)
  if(TARGET ${core} AND NOT TARGET execo_qt)
    add_library(execo_qt INTERFACE)
    target_link_libraries(execo_qt INTERFACE ${core})
    # Its keywords are macros: signals, emit, forever.
    target_compile_definitions(execo_qt INTERFACE QT_NO_KEYWORDS)
  endif()
endforeach()
if(NOT TARGET execo_qt)
  message(STATUS "Qt is not installed: no tests with it")
endif()

# Boost.Asio 1.81 lives in a folder of its own: its Debian package would remove that of 1.74.
set(EXECO_BOOST_INCLUDE_DIR ${PROJECT_SOURCE_DIR}/build-deps/boost-1.81/usr/include
  CACHE PATH "Where boost/asio.hpp of Boost 1.81 or later is; scripts/test puts it here")
if(EXISTS ${EXECO_BOOST_INCLUDE_DIR}/boost/asio.hpp)
  add_library(execo_boost_asio INTERFACE)
  target_include_directories(execo_boost_asio SYSTEM INTERFACE ${EXECO_BOOST_INCLUDE_DIR})
  target_compile_definitions(execo_boost_asio INTERFACE EXECO_USE_BOOST_ASIO)
else()
  message(STATUS "no Boost.Asio in ${EXECO_BOOST_INCLUDE_DIR}: no tests with it")
endif()

# Clang is not on Asio's list of compilers that have coroutines.
foreach(target IN ITEMS execo_asio execo_boost_asio)
  if(TARGET ${target} AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_definitions(${target} INTERFACE
      ASIO_HAS_STD_COROUTINE ASIO_HAS_CO_AWAIT
      BOOST_ASIO_HAS_STD_COROUTINE BOOST_ASIO_HAS_CO_AWAIT)
  endif()
endforeach()
