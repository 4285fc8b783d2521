#pragma once
/// Argument checks of the operators: made once, at the edge; kernels trust them.
#include <initializer_list>
#include <string_view>

#include "kernels/base/context.h"

namespace dsabench {

/// Matches any size in `check_tensor`.
inline constexpr std::int64_t kAnySize = -1;

/// "4, ?, 16": a wanted shape, for messages.
inline std::string shape_pattern(std::initializer_list<std::int64_t> shape) {
  std::string text;
  for (const std::int64_t dim : shape) {
    if (!text.empty()) text += ", ";
    text += dim == kAnySize ? "?" : std::to_string(dim);
  }
  return text;
}

/// The type that the activations and weights of a call share, read off one of them: f32, or on a
/// CUDA device bf16 too. Statistics, scores, softmax and sums are f32 in either case.
template <class Byte>
DType activation_dtype(const Context& ctx, const BasicTensorView<Byte>& view) {
  return !ctx.device.is_cpu() && view.dtype() == DType::bf16 ? DType::bf16 : DType::f32;
}

/// Throws InvalidArgument unless `view` lives on the context's device, has `dtype` and `shape`,
/// and its last dimension has stride 1. Leading dimensions may be strided.
template <class Byte>
void check_tensor(const Context& ctx, std::string_view op, std::string_view name,
                  const BasicTensorView<Byte>& view, DType dtype,
                  std::initializer_list<std::int64_t> shape) {
  bool fits = !view.empty() && view.dtype() == dtype &&
              view.rank() == static_cast<int>(shape.size()) && view.device() == ctx.device;
  int at = 0;
  for (const std::int64_t dim : shape) {
    if (!fits) break;
    fits = dim == kAnySize || view.dim(at) == dim;
    ++at;
  }
  fits = fits &&
         (view.rank() == 0 || view.dim(view.rank() - 1) <= 1 || view.stride(view.rank() - 1) == 1);
  if (!fits) {
    throw InvalidArgument(fmt::format("{}: {} must be {} [{}] on {}, got {} on {}", op, name,
                                      dtype_name(dtype), shape_pattern(shape), ctx.device.name(),
                                      view.empty() ? "nothing" : view.shape_string(),
                                      view.device().name()));
  }
}

/// Throws UnsupportedDevice: the operator has no implementation for the context's device.
[[noreturn]] inline void throw_unsupported_device(std::string_view op, const Context& ctx) {
  throw UnsupportedDevice(
      fmt::format("{} has no implementation for device {} in this build", op, ctx.device.name()));
}

}  // namespace dsabench
