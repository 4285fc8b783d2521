#include "harness/profile/run_ceilings.h"

#include <fmt/format.h>

#include "harness/run/peak_memory.h"
#include "kernels/base/error.h"
#include "kernels/ceilings/ceilings.h"

namespace dsabench {
namespace {

/// What the CPU's measurements take at most, twice over.
constexpr std::int64_t kHostBytes = std::int64_t{4} << 30;

}  // namespace

std::vector<Ceiling> measure_run_ceilings(Device device) {
  const std::int64_t available = available_memory_bytes();
  if (device.is_cpu() && available >= 0 && available < kHostBytes) {
    return {{.name = "copy",
             .unit = "bytes",
             .note = fmt::format("not measured: {} bytes of memory are available, {} wanted",
                                 available, kHostBytes)}};
  }
  std::vector<Ceiling> ceilings;
  try {
    for (MeasuredCeiling& measured : measure_ceilings(device)) {
      ceilings.push_back({.name = std::move(measured.name),
                          .unit = std::move(measured.unit),
                          .work = measured.work,
                          .nanoseconds = measured.nanoseconds,
                          .note = std::move(measured.note)});
    }
  } catch (const Error& error) {
    ceilings.push_back(
        {.name = "copy", .unit = "bytes", .note = fmt::format("not measured: {}", error.what())});
  }
  return ceilings;
}

std::string describe(const std::vector<Ceiling>& ceilings) {
  std::string text;
  for (const Ceiling& ceiling : ceilings) {
    if (!text.empty()) text += ", ";
    if (ceiling.nanoseconds <= 0) {
      text += fmt::format("{} {}", ceiling.name, ceiling.note);
      continue;
    }
    const double giga =
        static_cast<double>(ceiling.work) / static_cast<double>(ceiling.nanoseconds);
    text += fmt::format("{} {:.4g} {}{}/s", ceiling.name, giga >= 1e3 ? giga * 1e-3 : giga,
                        giga >= 1e3 ? 'T' : 'G', ceiling.unit == "bytes" ? "B" : ceiling.unit);
  }
  return text;
}

}  // namespace dsabench
