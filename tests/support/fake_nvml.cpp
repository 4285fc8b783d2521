/// A libnvidia-ml.so.1 that answers from a script: the file that DSABENCH_FAKE_NVML names, a line a
/// key, "power_mw 600000 610000": a value a call, the last for ever; of two lines the second holds.
/// What it does not name is not supported. "init 999" fails to start; "pci" and "uuid" are the one
/// GPU's.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Result = int;
constexpr Result kSuccess = 0, kNotSupported = 3, kNotFound = 6;

/// The next value of `key`; nothing where the script has none.
std::optional<std::string> next(const std::string& key) {
  static std::mutex mutex;
  static std::map<std::string, std::size_t> calls;
  const std::lock_guard lock(mutex);
  const char* script = std::getenv("DSABENCH_FAKE_NVML");
  if (script == nullptr) return std::nullopt;
  std::ifstream stream(script);
  std::vector<std::string> values;
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != key) continue;
    values.clear();
    while (words >> word) values.push_back(word);
  }
  if (values.empty()) return std::nullopt;
  const std::size_t call = calls[std::string(script) + '\n' + key]++;
  return values[std::min(call, values.size() - 1)];
}

template <class Value>
Result number(const std::string& key, Value* value) {
  const std::optional<std::string> text = next(key);
  if (!text) return kNotSupported;
  *value = static_cast<Value>(std::stoull(*text, nullptr, 0));
  return kSuccess;
}

Result text(const std::string& key, char* to, unsigned length) {
  const std::optional<std::string> found = next(key);
  if (!found || found->size() >= length) return kNotSupported;
  std::memcpy(to, found->c_str(), found->size() + 1);
  return kSuccess;
}

Result find(const std::string& key, const char* id, void** handle) {
  static int gpu = 0;
  if (next(key) != std::string(id)) return kNotFound;
  *handle = &gpu;
  return kSuccess;
}

const char* const kClocks[] = {"graphics", "sm", "memory", "video"};

}  // namespace

extern "C" {
Result nvmlInit_v2() {
  unsigned code = 0;
  return number("init", &code) == kSuccess ? static_cast<Result>(code) : kSuccess;
}
const char* nvmlErrorString(Result result) {
  return result == kNotFound ? "Not Found" : "Scripted Error";
}
Result nvmlSystemGetDriverVersion(char* to, unsigned length) { return text("driver", to, length); }
Result nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** handle) {
  return find("pci", id, handle);
}
Result nvmlDeviceGetHandleByUUID(const char* id, void** handle) { return find("uuid", id, handle); }
Result nvmlDeviceGetUUID(void*, char* to, unsigned length) { return text("uuid", to, length); }
Result nvmlDeviceGetClockInfo(void*, int kind, unsigned* mhz) {
  return number(std::string(kClocks[kind]) + "_mhz", mhz);
}
Result nvmlDeviceGetMaxClockInfo(void*, int kind, unsigned* mhz) {
  return number(std::string("max_") + kClocks[kind] + "_mhz", mhz);
}
Result nvmlDeviceGetApplicationsClock(void*, int kind, unsigned* mhz) {
  return number(std::string("application_") + kClocks[kind] + "_mhz", mhz);
}
Result nvmlDeviceGetCurrentClocksEventReasons(void*, unsigned long long* bits) {
  return number("clock_limits", bits);
}
Result nvmlDeviceGetPowerUsage(void*, unsigned* milliwatts) {
  return number("power_mw", milliwatts);
}
Result nvmlDeviceGetEnforcedPowerLimit(void*, unsigned* milliwatts) {
  return number("power_limit_mw", milliwatts);
}
Result nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* millijoules) {
  return number("energy_mj", millijoules);
}
Result nvmlDeviceGetTemperature(void*, int, unsigned* degrees) {
  return number("temperature_c", degrees);
}
Result nvmlDeviceGetEccMode(void*, int* current, int* pending) {
  *pending = 0;
  return number("ecc", current);
}
Result nvmlDeviceGetMigMode(void*, unsigned* current, unsigned* pending) {
  *pending = 1;
  return number("mig", current);
}
Result nvmlDeviceGetPersistenceMode(void*, int* on) { return number("persistence", on); }
}
