#include "results/store/process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace dsabench::store {
namespace {

std::string current_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

/// When a process started, in clock ticks since boot; -1 where it has ended.
std::int64_t start_of(std::int64_t process_id) {
  std::ifstream file(fmt::format("/proc/{}/stat", process_id));
  std::string line;
  if (!std::getline(file, line)) return -1;
  // The name in parentheses is the second field and may hold anything.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return -1;
  std::istringstream fields(line.substr(name_end + 1));
  std::string state, skipped;
  fields >> state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  std::int64_t start = -1;
  if (state == "Z" || state == "X" || !(fields >> start)) return -1;
  return start;
}

}  // namespace

ProcessMark current_process() {
  const std::int64_t process_id = getpid();
  return {process_id, start_of(process_id), current_boot_id()};
}

bool is_alive(const ProcessMark& mark) {
  return mark.boot_id == current_boot_id() && mark.process_start >= 0 &&
         start_of(mark.process_id) == mark.process_start;
}

}  // namespace dsabench::store
