# Installation: the library with its headers, the package files for find_package(execo), the programs.
include(CMakePackageConfigHelpers)
set(execo_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/execo)

install(TARGETS execo_lib EXPORT execo-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/execo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT execo-targets NAMESPACE execo:: DESTINATION ${execo_package_dir})
configure_package_config_file(cmake/execo-config.cmake.in execo-config.cmake
  INSTALL_DESTINATION ${execo_package_dir})
write_basic_package_version_file(execo-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/execo-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/execo-config-version.cmake
  cmake/ExecoDependencies.cmake
  DESTINATION ${execo_package_dir})

foreach(program IN ITEMS execo-tool execo-fleet)
  if(TARGET ${program})
    # Only matters with BUILD_SHARED_LIBS: an installed program finds the library beside it.
    file(RELATIVE_PATH bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
