#include "kernels/simd/vector_math.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "kernels/base/error.h"

namespace dsabench {
namespace isa_baseline {
extern const VectorMath kVectorMath;
}
#ifdef DSABENCH_X86_64
namespace isa_avx2 {
extern const VectorMath kVectorMath;
}
namespace isa_avx512 {
extern const VectorMath kVectorMath;
}
#endif

namespace {

struct Isa {
  const VectorMath* table;
  bool supported;
};

#ifdef DSABENCH_X86_64
bool cpu_has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool cpu_has_avx512() {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
}
std::array<Isa, 3> all_isas() {
  __builtin_cpu_init();
  return {{{&isa_baseline::kVectorMath, true},
           {&isa_avx2::kVectorMath, cpu_has_avx2()},
           {&isa_avx512::kVectorMath, cpu_has_avx512()}}};
}
#else
std::array<Isa, 1> all_isas() { return {{{&isa_baseline::kVectorMath, true}}}; }
#endif

const VectorMath& choose() {
  if (const char* forced = std::getenv("DSABENCH_CPU_ISA")) return vector_math_for(forced);
  return vector_math_for(supported_isas().back());
}

}  // namespace

const VectorMath& vector_math() {
  static const VectorMath& chosen = choose();
  return chosen;
}

const VectorMath& vector_math_for(std::string_view isa) {
  for (const Isa& candidate : all_isas()) {
    if (candidate.table->isa != isa) continue;
    if (candidate.supported) return *candidate.table;
    throw InvalidArgument(fmt::format("DSABENCH_CPU_ISA: this CPU has no {}; it has {}", isa,
                                      fmt::join(supported_isas(), ", ")));
  }
  throw InvalidArgument(fmt::format("DSABENCH_CPU_ISA: no instruction set is named '{}'; one of {}",
                                    isa, fmt::join(supported_isas(), ", ")));
}

std::vector<std::string_view> supported_isas() {
  std::vector<std::string_view> names;
  for (const Isa& candidate : all_isas()) {
    if (candidate.supported) names.emplace_back(candidate.table->isa);
  }
  return names;
}

}  // namespace dsabench
