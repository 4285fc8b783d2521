#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "kernels/base/context.h"
#include "kernels/ceilings/ceiling_sampling.h"
#include "kernels/ops/fill_normal.h"
#include "kernels/ops/gemm_cpu.h"
#include "kernels/ops/threads.h"

namespace dsabench {
namespace {

constexpr CeilingTiming kTiming{
    .warm_up_ns = 20'000'000, .sampling_ns = 100'000'000, .min_samples = 3};
constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;

template <class Action>
std::int64_t time_of(Action&& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() -
                                                              start)
      .count();
}

/// Squares that grow until one takes long enough for every thread to come up to speed.
void measure_matrix(MeasuredCeiling& ceiling) {
  constexpr std::int64_t kLongEnoughNs = 25'000'000, kLargest = 8192;
  for (std::int64_t n = 1024;; n *= 2) {
    Tensor a(DType::f32, {n, n}), b(DType::f32, {n, n}), c(DType::f32, {n, n});
    const Context ctx;
    ops::fill_normal(ctx, {.out = a, .seed = 1, .stream = 0});
    ops::fill_normal(ctx, {.out = b, .seed = 1, .stream = 1});
    const auto multiply = [&] {
      ops::detail::gemm_cpu(n, n, n, a.data<float>(), n, b.data<float>(), n,
                            ops::detail::GemmWeight::rows_are_outputs, c.data<float>(), n);
    };
    multiply();
    if (time_of(multiply) < kLongEnoughNs && n < kLargest) continue;
    ceiling.work = 2 * n * n * n;
    ceiling.nanoseconds = median_time(kTiming, [&] { return time_of(multiply); });
    ceiling.note = fmt::format("OpenBLAS ({}), {}^3, {} threads", ops::detail::gemm_cpu_kernels(),
                               n, ops::detail::max_threads());
    return;
  }
}

/// Several times the last cache, so that it holds little of either side.
std::int64_t copied_bytes() {
  const std::int64_t cache = std::max<std::int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE), 0);
  return std::clamp(4 * cache, 128 * kMebibyte, 512 * kMebibyte);
}

void measure_copy(MeasuredCeiling& ceiling) {
  const std::int64_t bytes = copied_bytes(), blocks = bytes / kMebibyte;
  Tensor from(DType::u8, {bytes}), to(DType::u8, {bytes});
  const auto each_block = [blocks](auto action) {
#pragma omp parallel for schedule(static)
    for (std::int64_t block = 0; block < blocks; ++block) action(block * kMebibyte);
  };
  // Each thread touches first what it copies later: the pages are then near it.
  each_block([&](std::int64_t at) {
    std::memset(from.view().raw() + at, 1, static_cast<std::size_t>(kMebibyte));
    std::memset(to.view().raw() + at, 2, static_cast<std::size_t>(kMebibyte));
  });
  ceiling.work = 2 * blocks * kMebibyte;
  ceiling.nanoseconds = median_time(kTiming, [&] {
    return time_of([&] {
      each_block([&](std::int64_t at) {
        std::memcpy(to.view().raw() + at, from.view().raw() + at,
                    static_cast<std::size_t>(kMebibyte));
      });
    });
  });
  ceiling.note =
      fmt::format("read and written: {} MiB, {} threads", blocks, ops::detail::max_threads());
}

}  // namespace

std::vector<MeasuredCeiling> measure_cpu_ceilings() {
  return {try_ceiling("matrix_f32", "FLOP", measure_matrix),
          try_ceiling("copy", "bytes", measure_copy)};
}

}  // namespace dsabench
