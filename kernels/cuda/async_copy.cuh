#pragma once
/// Copies from global to shared memory that a thread starts and later waits for (sm_80 and newer).
#include <cstdint>

namespace dsabench::cuda {

/// 16 bytes, or zeros where !valid (`from` is then not read but must be a good address).
__device__ __forceinline__ void copy_async16(std::uint32_t to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void copy_async4(std::uint32_t to, const void* from, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from),
               "r"(valid ? 4 : 0)
               : "memory");
}

/// Until every copy that this thread started is done.
__device__ __forceinline__ void copies_wait() { asm volatile("cp.async.wait_all;" ::: "memory"); }

/// Ends a group of copies, which may be empty.
__device__ __forceinline__ void copies_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Until all groups that this thread ended, but the last kLeft, are done.
template <int kLeft>
__device__ __forceinline__ void copies_wait_but() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

}  // namespace dsabench::cuda
