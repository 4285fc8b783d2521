#include "results/report/reproduction_setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "results/report/foreign_json.h"

namespace dsabench::report {
namespace {

using nlohmann::json;
using published::Quantity;

/// The machines of a run, each once.
std::vector<json> machines_of(const RunRecord& run) {
  std::vector<std::string> ids{run.machine_id};
  std::vector<json> machines{parse_object(run.machine_json)};
  for (const Continuation& next : run.continuations) {
    if (std::find(ids.begin(), ids.end(), next.machine_id) != ids.end()) continue;
    ids.push_back(next.machine_id);
    machines.push_back(parse_object(next.machine_json));
  }
  return machines;
}

/// Null where the machine does not name it.
json gpu_of(const json& machine, int ordinal) {
  const auto gpus = machine.find("gpus");
  const auto index = static_cast<std::size_t>(ordinal);
  if (gpus == machine.end() || !gpus->is_array() || index >= gpus->size()) return {};
  return gpus->at(index);
}

/// A foreign value as text.
std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return "?";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::int64_t memory_of(const json& gpu) {
  if (!gpu.is_object() || !gpu.contains("memory_bytes")) return 0;
  const json& bytes = gpu.at("memory_bytes");
  return bytes.is_number_integer() ? bytes.get<std::int64_t>() : 0;
}

std::string hardware_of(const json& machine, int gpu) {
  if (gpu < 0) {
    return fmt::format("{} threads of {} (CPU)", text_of(machine, "threads"),
                       text_of(machine, "cpu_model"));
  }
  const json device = gpu_of(machine, gpu);
  if (!device.is_object()) return "an unknown GPU";
  return fmt::format("1 x {} ({:.0f} GB)", text_of(device, "name"),
                     double(memory_of(device)) / 1e9);
}

}  // namespace

std::string our_hardware(const ReproductionRun& run) {
  std::vector<std::string> names;
  for (const json& machine : machines_of(run.results.run)) {
    const std::string name = hardware_of(machine, run.gpu);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, " and "));
}

std::string published_hardware() {
  const published::Setting& setting = published::index_cache().setting;
  return fmt::format("{} ({:.0f} GB each), {}", setting.hardware,
                     double(setting.gpu_memory_bytes) / 1e9, setting.software);
}

std::int64_t gpu_memory_bytes(const ReproductionRun& run) {
  if (run.gpu < 0) return 0;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const json& machine : machines_of(run.results.run)) {
    least = std::min(least, memory_of(gpu_of(machine, run.gpu)));
  }
  return least;
}

std::string canonical_field(const CellRecord& cell, const char* key) {
  const json fields = parse_object(cell.canonical_json);
  const auto found = fields.find(key);
  if (found == fields.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::optional<Quantity> quantity_of(const CellRecord& cell) {
  const bool decode = cell.phase == "decode";
  if (!decode && cell.phase != "prefill") return std::nullopt;
  if (decode && canonical_field(cell, "prompts") == "one") return Quantity::decode_full;
  if (cell.batch != 1) return std::nullopt;
  return decode ? Quantity::decode : Quantity::prefill;
}

std::string origin_note(const published::Origin& origin) {
  return fmt::format("published: {}, {} ({})", published::index_cache().paper, origin.source,
                     origin.reading);
}

std::string model_note(const ReproductionRun& run) {
  if (run.same_model || run.results.plan.empty()) return "";
  if (const auto slice = slice_of(run.results.plan.front().cell)) {
    return fmt::format("nothing is compared: of {} {} alone were measured",
                       run.results.plan.front().cell.model, describe(*slice));
  }
  return fmt::format("nothing is compared: the published figures are of another model ({}) than {}",
                     published::index_cache().setting.model, run.results.plan.front().cell.model);
}

}  // namespace dsabench::report
