# LibTorch 1.13 or newer, for train/ alone: Debian's libtorch-dev, or the libraries inside a PyTorch
# installation (-DDSABENCH_TORCH_ROOT=.../site-packages/torch). Its own CMake package is not used: it
# insists on the CUDA toolkit that PyTorch was built with.

set(DSABENCH_TORCH_ROOT "" CACHE PATH "Folder with LibTorch's include and lib")
find_path(DSABENCH_TORCH_INCLUDE NAMES ATen/ATen.h HINTS ${DSABENCH_TORCH_ROOT}/include REQUIRED)
foreach(library torch_cpu c10)
  find_library(DSABENCH_LIB_${library} NAMES ${library} HINTS ${DSABENCH_TORCH_ROOT}/lib REQUIRED)
endforeach()
# Absent from builds for the CPU. Nothing names a symbol of it: it registers itself when loaded.
find_library(DSABENCH_LIB_torch_cuda NAMES torch_cuda HINTS ${DSABENCH_TORCH_ROOT}/lib)

add_library(dsabench_torch INTERFACE)
target_include_directories(dsabench_torch SYSTEM INTERFACE
  ${DSABENCH_TORCH_INCLUDE} ${DSABENCH_TORCH_INCLUDE}/torch/csrc/api/include)
target_link_libraries(dsabench_torch INTERFACE ${DSABENCH_LIB_torch_cpu} ${DSABENCH_LIB_c10})
if(DSABENCH_LIB_torch_cuda)
  # Libraries that it needs lie elsewhere; the program finds them when it runs.
  target_link_options(dsabench_torch INTERFACE
    LINKER:--push-state,--no-as-needed,${DSABENCH_LIB_torch_cuda},--pop-state
    LINKER:--allow-shlib-undefined)
endif()
if(DSABENCH_TORCH_ROOT)
  target_link_options(dsabench_torch INTERFACE LINKER:-rpath,${DSABENCH_TORCH_ROOT}/lib)
endif()
