#pragma once
#include <cstdint>

namespace dsabench::cuda {

/// Address within shared memory, as instructions on it take one.
__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

}  // namespace dsabench::cuda
