# execo_shared(TARGET ARCHIVE [NEEDED_BY OTHER_ARCHIVE]): a shared library of what an archive of ours
# holds. It exports what cmake/exported_symbols chooses: what the public headers define, and what the
# other archive uses of it.
function(execo_shared target archive)
  cmake_parse_arguments(PARSE_ARGV 2 shared "" "NEEDED_BY" "")
  set(map ${CMAKE_CURRENT_BINARY_DIR}/${target}.map)
  set(script ${PROJECT_SOURCE_DIR}/cmake/exported_symbols)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/execo/*.hpp)
  set(archives $<TARGET_FILE:${archive}>)
  if(shared_NEEDED_BY)
    list(APPEND archives $<TARGET_FILE:${shared_NEEDED_BY}>)
  endif()
  add_custom_command(OUTPUT ${map}
    COMMAND ${script} ${map} ${CMAKE_NM} ${PROJECT_SOURCE_DIR}/include ${archives}
    DEPENDS ${script} ${headers} ${archive} ${shared_NEEDED_BY}
    VERBATIM)
  add_custom_target(${target}_map DEPENDS ${map})
  add_library(${target} SHARED $<TARGET_OBJECTS:${archive}>)
  add_dependencies(${target} ${target}_map)
  set_target_properties(${target} PROPERTIES
    LINKER_LANGUAGE CXX
    LINK_DEPENDS ${map}
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_link_options(${target} PRIVATE -Wl,--version-script=${map})
  if(NOT EXECO_SANITIZE)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
endfunction()
