# dsabench_embed_files(<target> <header> FILES <files> [BINARY <files>])
#
# Compiles files into <target>: FILES are text without NUL bytes, BINARY anything. `#include
# "<header>"` (found by the target's own sources only) declares, in namespace
# dsabench::embedded::<stem of header>:
#   extern const std::string_view <path>;  one per file, its path below the calling folder with every
#                                          character but letters and digits turned into '_'; of an
#                                          absolute path (what the build makes) the name alone
#   extern const std::string_view <path>_sha256;  of its bytes, in hex
#   extern const std::array<File, n> kFiles;  all of them {path, content}, in the order given
# so speed/suite.json becomes speed_suite_json. The contents are read again when a file changes.
# The views are constant-initialised: safe to use from any initialiser.

if(CMAKE_SCRIPT_MODE_FILE)
  # Run at build time: -DPATHS=a|b -DBINARY=b -DSOURCE_DIR= -DHEADER= -DSOURCE=
  get_filename_component(stem ${HEADER} NAME_WE)
  get_filename_component(header_name ${HEADER} NAME)
  string(REPLACE "|" ";" paths "${PATHS}")
  string(REPLACE "|" ";" binary "${BINARY}")
  list(LENGTH paths count)
  set(declarations "")
  set(definitions "")
  set(entries "")
  foreach(path IN LISTS paths)
    set(file ${SOURCE_DIR}/${path})
    if(IS_ABSOLUTE ${path})
      set(file ${path})
      get_filename_component(path ${path} NAME)
    endif()
    string(REGEX REPLACE "[^A-Za-z0-9]" "_" symbol ${path})
    file(SHA256 ${file} sha256)
    string(APPEND declarations
      "extern const std::string_view ${symbol};\nextern const std::string_view ${symbol}_sha256;\n")
    string(APPEND definitions
      "constexpr std::string_view ${symbol}_sha256 = \"${sha256}\";\n")
    list(FIND binary "${path}" is_binary)
    if(NOT is_binary EQUAL -1)
      # The assembler reads the bytes: a compiler would take minutes for so long an array.
      file(SIZE ${file} size)
      string(APPEND definitions
        "asm(\".section .rodata\\n.balign 64\\n.globl dsabench_${symbol}\\n\"\n"
        "    \"dsabench_${symbol}: .incbin \\\"${file}\\\"\\n.previous\\n\");\n"
        "extern \"C\" const char dsabench_${symbol}[${size}];\n"
        "constexpr std::string_view ${symbol}(dsabench_${symbol}, ${size});\n")
    else()
      file(READ ${file} content)
      string(FIND "${content}" ")dsabench_eof\"" clash)
      if(NOT clash EQUAL -1)
        message(FATAL_ERROR "${path}: holds the text that ends an embedded file")
      endif()
      string(APPEND definitions
        "constexpr char ${symbol}_text[] = R\"dsabench_eof(${content})dsabench_eof\";\n"
        # Its length is not left to count: compilers do not do that for long texts.
        "constexpr std::string_view ${symbol}(${symbol}_text, sizeof(${symbol}_text) - 1);\n")
    endif()
    string(APPEND entries "    {\"${path}\", ${symbol}},\n")
  endforeach()
  file(WRITE ${HEADER} "#pragma once
#include <array>
#include <string_view>

namespace dsabench::embedded::${stem} {
struct File {
  std::string_view path, content;
};
${declarations}extern const std::array<File, ${count}> kFiles;
}  // namespace dsabench::embedded::${stem}
")
  file(WRITE ${SOURCE} "#include \"${header_name}\"

#pragma GCC diagnostic ignored \"-Woverlength-strings\"
namespace dsabench::embedded::${stem} {
${definitions}constexpr std::array<File, ${count}> kFiles = {{\n${entries}}};
}  // namespace dsabench::embedded::${stem}
")
  return()
endif()

include_guard(GLOBAL)

function(dsabench_embed_files target header)
  cmake_parse_arguments(ARG "" "" "FILES;BINARY" ${ARGN})
  if(NOT ARG_FILES)
    message(FATAL_ERROR "dsabench_embed_files(${target}): no FILES")
  endif()
  get_filename_component(stem ${header} NAME_WE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  list(APPEND ARG_FILES ${ARG_BINARY})
  list(JOIN ARG_FILES "|" paths)
  list(JOIN ARG_BINARY "|" binary)
  set(inputs "")
  foreach(file IN LISTS ARG_FILES)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND inputs ${file})
  endforeach()
  add_custom_command(
    OUTPUT ${folder}/${header} ${folder}/${stem}.cpp
    COMMAND ${CMAKE_COMMAND} "-DPATHS=${paths}" "-DBINARY=${binary}" -DSOURCE_DIR=${CMAKE_CURRENT_SOURCE_DIR}
            -DHEADER=${folder}/${header} -DSOURCE=${folder}/${stem}.cpp
            -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${inputs} ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    COMMENT "Embedding ${header}" VERBATIM)
  target_sources(${target} PRIVATE ${folder}/${header} ${folder}/${stem}.cpp)
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
