#include "harness/run/peak_memory.h"

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace dsabench {
namespace {

/// The field `key` of a /proc file in kB, as bytes; `missing` where there is none.
std::int64_t proc_bytes(const char* path, std::string_view key, std::int64_t missing) {
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    if (!line.starts_with(key)) continue;
    std::istringstream rest(line.substr(key.size()));
    std::int64_t kilobytes = 0;
    if (rest >> kilobytes) return kilobytes * 1024;
  }
  return missing;
}

}  // namespace

void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5";  // 5: the peak of the resident set
}

std::int64_t peak_memory_bytes() { return proc_bytes("/proc/self/status", "VmHWM:", 0); }

std::int64_t available_memory_bytes() { return proc_bytes("/proc/meminfo", "MemAvailable:", -1); }

}  // namespace dsabench
