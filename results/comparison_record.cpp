#include "results/comparison_record.h"

#include <array>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

constexpr std::array<const char*, 3> kArmNames = {"base", "twin", "candidate"};

}  // namespace

const char* arm_name(Arm arm) { return kArmNames.at(static_cast<std::size_t>(arm)); }

Arm parse_arm(const std::string& name) {
  for (std::size_t i = 0; i < kArmNames.size(); ++i) {
    if (name == kArmNames[i]) return static_cast<Arm>(i);
  }
  throw InvalidArgument("an arm is one of base, twin, candidate; got " + name);
}

}  // namespace dsabench
