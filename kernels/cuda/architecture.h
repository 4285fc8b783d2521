#pragma once

namespace dsabench::cuda {

/// Whether `kernel`, a __global__ function whose body is compiled for sm_90a alone, can run on the
/// current device: a Hopper GPU, and a build that holds code for it.
bool runs_on_sm90a(const void* kernel);

/// Multiprocessors of the current device.
int num_multiprocessors();

}  // namespace dsabench::cuda
