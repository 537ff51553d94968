# Builds tests/package/consumer in an empty folder, with execo found in the way that `way` says, and
# runs it.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    list(JOIN ARGV " " line)
    message(FATAL_ERROR "failed (${code}): ${line}")
  endif()
endfunction()

# ask(VARIABLE COMMAND...): what it prints.
function(ask variable)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE said
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "failed (${code}): ${line}")
  endif()
  set(${variable} "${said}" PARENT_SCOPE)
endfunction()

set(common_options -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_BUILD_TYPE=${build_type})
if(launcher)
  list(APPEND common_options -D CMAKE_CXX_COMPILER_LAUNCHER=${launcher})
endif()

# install_moved(BUILD): into ${work}/prefix. Moved after the installation: nothing in it may name the
# place where it was first.
function(install_moved from)
  run(${CMAKE_COMMAND} --install ${from} --prefix ${work}/staged)
  file(RENAME ${work}/staged ${work}/prefix)
  file(GLOB_RECURSE package_files ${work}/prefix/*.cmake ${work}/prefix/*.pc)
  foreach(file IN LISTS package_files)
    file(READ ${file} text)
    foreach(path IN ITEMS ${source} ${build} ${work})
      string(FIND "${text}" "${path}/" place)
      if(NOT place EQUAL -1)
        message(FATAL_ERROR "${file} names ${path}")
      endif()
    endforeach()
    if(text MATCHES "execo_private_flags")
      message(FATAL_ERROR "${file} names execo_private_flags, which is ours alone")
    endif()
  endforeach()
endfunction()

# needs_no_ssh(PROGRAM)
function(needs_no_ssh program)
  ask(libraries ldd ${program})
  message(STATUS "ldd ${program}:\n${libraries}")
  if(libraries MATCHES "libssh|yaml|toml|krb5|gssapi|crypto|libz[.]")
    message(FATAL_ERROR "${program} runs local processes alone, and loads ${CMAKE_MATCH_0}")
  endif()
  if(libraries MATCHES "not found")
    message(FATAL_ERROR "${program} does not find a library")
  endif()
endfunction()

# build_core_alone(): core is found where nothing that ssh or groups need is installed.
function(build_core_alone)
  file(MAKE_DIRECTORY ${work}/pc)
  foreach(module IN ITEMS liburing re2 fmt)
    ask(folder pkg-config --variable=pcfiledir ${module})
    file(CREATE_LINK ${folder}/${module}.pc ${work}/pc/${module}.pc SYMBOLIC)
  endforeach()
  set(poor ${CMAKE_COMMAND} -E env PKG_CONFIG_LIBDIR=${work}/pc)
  run(${poor} ${CMAKE_COMMAND} -S ${source}/tests/package/consumer -B ${work}/core -G ${generator}
    ${common_options} -D consumer_way=${way} -D consumer_components=core
    -D CMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON -D CMAKE_PREFIX_PATH=${work}/prefix)
  run(${CMAKE_COMMAND} --build ${work}/core)
  file(GLOB programs ${work}/core/core ${work}/core/whole_core)
  foreach(program IN LISTS programs)
    run(${program})
    needs_no_ssh(${program})
  endforeach()

  # And without CMake, in the same poverty.
  file(GLOB_RECURSE pc ${work}/prefix/*/execo-core.pc)
  cmake_path(GET pc PARENT_PATH folder)
  ask(flags ${poor} PKG_CONFIG_PATH=${folder} pkg-config ${pc_options} --cflags --libs execo-core)
  compile_by_hand(core "${flags}")
  needs_no_ssh(${work}/by_hand_core)
endfunction()

# compile_by_hand(SOURCE FLAGS): one call of the compiler, and a run of what comes of it.
function(compile_by_hand name flags)
  message(STATUS "pkg-config says for ${name}: ${flags}")
  separate_arguments(flags UNIX_COMMAND "${flags}")
  file(GLOB_RECURSE library ${work}/prefix/*/libexeco-core.*)
  list(GET library 0 library)
  cmake_path(GET library PARENT_PATH folder)
  run(${compiler} -std=c++20 ${source}/tests/package/consumer/${name}.cpp ${flags}
    -Wl,-rpath,${folder} -o ${work}/by_hand_${name})
  run(${work}/by_hand_${name})
endfunction()

# build_consumer(OPTION...): all programs, against all of execo.
function(build_consumer)
  run(${CMAKE_COMMAND} -S ${source}/tests/package/consumer -B ${work}/build -G ${generator}
    ${common_options} -D consumer_way=${way} ${ARGN})
  run(${CMAKE_COMMAND} --build ${work}/build)
  run(${work}/build/consumer)
  run(${work}/build/core)
  needs_no_ssh(${work}/build/core)
  foreach(kind IN ITEMS debug coverage address thread)
    run(${work}/build/loop_${kind})
  endforeach()
endfunction()

file(REMOVE_RECURSE ${work})
if(way STREQUAL "find_package")
  # The archives of the build beside.
  set(pc_options --static)
  install_moved(${build})
  foreach(program IN ITEMS execo execo-fleet)
    if(EXISTS ${build}/bin/${program})
      file(GLOB installed ${work}/prefix/*/${program})
      if(NOT installed)
        message(FATAL_ERROR "${program} was not installed")
      endif()
    endif()
  endforeach()
  build_consumer(-D CMAKE_PREFIX_PATH=${work}/prefix)
else()
  # Shared libraries, built for the project of the consumer, and then installed from there.
  set(pc_options)
  build_consumer(-D execo_source=${source} -D BUILD_SHARED_LIBS=ON -D EXECO_UNITY=ON
    -D EXECO_WERROR=${werror})
  install_moved(${work}/build)
  # What it was built from is not there any more.
  file(REMOVE_RECURSE ${work}/build)
  run(${source}/tests/package/check_shared ${work}/prefix)
  set(way find_package)
endif()
build_core_alone()
file(GLOB_RECURSE pc ${work}/prefix/*/execo.pc)
cmake_path(GET pc PARENT_PATH folder)
ask(flags ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${folder}
  pkg-config ${pc_options} --cflags --libs execo)
compile_by_hand(main "${flags}")
file(REMOVE_RECURSE ${work})
