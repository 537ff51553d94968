# Installation: the library with its headers, the package files for find_package(execo), the programs.
include(CMakePackageConfigHelpers)
set(execo_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/execo)
set(execo_export_sets execo-core-targets execo-targets)

# Two sets: a project that asks for core alone loads nothing of the other.
foreach(set target IN ZIP_LISTS execo_export_sets execo_package_targets)
  install(TARGETS ${target} EXPORT ${set}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT ${set} NAMESPACE execo:: DESTINATION ${execo_package_dir})
endforeach()
install(DIRECTORY include/execo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
configure_package_config_file(cmake/execo-config.cmake.in execo-config.cmake
  INSTALL_DESTINATION ${execo_package_dir})
write_basic_package_version_file(execo-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/execo-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/execo-config-version.cmake
  cmake/ExecoDependencies.cmake
  DESTINATION ${execo_package_dir})

# pkg-config files. What archives stand on is private to them: `pkg-config --static` names it. Shared
# libraries bring it themselves.
file(RELATIVE_PATH pc_to_prefix
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
set(pc_core_private "liburing re2 fmt")
set(pc_execo_private "libssh yaml-cpp zlib fmt libcrypto")
if(BUILD_SHARED_LIBS)
  set(pc_core_private "")
  set(pc_execo_private "")
endif()
foreach(name IN ITEMS execo-core execo)
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

foreach(program IN ITEMS execo-tool execo-fleet execo-msg)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
