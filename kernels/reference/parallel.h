#pragma once
#include <cstdint>

namespace dsabench::reference {

/// Products from which several threads are worth their start.
[[maybe_unused]] inline constexpr std::int64_t kMinParallelProducts = 1 << 20;

}  // namespace dsabench::reference
