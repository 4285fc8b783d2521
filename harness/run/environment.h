#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace dsabench {

/// The machine as far as it changes a number: CPU model, cores, threads used, instruction set
/// chosen, memory, kernel, governor; of GPUs what they are, their driver and, where NVML says it,
/// power limit, clocks, ECC, persistence and MIG mode. Canonical JSON (sorted keys) and its hash.
struct Identity {
  std::string id, json;
};
Identity machine_identity();
/// Commit, dirty flag, compiler, flags, build type, sanitizers, CUDA.
Identity build_identity();
/// What may change from trial to trial: host name, load average, free memory. JSON.
std::string current_conditions();
/// Adds a key to what current_conditions gave.
void add_condition(std::string& conditions_json, const std::string& key,
                   const nlohmann::json& value);
/// A whole number that was added under this key; nothing where there is none.
std::optional<std::int64_t> find_condition(const std::string& conditions_json,
                                           const std::string& key);
/// Warnings for the user: debug or sanitizer build, load of other processes.
std::string environment_warning();

const char* tool_version();

}  // namespace dsabench
