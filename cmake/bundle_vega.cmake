# dsabench_bundle_vega(<output.js> <modules...>)
#
# Debian's libjs-vega ships Vega as some 30 modules and no bundle. At build, the modules named and those
# that they require, each after what it requires, are put into one script behind a loader of a few
# lines, which defines `dsabench_modules[name]`. Where the package asks for a module that it does not
# ship, the build stops and names it.

if(CMAKE_SCRIPT_MODE_FILE)
  # Run at build time: -DFOLDER= -DMODULES=a|b -DOUTPUT=
  cmake_minimum_required(VERSION 3.25)
  string(REPLACE "|" ";" roots "${MODULES}")
  set(ordered "")

  # Appends the module to `ordered` after those that it requires.
  function(require module chain)
    if(module IN_LIST ordered)
      return()
    endif()
    if(module IN_LIST chain)
      message(FATAL_ERROR "Vega's modules require each other in a circle: ${chain};${module}")
    endif()
    # This one alone is called otherwise than its file.
    string(REPLACE "vega-selections" "vega-selection" file ${module})
    if(NOT EXISTS ${FOLDER}/${file}.min.js)
      message(FATAL_ERROR "${FOLDER}/${file}.min.js: not there, required by: ${chain}")
    endif()
    file(READ ${FOLDER}/${file}.min.js content)
    string(REGEX MATCHALL "require\\(\"[a-z0-9-]+\"\\)" calls "${content}")
    foreach(call IN LISTS calls)
      string(REGEX REPLACE "require\\(\"(.*)\"\\)" "\\1" needed ${call})
      require(${needed} "${chain};${module}")
    endforeach()
    list(APPEND ordered ${module})
    set(ordered "${ordered}" PARENT_SCOPE)
    # Comments that make a browser look for files beside the page.
    string(REGEX REPLACE "//# sourceMappingURL=[^\n]*" "" content "${content}")
    file(APPEND ${OUTPUT}
      "load(\"${module}\", function (exports, module, require) {\n${content}\n});\n")
  endfunction()

  file(WRITE ${OUTPUT} "// Vega (licences: see the end of the page), its modules in the order of their needs.
\"use strict\";
const dsabench_modules = {};
(function () {
const require = name => dsabench_modules[name];
const load = function (name, body) {
  const module = { exports: {} };
  body.call(globalThis, module.exports, module, require);
  dsabench_modules[name] = module.exports;
};
")
  foreach(root IN LISTS roots)
    require(${root} "")
  endforeach()
  file(APPEND ${OUTPUT} "})();\n")
  return()
endif()

include_guard(GLOBAL)
find_path(DSABENCH_VEGA_FOLDER NAMES vega-view.min.js PATHS /usr/share/javascript/vega REQUIRED
          DOC "Vega's modules (Debian: libjs-vega)")
find_file(DSABENCH_VEGA_LICENCE NAMES libjs-vega/copyright PATHS /usr/share/doc REQUIRED
          DOC "Vega's licences")

function(dsabench_bundle_vega output)
  list(JOIN ARGN "|" modules)
  file(GLOB inputs CONFIGURE_DEPENDS ${DSABENCH_VEGA_FOLDER}/*.min.js)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${DSABENCH_VEGA_FOLDER} "-DMODULES=${modules}"
            -DOUTPUT=${output} -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${inputs} ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    COMMENT "Bundling Vega" VERBATIM)
endfunction()
