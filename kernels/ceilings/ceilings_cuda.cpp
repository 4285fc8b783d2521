#include <fmt/format.h>

#include <cmath>

#include "kernels/ceilings/ceiling_kernels.h"
#include "kernels/ceilings/ceiling_sampling.h"
#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/device_queue.h"
#include "kernels/cuda/stream.h"
#include "kernels/ops/fill_normal.h"

namespace dsabench {
namespace {

constexpr CeilingTiming kTiming{
    .warm_up_ns = 50'000'000, .sampling_ns = 100'000'000, .min_samples = 9};
/// Left for what the process allocates beside: libraries load their code when they are first used.
constexpr std::size_t kSpareBytes = std::size_t{512} << 20;

/// Device memory beside the queue's pool, which would keep it. Waits for the device at both ends.
class Memory {
 public:
  explicit Memory(std::int64_t bytes) {
    std::size_t free = 0, total = 0;
    DSABENCH_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    if (static_cast<std::size_t>(bytes) + kSpareBytes > free) {
      throw OutOfMemory(fmt::format("{} bytes wanted, {} bytes are free", bytes, free), bytes);
    }
    DSABENCH_CUDA_CHECK(cudaMalloc(&data_, static_cast<std::size_t>(bytes)));
  }
  ~Memory() { DSABENCH_CUDA_CHECK_NOEXCEPT(cudaFree(data_)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
};

/// What the measurements of one device share.
class Ceilings {
 public:
  explicit Ceilings(Device device)
      : guard_((cuda::device_queue(device), device.ordinal)) {  // says what is missing
    ctx_.device = device;
    ctx_.stream = stream_.get();
  }

  void matrix(MeasuredCeiling& ceiling, DType dtype) {
    constexpr std::int64_t kSize = 8192, kCount = kSize * kSize;
    const DType out = dtype == DType::f32 ? DType::f32 : DType::bf16;
    const Memory a(kCount * dtype_bytes(dtype)), b(kCount * dtype_bytes(dtype)),
        c(kCount * dtype_bytes(out));
    fill(a, dtype, kCount, 0);
    fill(b, dtype, kCount, 1);
    const cuda::Launch launch(ctx_, "ceiling");
    const cuda::Product product{.fp8_inputs = dtype == DType::f8_e4m3,
                                .bf16_inputs = dtype == DType::bf16,
                                .bf16_output = out == DType::bf16,
                                .m = kSize,
                                .n = kSize,
                                .k = kSize,
                                .a = {a.data(), kSize, 0},
                                .b = {b.data(), kSize, 0},
                                .c = {c.data(), kSize, 0}};
    ceiling.nanoseconds = median([&] { cuda::multiply(launch, product); });
    ceiling.work = 2 * kSize * kCount;
    ceiling.note = fmt::format("cuBLASLt, {}^3, {} to {}, random data", kSize, dtype_name(dtype),
                               dtype_name(out));
  }

  void copy(MeasuredCeiling& ceiling) {
    constexpr std::int64_t kBytes = std::int64_t{1} << 30;
    const Memory from(kBytes), to(kBytes);
    DSABENCH_CUDA_CHECK(cudaMemsetAsync(from.data(), 1, kBytes, stream_.get()));
    ceiling.nanoseconds = median([&] {
      DSABENCH_CUDA_CHECK(
          cudaMemcpyAsync(to.data(), from.data(), kBytes, cudaMemcpyDeviceToDevice, stream_.get()));
    });
    ceiling.work = 2 * kBytes;
    ceiling.note = "read and written: 1 GiB";
  }

  void gather(MeasuredCeiling& ceiling) {
    const Memory table(GatherCeiling::kTableBytes), never(sizeof(unsigned));
    DSABENCH_CUDA_CHECK(
        cudaMemsetAsync(table.data(), 0, GatherCeiling::kTableBytes, stream_.get()));
    ceiling.nanoseconds = median(
        [&] { gather_rows(table.data(), static_cast<unsigned*>(never.data()), stream_.get()); });
    ceiling.work = GatherCeiling::kBytesRead;
    ceiling.note = fmt::format("read: random rows of {} bytes from {}", GatherCeiling::kRowBytes,
                               GatherCeiling::kRows);
  }

 private:
  void fill(const Memory& memory, DType dtype, std::int64_t count, std::uint64_t stream) {
    if (dtype != DType::f8_e4m3) {
      return ops::fill_normal(
          ctx_, {.out = {memory.data(), dtype, {count}, ctx_.device}, .seed = 1, .stream = stream});
    }
    fill_normal_e4m3(static_cast<std::uint8_t*>(memory.data()), count,
                     ops::normal_stream(1, stream), stream_.get());
  }

  template <class Operation>
  std::int64_t median(Operation&& operation) {
    return median_time(kTiming, [&] {
      start_.record(stream_.get());
      operation();
      stop_.record(stream_.get());
      return static_cast<std::int64_t>(
          std::llround(static_cast<double>(stop_.milliseconds_since(start_)) * 1e6));
    });
  }

  cuda::DeviceGuard guard_;
  cuda::Stream stream_;
  cuda::Event start_, stop_;
  Context ctx_;
};

}  // namespace

std::vector<MeasuredCeiling> measure_cuda_ceilings(Device device) {
  Ceilings ceilings(device);
  std::vector<MeasuredCeiling> measured;
  for (const DType dtype : {DType::bf16, DType::f8_e4m3, DType::f32}) {
    measured.push_back(
        try_ceiling(fmt::format("matrix_{}", dtype_name(dtype)), "FLOP",
                    [&](MeasuredCeiling& ceiling) { ceilings.matrix(ceiling, dtype); }));
  }
  measured.push_back(
      try_ceiling("copy", "bytes", [&](MeasuredCeiling& ceiling) { ceilings.copy(ceiling); }));
  measured.push_back(
      try_ceiling("gather", "bytes", [&](MeasuredCeiling& ceiling) { ceilings.gather(ceiling); }));
  return measured;
}

}  // namespace dsabench
