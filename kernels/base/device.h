#pragma once
#include <charconv>
#include <string>
#include <string_view>

#include "kernels/base/error.h"

namespace dsabench {

/// Where a tensor lives and an operator runs: the CPU or one CUDA device.
struct Device {
  enum class Kind { cpu, cuda };
  Kind kind = Kind::cpu;
  int ordinal = 0;

  bool is_cpu() const { return kind == Kind::cpu; }
  bool operator==(const Device&) const = default;

  std::string name() const { return is_cpu() ? "cpu" : "cuda:" + std::to_string(ordinal); }

  /// Parses "cpu", "cuda" (= "cuda:0") or "cuda:N". Throws InvalidArgument.
  static Device parse(std::string_view text) {
    if (text == "cpu") return {};
    if (text == "cuda") return {Kind::cuda, 0};
    constexpr std::string_view prefix = "cuda:";
    if (text.starts_with(prefix)) {
      int ordinal = 0;
      const char* end = text.data() + text.size();
      const auto [last, error] = std::from_chars(text.data() + prefix.size(), end, ordinal);
      if (error == std::errc{} && last == end && ordinal >= 0) return {Kind::cuda, ordinal};
    }
    throw InvalidArgument("device '" + std::string(text) + "' is not one of cpu, cuda, cuda:N");
  }
};

}  // namespace dsabench
