# The agents inside the library, compressed. As a script it writes the source that holds them:
#   cmake -D output=FILE.cpp -D function=NAME -D images=ARCH=PROGRAM;... -P ExecoAgentImages.cmake
# The same programs give the same bytes.
if(CMAKE_SCRIPT_MODE_FILE)
  set(blobs "")
  set(names "")
  set(rows "")
  foreach(image IN LISTS images)
    string(REGEX MATCH "^([a-z0-9_]+)=(.+)$" matched "${image}")
    set(arch ${CMAKE_MATCH_1})
    set(program ${CMAKE_MATCH_2})
    set(compressed ${output}.${arch}.gz)
    execute_process(COMMAND gzip -9nc ${program} OUTPUT_FILE ${compressed} COMMAND_ERROR_IS_FATAL ANY)
    file(SHA256 ${program} digest)
    file(SIZE ${program} size)
    set(symbol execo_${function}_${arch})
    string(APPEND blobs "    \".balign 16\\n${symbol}:\\n.incbin \\\"${compressed}\\\"\\n${symbol}_end:\\n\"\n")
    string(APPEND names "extern const char ${symbol}[] __attribute__((visibility(\"hidden\")));\n"
                        "extern const char ${symbol}_end[] __attribute__((visibility(\"hidden\")));\n")
    string(APPEND rows "    agent_image(machine::${arch}, ${symbol}, ${symbol}_end, ${size},\n"
                       "                \"${digest}\"),\n")
  endforeach()
  set(text "// Made by cmake/ExecoAgentImages.cmake.\n#include \"tree/agent_image.hpp\"\n\n")
  set(body "return {};")
  set(table "")
  if(rows)
    string(APPEND text "__asm__(\n    \".pushsection .rodata\\n\"\n${blobs}    \".popsection\\n\");\n"
                       "extern \"C\" {\n${names}}\n\n")
    set(table "namespace {\nconstexpr agent_image ${function}_held[] = {\n${rows}};\n}  // namespace\n")
    set(body "return ${function}_held;")
  endif()
  string(APPEND text "namespace execo::detail {\n${table}"
    "std::span<const agent_image> ${function}() noexcept { ${body} }\n}  // namespace execo::detail\n")
  file(WRITE ${output} "${text}")
  return()
endif()

set(execo_agent_images_script ${CMAKE_CURRENT_LIST_FILE})

# execo_agent_images(SOURCE FUNCTION [ARCH PROGRAM TARGET]...): a rule for SOURCE, which defines
# execo::detail::FUNCTION() of <tree/agent_image.hpp>: PROGRAM, which TARGET builds, is the one for
# ARCH.
function(execo_agent_images source function)
  set(images)
  set(needed)
  while(ARGN)
    list(POP_FRONT ARGN arch program target)
    list(APPEND images ${arch}=${program})
    list(APPEND needed ${program} ${target})
  endwhile()
  add_custom_command(OUTPUT ${source} DEPENDS ${needed} ${execo_agent_images_script} VERBATIM
    COMMAND ${CMAKE_COMMAND} -D output=${source} -D function=${function} "-D images=${images}"
      -P ${execo_agent_images_script})
  set_source_files_properties(${source} PROPERTIES
    SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# execo_cross_agent(ARCH): builds src/agent for another kind of machine where there is a compiler
# for it, as the target execo_agent_ARCH and the program agent-ARCH/execo-agent in the build.
function(execo_cross_agent arch)
  find_program(EXECO_CXX_${arch} ${arch}-linux-gnu-g++)
  if(NOT EXECO_CXX_${arch})
    message(STATUS "${arch}-linux-gnu-g++ is not installed: no agent for ${arch}")
    return()
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/agent-${arch})
  set(program ${folder}/execo-agent)
  set(launcher)
  if(CMAKE_CXX_COMPILER_LAUNCHER)
    set(launcher -D CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER})
  endif()
  # Its own build knows better what is to be done, but would have to be asked each time.
  set(read)
  foreach(part IN ITEMS cmake/cross_agent src/agent src/wire src/shape src/base src/msg include/execo)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${part}/*.?pp
      ${PROJECT_SOURCE_DIR}/${part}/CMakeLists.txt)
    list(APPEND read ${files})
  endforeach()
  add_custom_command(OUTPUT ${program} DEPENDS ${read} VERBATIM
    COMMAND ${CMAKE_COMMAND} -S ${PROJECT_SOURCE_DIR}/cmake/cross_agent -B ${folder}
      -G ${CMAKE_GENERATOR} -D CMAKE_CXX_COMPILER=${EXECO_CXX_${arch}} ${launcher}
      -D CMAKE_SYSTEM_NAME=Linux -D CMAKE_SYSTEM_PROCESSOR=${arch}
      -D EXECO_WERROR=${EXECO_WERROR} -D execo_root=${PROJECT_SOURCE_DIR} --log-level=WARNING
    COMMAND ${CMAKE_COMMAND} --build ${folder}
    COMMAND ${CMAKE_COMMAND} -E touch ${program})
  add_custom_target(execo_agent_${arch} DEPENDS ${program})
endfunction()
