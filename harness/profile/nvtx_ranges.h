#pragma once

namespace dsabench {

/// Ranges of the calling thread as Nsight shows them (NVTX): nothing in builds without the CUDA
/// toolkit, and next to nothing where nobody listens. Each push has its pop.
void nvtx_push(const char* name) noexcept;
void nvtx_pop() noexcept;

}  // namespace dsabench
