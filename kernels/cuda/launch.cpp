#include "kernels/cuda/launch.h"

#include "kernels/cuda/device_buffer.h"

namespace dsabench::cuda {
namespace {

class StreamScratch : public DeviceScratch {
 public:
  explicit StreamScratch(cudaStream_t stream) : stream_(stream) {}

  void* take(std::int64_t bytes) override {
    if (buffer_.data() == nullptr || buffer_.bytes() < bytes) {
      buffer_ = DeviceBuffer();  // free first: the old scratch need not coexist with the new
      buffer_ = DeviceBuffer(bytes, stream_);
    }
    return buffer_.data();
  }
  std::int64_t bytes() const override { return buffer_.bytes(); }

 private:
  cudaStream_t stream_;
  DeviceBuffer buffer_;
};

}  // namespace

void* Launch::scratch(std::int64_t bytes) const {
  if (!ctx_.device_scratch) ctx_.device_scratch = std::make_unique<StreamScratch>(stream());
  return ctx_.device_scratch->take(bytes);
}

}  // namespace dsabench::cuda
