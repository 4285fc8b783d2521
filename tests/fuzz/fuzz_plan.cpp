// Any text either is refused with an error of ours that names the file, or gives a plan that is
// stored and read back alike.
#include <cstdlib>
#include <string>

#include "harness/plan/plan_file.h"
#include "kernels/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace dsabench;
  const std::string text(reinterpret_cast<const char*>(data), size);
  RunPlan plan;
  try {
    plan = parse_plan_file("plan.json", text);
  } catch (const Error& error) {
    if (std::string(error.what()).rfind("plan.json", 0) != 0) std::abort();
    return 0;
  }
  // Cells are stored one by one: thousands of them show no more than some, and take seconds here.
  constexpr std::size_t kMaxStoredCells = 64;
  if (plan.sweep.entries.size() > kMaxStoredCells) return 0;
  const std::string stored = plan_json(plan);
  try {
    if (plan_json(parse_plan_json(stored)) != stored) std::abort();
  } catch (const Error&) {  // what was accepted must be accepted again
    std::abort();
  }
  return 0;
}
