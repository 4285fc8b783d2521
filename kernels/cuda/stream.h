#pragma once
#include <utility>

#include "kernels/cuda/check.h"

namespace dsabench::cuda {

/// Makes a device current for its own lifetime.
class DeviceGuard {
 public:
  explicit DeviceGuard(int ordinal) {
    DSABENCH_CUDA_CHECK(cudaGetDevice(&previous_));
    if (ordinal != previous_) DSABENCH_CUDA_CHECK(cudaSetDevice(ordinal));
    changed_ = ordinal != previous_;
  }
  ~DeviceGuard() {
    if (changed_) DSABENCH_CUDA_CHECK_NOEXCEPT(cudaSetDevice(previous_));
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
  bool changed_ = false;
};

/// Owns a stream of the current device that does not wait for the default stream. Move-only.
class Stream {
 public:
  Stream() { DSABENCH_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() {
    if (stream_ != nullptr) DSABENCH_CUDA_CHECK_NOEXCEPT(cudaStreamDestroy(stream_));
  }
  Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }

  cudaStream_t get() const { return stream_; }
  /// Waits for all work given to the stream and throws the error it ended with.
  void synchronize() const { DSABENCH_CUDA_CHECK(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

/// Whether what is given to the stream becomes a graph instead of running.
inline bool is_capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  DSABENCH_CUDA_CHECK(cudaStreamIsCapturing(stream, &status));
  return status != cudaStreamCaptureStatusNone;
}

/// Owns a timing event of the current device. Not movable.
class Event {
 public:
  Event() { DSABENCH_CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() { DSABENCH_CUDA_CHECK_NOEXCEPT(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// While the stream is captured the event becomes part of the graph: each of its launches
  /// records it anew.
  void record(cudaStream_t stream) {
    const unsigned flags = is_capturing(stream) ? cudaEventRecordExternal : cudaEventRecordDefault;
    DSABENCH_CUDA_CHECK(cudaEventRecordWithFlags(event_, stream, flags));
  }
  /// Milliseconds from `start` to this event; waits for this event.
  float milliseconds_since(const Event& start) const {
    float milliseconds = 0.0f;
    DSABENCH_CUDA_CHECK(cudaEventSynchronize(event_));
    DSABENCH_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.event_, event_));
    return milliseconds;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace dsabench::cuda
