#pragma once
#include "kernels/cuda/check.h"

namespace dsabench::cuda {

/// Work that was given to a stream once, to be given again as a whole: one launch instead of many.
/// Kernels run again with the arguments that they had; what these point to may change between.
/// Owns the executable graph of the current device. Not movable.
class Graph {
 public:
  /// Records what `body()` gives to `stream`; nothing of it runs yet. `body` must neither wait nor
  /// allocate: run it once before.
  template <class Body>
  Graph(cudaStream_t stream, Body&& body) {
    DSABENCH_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    cudaGraph_t graph = nullptr;
    try {
      body();
    } catch (...) {
      // The stream leaves its recording whatever became of it; the first error is the one to tell.
      if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
      cudaGetLastError();
      throw;
    }
    DSABENCH_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
    const cudaError_t error = cudaGraphInstantiate(&executable_, graph, 0);
    DSABENCH_CUDA_CHECK_NOEXCEPT(cudaGraphDestroy(graph));
    DSABENCH_CUDA_CHECK(error);
  }
  ~Graph() { DSABENCH_CUDA_CHECK_NOEXCEPT(cudaGraphExecDestroy(executable_)); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) const {
    DSABENCH_CUDA_CHECK(cudaGraphLaunch(executable_, stream));
  }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace dsabench::cuda
