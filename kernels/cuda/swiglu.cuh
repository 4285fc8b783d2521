#pragma once

namespace dsabench::cuda {

/// silu(gate) * up
__device__ __forceinline__ float swiglu(float gate, float up) {
  return gate / (1.0f + expf(-gate)) * up;
}

}  // namespace dsabench::cuda
