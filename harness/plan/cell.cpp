#include "harness/plan/cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "results/identity.h"

namespace dsabench {

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::prefill:
      return "prefill";
    case Phase::decode:
      return "decode";
    case Phase::generate:
      return "generate";
  }
  return "?";
}

Phase parse_phase(std::string_view name) {
  if (name == "prefill") return Phase::prefill;
  if (name == "decode") return Phase::decode;
  throw InvalidArgument(fmt::format("unknown phase '{}'; there are: prefill, decode", name));
}

std::string canonical_json(const Cell& cell) {
  static const Cell defaults;
  nlohmann::json json = nlohmann::json::object();  // keeps its keys sorted
  const auto put = [&json](const char* key, const auto& value, const auto& fallback) {
    if (value != fallback) json[key] = value;
  };
  put("model", cell.model, defaults.model);
  put("config_hash", cell.config_hash, defaults.config_hash);
  put("pattern", cell.pattern, defaults.pattern);
  put("suite", cell.suite, defaults.suite);
  put("suite_version", cell.suite_version, defaults.suite_version);
  put("tasks", cell.tasks, defaults.tasks);
  put("samples_per_task", cell.samples_per_task, defaults.samples_per_task);
  put("context_tokens", cell.context_tokens, defaults.context_tokens);
  put("decode_tokens", cell.decode_tokens, defaults.decode_tokens);
  if (cell.phase != defaults.phase) json["phase"] = phase_name(cell.phase);
  put("batch", cell.batch, defaults.batch);
  put("device_kind", cell.device_kind, defaults.device_kind);
  put("dtype", cell.dtype, defaults.dtype);
  put("indexer_mode", cell.indexer_mode, defaults.indexer_mode);
  put("cache_format", cell.cache_format, defaults.cache_format);
  put("chunk_tokens", cell.chunk_tokens, defaults.chunk_tokens);
  put("dense_attention", cell.dense_attention, defaults.dense_attention);
  put("graphs", cell.graphs, defaults.graphs);
  put("picks", cell.picks, defaults.picks);
  put("sampling", cell.sampling, defaults.sampling);
  put("data_seed", cell.data_seed, defaults.data_seed);
  if (cell.weights_seed) json["weights_seed"] = *cell.weights_seed;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string cell_id(const Cell& cell) { return content_hash(canonical_json(cell)); }

CellRecord to_record(const Cell& cell) {
  CellRecord record;
  record.canonical_json = canonical_json(cell);
  record.cell_id = content_hash(record.canonical_json);
  record.model = cell.model;
  record.pattern = cell.pattern;
  record.suite = cell.suite;
  record.phase = phase_name(cell.phase);
  record.device_kind = cell.device_kind;
  record.dtype = cell.dtype;
  record.indexer_mode = cell.indexer_mode;
  record.picks = cell.picks;
  record.context_tokens = cell.context_tokens;
  record.batch = cell.batch;
  return record;
}

std::int64_t num_full_layers(const Cell& cell) {
  return std::count(cell.pattern.begin(), cell.pattern.end(), 'F');
}

std::string describe(const Cell& cell) {
  std::string text = fmt::format("{} {} {} tokens, {}/{} F", cell.suite, phase_name(cell.phase),
                                 cell.context_tokens, num_full_layers(cell), cell.pattern.size());
  if (cell.batch != 1) text += fmt::format(", batch {}", cell.batch);
  if (cell.indexer_mode != "exact") text += ", " + cell.indexer_mode;
  if (cell.dense_attention) text += ", dense";
  return text;
}

}  // namespace dsabench
