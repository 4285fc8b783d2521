# Run at build time by build_info.cmake.
find_program(GIT git)
set(commit "unknown")
set(dirty 0)
if(GIT)
  execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} rev-parse HEAD OUTPUT_VARIABLE commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(commit "unknown")
  else()
    execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} status --porcelain --untracked-files=no
                    OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      set(dirty 1)
    endif()
  endif()
endif()
string(TOUPPER "${BUILD_TYPE}" build_type_upper)
string(STRIP "${FLAGS}" FLAGS)
set(content "#pragma once
#define DSABENCH_VERSION \"${VERSION}\"
#define DSABENCH_GIT_COMMIT \"${commit}\"
#define DSABENCH_GIT_DIRTY ${dirty}
#define DSABENCH_COMPILER \"${COMPILER}\"
#define DSABENCH_BUILD_TYPE \"${BUILD_TYPE}\"
#define DSABENCH_BUILD_FLAGS \"${FLAGS}\"
#define DSABENCH_BUILD_SANITIZE \"${SANITIZE}\"
#define DSABENCH_BUILD_CUDA \"${CUDA}\"
")
set(previous "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} previous)
endif()
if(NOT previous STREQUAL content)
  file(WRITE ${OUTPUT} "${content}")
endif()
