#pragma once

namespace dsabench::cuda {

/// Whether kernels whose bodies are compiled for sm_90a alone can run on the current device: it is
/// a Hopper GPU, and this build holds code for it.
bool has_sm90a();

/// Multiprocessors of the current device.
int num_multiprocessors();

}  // namespace dsabench::cuda
