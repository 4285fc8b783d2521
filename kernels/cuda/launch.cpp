#include "kernels/cuda/launch.h"

#include "kernels/cuda/device_buffer.h"

namespace dsabench::cuda {
namespace {

class StreamScratch : public DeviceScratch {
 public:
  enum class Contents { any, zero };

  StreamScratch(cudaStream_t stream, Contents contents) : stream_(stream), contents_(contents) {}

  void* take(std::int64_t bytes) override {
    if (buffer_.data() == nullptr || buffer_.bytes() < bytes) {
      buffer_ = DeviceBuffer();  // free first: the old scratch need not coexist with the new
      buffer_ = DeviceBuffer(bytes, stream_);
      if (contents_ == Contents::zero) {
        DSABENCH_CUDA_CHECK(
            cudaMemsetAsync(buffer_.data(), 0, static_cast<std::size_t>(bytes), stream_));
      }
    }
    return buffer_.data();
  }
  std::int64_t bytes() const override { return buffer_.bytes(); }

 private:
  cudaStream_t stream_;
  Contents contents_;
  DeviceBuffer buffer_;
};

}  // namespace

void* Launch::scratch(std::int64_t bytes) const {
  if (!ctx_.device_scratch) {
    ctx_.device_scratch = std::make_unique<StreamScratch>(stream(), StreamScratch::Contents::any);
  }
  return ctx_.device_scratch->take(bytes);
}

void* Launch::counters(std::int64_t bytes) const {
  if (!ctx_.device_counters) {
    ctx_.device_counters = std::make_unique<StreamScratch>(stream(), StreamScratch::Contents::zero);
  }
  return ctx_.device_counters->take(bytes);
}

}  // namespace dsabench::cuda
