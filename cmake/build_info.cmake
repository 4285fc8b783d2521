# The build's identity: commit, dirty flag, compiler and flags, in a generated header that is
# rewritten at every build and touched only when something changed.

add_custom_target(dsabench_build_info
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
          -DOUTPUT=${PROJECT_BINARY_DIR}/generated/dsabench_build_info.h
          -DVERSION=${PROJECT_VERSION} "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
          -DBUILD_TYPE=${CMAKE_BUILD_TYPE}
          "-DFLAGS=${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${CMAKE_BUILD_TYPE}}"
          -DSANITIZE=${DSABENCH_SANITIZE} -DCUDA=${DSABENCH_HAVE_CUDA}
          -P ${PROJECT_SOURCE_DIR}/cmake/write_build_info.cmake
  BYPRODUCTS ${PROJECT_BINARY_DIR}/generated/dsabench_build_info.h
  COMMENT "Recording the build's identity" VERBATIM)
