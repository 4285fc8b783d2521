#include "harness/run/environment.h"

#include <dsabench_build_info.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "harness/profile/nvml.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_list.h"
#include "kernels/simd/cpu_runtime.h"
#include "results/identity.h"

namespace dsabench {
namespace {

/// First line of `path` whose key, before the colon, is `key`; the text after the colon.
std::string field_of(const char* path, std::string_view key) {
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(key)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

std::string first_line(const char* path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  return line;
}

std::int64_t usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return sysconf(_SC_NPROCESSORS_ONLN);
  return CPU_COUNT(&set);
}

/// What NVML says of a GPU beside what the CUDA driver says.
void add_settings(nlohmann::json& entry, const Nvml& nvml, const cuda::DeviceInfo& gpu) {
  DeviceSettings settings;
  try {
    settings = nvml.settings(gpu);
  } catch (const UnsupportedDevice&) {
    return;
  }
  const auto add = [&entry](const char* key, const auto& value) {
    if (value) entry[key] = *value;
  };
  if (!settings.driver_version.empty()) entry["driver"] = settings.driver_version;
  add("power_limit_mw", settings.power_limit_mw);
  add("max_sm_mhz", settings.max_sm_mhz);
  add("max_memory_mhz", settings.max_memory_mhz);
  add("application_sm_mhz", settings.application_sm_mhz);
  add("application_memory_mhz", settings.application_memory_mhz);
  add("ecc", settings.ecc);
  add("persistence", settings.persistence);
  add("mig", settings.mig);
}

Identity identity_of(const nlohmann::json& document) {
  Identity identity;
  identity.json = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  identity.id = content_hash(identity.json);
  return identity;
}

}  // namespace

Identity machine_identity() {
  utsname system{};
  uname(&system);
  const CpuRuntime runtime = cpu_runtime();
  std::string cpu = field_of("/proc/cpuinfo", "model name");
  if (cpu.empty()) cpu = field_of("/proc/cpuinfo", "CPU part");
  nlohmann::json document = {
      {"cpu_model", cpu},
      {"architecture", system.machine},
      {"cpus_online", sysconf(_SC_NPROCESSORS_ONLN)},
      {"cpus_usable", usable_cpus()},
      {"threads", runtime.threads},
      {"isa", runtime.isa},
      {"blas_kernels", runtime.blas_kernels},
      {"memory_bytes", sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE)},
      {"kernel", fmt::format("{} {}", system.sysname, system.release)},
      {"governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
  };
  // Variables that change how fast the CPU path runs.
  nlohmann::json variables = nlohmann::json::object();
  for (const char* name :
       {"OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES", "OMP_WAIT_POLICY", "GOMP_CPU_AFFINITY",
        "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "DSABENCH_CPU_ISA"}) {
    if (const char* value = std::getenv(name)) variables[name] = value;
  }
  document["variables"] = variables;
  const cuda::DeviceList gpus = cuda::list_devices();
  std::optional<Nvml> nvml;
  try {
    if (!gpus.devices.empty()) nvml.emplace();
  } catch (const UnsupportedDevice&) {  // the settings are then not known, and left out
  }
  for (const cuda::DeviceInfo& gpu : gpus.devices) {
    nlohmann::json entry = {{"name", gpu.name},
                            {"compute", fmt::format("{}.{}", gpu.compute_major, gpu.compute_minor)},
                            {"multiprocessors", gpu.num_multiprocessors},
                            {"memory_bytes", gpu.memory_bytes}};
    if (nvml) add_settings(entry, *nvml, gpu);
    document["gpus"].push_back(entry);
  }
  if (!gpus.devices.empty()) document["cuda_driver"] = gpus.driver_version;
  return identity_of(document);
}

Identity build_identity() {
  return identity_of({
      {"version", DSABENCH_VERSION},
      {"git_commit", DSABENCH_GIT_COMMIT},
      {"git_dirty", DSABENCH_GIT_DIRTY != 0},
      {"compiler", DSABENCH_COMPILER},
      {"build_type", DSABENCH_BUILD_TYPE},
      {"flags", DSABENCH_BUILD_FLAGS},
      {"sanitize", DSABENCH_BUILD_SANITIZE},
      {"cuda", DSABENCH_BUILD_CUDA},
  });
}

std::string current_conditions() {
  double load[3] = {-1, -1, -1};
  if (getloadavg(load, 3) < 1) load[0] = -1;
  utsname system{};
  uname(&system);
  const nlohmann::json document = {
      {"host", system.nodename},
      {"load_average_1min", load[0]},
      {"memory_available", field_of("/proc/meminfo", "MemAvailable")},
  };
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void add_condition(std::string& conditions_json, const std::string& key,
                   const nlohmann::json& value) {
  nlohmann::json document = nlohmann::json::object();
  if (!conditions_json.empty()) document = nlohmann::json::parse(conditions_json);
  document[key] = value;
  conditions_json = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<std::int64_t> find_condition(const std::string& conditions_json,
                                           const std::string& key) {
  const auto document = nlohmann::json::parse(conditions_json, nullptr, false);
  const auto found = document.is_object() ? document.find(key) : document.end();
  if (found == document.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::string environment_warning() {
  std::string warning;
  const auto warn = [&](std::string_view text) {
    if (!warning.empty()) warning += "; ";
    warning += text;
  };
  if (std::string_view(DSABENCH_BUILD_SANITIZE) == "ON") warn("built with sanitizers");
  if (std::string_view(DSABENCH_BUILD_TYPE) == "Debug") warn("a debug build");
  double load = 0.0;
  if (getloadavg(&load, 1) == 1 && load > 0.5 * static_cast<double>(usable_cpus())) {
    warn(fmt::format("the machine is busy: load average {:.1f} on {} CPUs", load, usable_cpus()));
  }
  return warning;
}

const char* tool_version() { return DSABENCH_VERSION; }

}  // namespace dsabench
