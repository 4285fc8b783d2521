#include "kernels/cuda/launch.h"
#include "kernels/ops/add.h"
#include "tests/support/catch.h"
#include "tests/support/cuda_test.h"
#include "tests/support/error_message.h"

using namespace dsabench;
using namespace dsabench::test;

TEST_CASE("cuda: device memory that is not there is an error that names the bytes") {
  CudaTest gpu;
  constexpr std::int64_t kBytes = std::int64_t{1} << 50;
  std::int64_t wanted = 0;
  const std::string message = message_of<OutOfMemory>([&] {
    try {
      gpu.make(DType::u8, {kBytes});
    } catch (const OutOfMemory& error) {
      wanted = error.bytes();
      throw;
    }
  });
  CAPTURE(message);
  CHECK(wanted == kBytes);
  CHECK(contains(message, std::to_string(kBytes)));
  CHECK(contains(message, "are free"));
  // The failure leaves nothing behind.
  CHECK_NOTHROW(cuda::check_launch("nothing", nullptr));
  CHECK_NOTHROW(gpu.make(DType::u8, {1024}));
}

TEST_CASE("cuda: a failed call names itself, its place and its error, once") {
  const std::string message =
      message_of<CudaError>([] { DSABENCH_CUDA_CHECK(cudaSetDevice(4711)); });
  CAPTURE(message);
  CHECK(contains(message, "cudaSetDevice(4711)"));
  CHECK(contains(message, "device_memory_cuda_test.cpp"));
  CHECK(contains(message, "cudaErrorInvalidDevice"));
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("cuda: a tensor survives the way there and back, and copies refuse what does not fit") {
  DSABENCH_SEEDED(random);
  CudaTest gpu;
  const Tensor host = random.normal_tensor({3, 1000});
  const Tensor back = gpu.get(gpu.put(host));
  CHECK(std::memcmp(host.view().raw(), back.view().raw(), static_cast<std::size_t>(host.bytes())) ==
        0);
  const TensorView other = gpu.make(DType::bf16, {3, 1000});
  CHECK_THROWS_AS(cuda::copy(other, host.view(), gpu.stream().get()), InvalidArgument);
  CHECK_THROWS_AS(
      cuda::copy(gpu.make(DType::f32, {3, 500}), host.view().columns(0, 500), gpu.stream().get()),
      InvalidArgument);
}

TEST_CASE("cuda: operators refuse mixed types and tensors of the host") {
  CudaTest gpu;
  Tensor host(DType::f32, {2, 2});
  const TensorView f32 = gpu.make(DType::f32, {2, 2}), bf16 = gpu.make(DType::bf16, {2, 2}),
                   f16 = gpu.make(DType::f16, {2, 2});
  CHECK_THROWS_AS(ops::add(gpu.ctx, {f32, bf16}), InvalidArgument);
  CHECK_THROWS_AS(ops::add(gpu.ctx, {bf16, f32}), InvalidArgument);
  CHECK_THROWS_AS(ops::add(gpu.ctx, {f16, f16}), InvalidArgument);
  CHECK_THROWS_AS(ops::add(gpu.ctx, {f32, host.view()}), InvalidArgument);
  CHECK_THROWS_AS(ops::add(Context(), {bf16, bf16}), InvalidArgument);
}

TEST_CASE("cuda: scratch grows, stays and is not taken where it suffices") {
  CudaTest gpu;
  const cuda::Launch launch(gpu.ctx, "test");
  void* first = launch.scratch(1 << 20);
  CHECK(launch.scratch(1 << 10) == first);
  CHECK(gpu.ctx.device_scratch->bytes() == 1 << 20);
  launch.scratch(1 << 22);
  CHECK(gpu.ctx.device_scratch->bytes() == 1 << 22);
}
