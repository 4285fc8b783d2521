# Interface targets that every target of ours links: warnings, static runtimes, sanitizers, OpenMP.

add_library(dsabench_options INTERFACE)
target_include_directories(dsabench_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(dsabench_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wconversion -Wnon-virtual-dtor
    -Wno-unknown-pragmas $<$<BOOL:${DSABENCH_WERROR}>:-Werror>
    # Sources compiled as one shadow each other's names, and GCC takes them for headers then.
    $<IF:$<BOOL:${CMAKE_UNITY_BUILD}>,$<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>,-Wshadow>>
  # Clang's -Wconversion takes signedness in, GCC's does not.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-sign-conversion>
  # GCC 12 is wrong about variants and concatenated strings.
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized -Wno-restrict>
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra
    $<$<BOOL:${DSABENCH_WERROR}>:--Werror=all-warnings>>)

if(DSABENCH_SANITIZE)
  # Not with a static libstdc++: the sanitizer could not see exceptions pass that uninstrumented
  # libraries throw, and would take the frames that they leave for used.
  target_compile_options(dsabench_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
    -fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitizer_ignored.txt)
  target_link_options(dsabench_options INTERFACE -fsanitize=address,undefined)
else()
  # Programs with shared C++ libraries in them (LibTorch) set DSABENCH_SHARED_RUNTIME: there must be
  # one runtime, one OpenMP and one BLAS for all of their code.
  target_link_options(dsabench_options INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:DSABENCH_SHARED_RUNTIME>>>:-static-libgcc>
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:DSABENCH_SHARED_RUNTIME>>>:-static-libstdc++>)
endif()

# dsabench_cold_target(<target>), dsabench_cold_sources(<target> <files>): code that computes little
# and takes longer to compile than it will ever run is optimised less. Under the sanitizers the whole
# target is not optimised at all, which halves the time.
function(dsabench_cold_target target)
  target_compile_options(${target} PRIVATE $<IF:$<BOOL:${DSABENCH_SANITIZE}>,-O0,-O1>)
endfunction()
function(dsabench_cold_sources target)
  if(DSABENCH_SANITIZE)
    dsabench_cold_target(${target})
  else()
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS -O1)
  endif()
endfunction()

# dsabench_hot_sources(<files>): of a cold target those that do compute, under the sanitizers too.
function(dsabench_hot_sources)
  set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS -O2)
  set_property(SOURCE ${ARGN} PROPERTY SKIP_PRECOMPILE_HEADERS ON)  # those are compiled as cold
endfunction()

# dsabench_precompile(<target> [<more headers>]): has what most sources of a library include parsed
# once. Sources still name what they use: tools/check-headers and other compilers hold them to it.
function(dsabench_precompile target)
  target_precompile_headers(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:<fmt/format.h$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<algorithm$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<cstdint$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<functional$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<map$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<memory$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<optional$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<span$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<string$<ANGLE-R>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<vector$<ANGLE-R>>" ${ARGN})
endfunction()

if(DSABENCH_FUZZ)
  target_compile_options(dsabench_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# OpenMP with GCC's static runtime, so that the binary can be carried to another machine. Clang
# builds (sanitizers, fuzzing, tidy) run our loops on one thread; OpenBLAS still needs libgomp.
add_library(dsabench_openmp INTERFACE)
find_program(DSABENCH_GCC NAMES gcc REQUIRED)
execute_process(COMMAND ${DSABENCH_GCC} -print-file-name=libgomp.a
                OUTPUT_VARIABLE DSABENCH_LIBGOMP OUTPUT_STRIP_TRAILING_WHITESPACE)
find_package(Threads REQUIRED)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(dsabench_openmp INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
endif()
target_link_libraries(dsabench_openmp INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:DSABENCH_SHARED_RUNTIME>>,gomp,${DSABENCH_LIBGOMP}>
  Threads::Threads ${CMAKE_DL_LIBS})

# A linker that takes the 58 MB static OpenBLAS without a pause.
find_program(DSABENCH_LLD NAMES ld.lld)
if(DSABENCH_LLD)
  target_link_options(dsabench_options INTERFACE -fuse-ld=lld)
endif()
