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

namespace {

/// Calls visit(key, field, the other's field) for every field that is plain text, number, list or
/// flag: all but `phase` and `weights_seed`. The one list of keys.
template <class AnyCell, class Visit>
void for_each_plain_field(AnyCell& cell, const Cell& other, Visit&& visit) {
  const auto field = [&](const char* key, auto member) { visit(key, cell.*member, other.*member); };
  field("model", &Cell::model);
  field("config_hash", &Cell::config_hash);
  field("pattern", &Cell::pattern);
  field("layers", &Cell::layers);
  field("whole_pattern", &Cell::whole_pattern);
  field("whole_mlp", &Cell::whole_mlp);
  field("suite", &Cell::suite);
  field("suite_version", &Cell::suite_version);
  field("tasks", &Cell::tasks);
  field("samples_per_task", &Cell::samples_per_task);
  field("context_tokens", &Cell::context_tokens);
  field("decode_tokens", &Cell::decode_tokens);
  field("batch", &Cell::batch);
  field("prompts", &Cell::prompts);
  field("device_kind", &Cell::device_kind);
  field("dtype", &Cell::dtype);
  field("indexer_mode", &Cell::indexer_mode);
  field("cache_format", &Cell::cache_format);
  field("chunk_tokens", &Cell::chunk_tokens);
  field("dense_attention", &Cell::dense_attention);
  field("graphs", &Cell::graphs);
  field("picks", &Cell::picks);
  field("sampling", &Cell::sampling);
  field("data_seed", &Cell::data_seed);
}

const Cell& default_cell() {
  static const Cell cell;
  return cell;
}

Phase phase_of_record(const std::string& name) {
  return name == phase_name(Phase::generate) ? Phase::generate : parse_phase(name);
}

}  // namespace

std::string canonical_json(const Cell& cell) {
  nlohmann::json json = nlohmann::json::object();  // keeps its keys sorted
  const Cell& defaults = default_cell();
  for_each_plain_field(cell, defaults, [&](const char* key, const auto& value, const auto& unset) {
    if (value != unset) json[key] = value;
  });
  if (cell.phase != defaults.phase) json["phase"] = phase_name(cell.phase);
  if (cell.weights_seed) json["weights_seed"] = *cell.weights_seed;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Cell parse_canonical_cell(std::string_view text) try {
  nlohmann::json json = nlohmann::json::parse(text);
  if (!json.is_object()) throw InvalidArgument("a cell is no JSON object");
  Cell cell;
  const auto take = [&json](const char* key, auto& value, const auto&) {
    const auto found = json.find(key);
    if (found == json.end()) return;
    found->get_to(value);
    json.erase(found);
  };
  for_each_plain_field(cell, default_cell(), take);
  std::string phase;
  take("phase", phase, phase);
  if (!phase.empty()) cell.phase = phase_of_record(phase);
  if (std::uint64_t seed = 0; json.contains("weights_seed")) {
    take("weights_seed", seed, seed);
    cell.weights_seed = seed;
  }
  if (!json.empty()) {
    throw InvalidArgument(
        fmt::format("a cell has a field that this build does not know: {}", json.begin().key()));
  }
  return cell;
} catch (const nlohmann::json::exception& error) {
  throw InvalidArgument(fmt::format("a cell's canonical form: {}", error.what()));
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

std::int64_t num_prompts(const Cell& cell) { return cell.prompts == kOnePrompt ? 1 : cell.batch; }

const char* metric_of(const Cell& cell) {
  return cell.phase == Phase::decode ? "decode_step" : "prefill";
}

std::string describe(const Cell& cell) {
  std::string text = fmt::format("{} {} {} tokens, {}/{} F", cell.suite, phase_name(cell.phase),
                                 cell.context_tokens, num_full_layers(cell), cell.pattern.size());
  if (!cell.layers.empty()) {
    text += fmt::format(", layers {} of {}", cell.layers, cell.whole_pattern.size());
  }
  if (cell.batch != 1) text += fmt::format(", batch {}", cell.batch);
  if (cell.indexer_mode != "exact") text += ", " + cell.indexer_mode;
  if (cell.cache_format != cell.dtype) text += ", cache " + cell.cache_format;
  if (cell.dense_attention) text += ", dense";
  return text;
}

}  // namespace dsabench
