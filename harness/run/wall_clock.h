#pragma once
#include <chrono>
#include <cstdint>

namespace dsabench {

/// Unix time, for records; times that are measured come from a steady clock.
inline std::int64_t unix_milliseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace dsabench
