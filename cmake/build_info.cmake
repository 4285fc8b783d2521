# The build's identity: commit, dirty flag, compiler and flags, in a generated header that is
# rewritten at every build and touched only when something changed.

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type_upper)
set(build_cuda ${DSABENCH_HAVE_CUDA})
if(DSABENCH_HAVE_CUDA)
  list(JOIN CMAKE_CUDA_ARCHITECTURES " " architectures)
  set(build_cuda "${CMAKE_CUDA_COMPILER_VERSION} for ${architectures}")
endif()
add_custom_target(dsabench_build_info
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
          -DOUTPUT=${PROJECT_BINARY_DIR}/generated/dsabench_build_info.h
          -DVERSION=${PROJECT_VERSION} "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
          -DBUILD_TYPE=${CMAKE_BUILD_TYPE}
          "-DFLAGS=${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type_upper}}"
          -DSANITIZE=${DSABENCH_SANITIZE} "-DCUDA=${build_cuda}"
          -P ${PROJECT_SOURCE_DIR}/cmake/write_build_info.cmake
  BYPRODUCTS ${PROJECT_BINARY_DIR}/generated/dsabench_build_info.h
  COMMENT "Recording the build's identity" VERBATIM)
