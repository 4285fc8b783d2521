#include "kernels/ops/sampling.h"

#include <cmath>

#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {
namespace {

void check(const SamplingParams& params) {
  if (!(params.temperature >= 0.0f) || !std::isfinite(params.temperature)) {
    throw InvalidArgument(fmt::format("sample: temperature must be finite and not negative, got {}",
                                      params.temperature));
  }
  if (params.top_k < 0) {
    throw InvalidArgument(fmt::format("sample: top_k must not be negative, got {}", params.top_k));
  }
  if (!(params.top_p > 0.0f && params.top_p <= 1.0f)) {
    throw InvalidArgument(fmt::format("sample: top_p must lie in (0, 1], got {}", params.top_p));
  }
}

}  // namespace

void argmax(const Context& ctx, const ArgmaxArgs& args) {
  check_tensor(ctx, "argmax", "logits", args.logits, DType::f32, {kAnySize, kAnySize});
  const std::int64_t rows = args.logits.dim(0);
  check_tensor(ctx, "argmax", "out", args.out, DType::i32, {rows});
  if (ctx.device.is_cpu()) return detail::argmax_cpu(args);
  detail::argmax_cuda(ctx, args);
}

void sample(const Context& ctx, const SampleArgs& args) {
  check_tensor(ctx, "sample", "logits", args.logits, DType::f32, {kAnySize, kAnySize});
  const std::int64_t rows = args.logits.dim(0);
  check_tensor(ctx, "sample", "stream", args.stream, DType::i64, {rows});
  check_tensor(ctx, "sample", "out", args.out, DType::i32, {rows});
  check(args.params);
  if (args.params.temperature == 0.0f) return argmax(ctx, {args.logits, args.out});
  if (ctx.device.is_cpu()) return detail::sample_cpu(ctx, args);
  throw_unsupported_device("sample", ctx);
}

}  // namespace dsabench::ops
