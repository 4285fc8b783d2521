# Third-party libraries, all from the distribution's packages (docker/install-deps.sh), static or
# header-only, and included as SYSTEM.

find_package(fmt REQUIRED)
add_library(dsabench_fmt STATIC ${PROJECT_SOURCE_DIR}/cmake/fmt_library.cpp)
target_link_libraries(dsabench_fmt PRIVATE dsabench_options)
find_package(nlohmann_json 3.10 REQUIRED)
add_library(dsabench_json STATIC ${PROJECT_SOURCE_DIR}/cmake/json_library.cpp)
target_link_libraries(dsabench_json PUBLIC nlohmann_json::nlohmann_json PRIVATE dsabench_options)
# Under the sanitizers a third of the time, and the tests take no longer.
target_compile_options(dsabench_json PRIVATE $<$<BOOL:${DSABENCH_SANITIZE}>:-O0>)
set(DSABENCH_JSON ${PROJECT_SOURCE_DIR}/cmake/json_library.h)
find_package(CLI11 2.1 REQUIRED)
find_package(SQLiteCpp 3.2 REQUIRED)

# CBLAS of the OpenMP OpenBLAS: the pthread variant would start a second pool of threads.
find_library(DSABENCH_OPENBLAS_LIBRARY NAMES libopenblas.a
             PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
             /usr/lib/x86_64-linux-gnu/openblas-openmp /usr/lib/aarch64-linux-gnu/openblas-openmp
             NO_DEFAULT_PATH REQUIRED)
find_path(DSABENCH_OPENBLAS_INCLUDE NAMES cblas.h
          PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
          /usr/include/x86_64-linux-gnu/openblas-openmp /usr/include/aarch64-linux-gnu/openblas-openmp
          NO_DEFAULT_PATH REQUIRED)
add_library(dsabench_openblas INTERFACE)
target_include_directories(dsabench_openblas SYSTEM INTERFACE ${DSABENCH_OPENBLAS_INCLUDE})
get_filename_component(openblas_folder ${DSABENCH_OPENBLAS_LIBRARY} DIRECTORY)
target_link_libraries(dsabench_openblas INTERFACE
  $<IF:$<BOOL:$<TARGET_PROPERTY:DSABENCH_SHARED_RUNTIME>>,${openblas_folder}/libopenblas.so,${DSABENCH_OPENBLAS_LIBRARY}>
  dsabench_openmp m)

# SQLite as the .a, behind SQLiteCpp.
find_library(DSABENCH_SQLITE_LIBRARY NAMES libsqlite3.a REQUIRED)
find_library(DSABENCH_SQLITECPP_LIBRARY NAMES libSQLiteCpp.a REQUIRED)
add_library(dsabench_sqlite INTERFACE)
target_link_libraries(dsabench_sqlite INTERFACE ${DSABENCH_SQLITECPP_LIBRARY}
                      ${DSABENCH_SQLITE_LIBRARY} m ${CMAKE_DL_LIBS} Threads::Threads)

# UTF-8, read code point by code point.
find_library(DSABENCH_UTF8PROC_LIBRARY NAMES libutf8proc.a REQUIRED)
find_path(DSABENCH_UTF8PROC_INCLUDE NAMES utf8proc.h REQUIRED)
add_library(dsabench_utf8proc INTERFACE)
target_include_directories(dsabench_utf8proc SYSTEM INTERFACE ${DSABENCH_UTF8PROC_INCLUDE})
target_compile_definitions(dsabench_utf8proc INTERFACE UTF8PROC_STATIC)
target_link_libraries(dsabench_utf8proc INTERFACE ${DSABENCH_UTF8PROC_LIBRARY})

# XXH3 as a header (XXH_INLINE_ALL).
find_path(DSABENCH_XXHASH_INCLUDE NAMES xxhash.h REQUIRED)
