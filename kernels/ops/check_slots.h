#pragma once
#include <string_view>

#include "kernels/base/check.h"

namespace dsabench::ops {

/// Throws InvalidArgument unless `slots` are i32 [tokens] and, on the CPU, each is -1 or one of
/// `rows` rows.
inline void check_slots(const Context& ctx, std::string_view op, const ConstTensorView& slots,
                        std::int64_t tokens, std::int64_t rows) {
  check_tensor(ctx, op, "slots", slots, DType::i32, {tokens});
  if (!ctx.device.is_cpu()) return;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::int32_t slot = slots.data<std::int32_t>()[t];
    if (slot >= -1 && slot < rows) continue;
    throw InvalidArgument(
        fmt::format("{}: slot {} is not -1 or a row of a cache of {}: {}", op, t, rows, slot));
  }
}

}  // namespace dsabench::ops
