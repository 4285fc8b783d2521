#include <fmt/format.h>

#include "engine/model/layer_pattern.h"
#include "engine/model/model_preset.h"
#include "harness/cli/result_output.h"
#include "harness/cli/results_database.h"
#include "harness/run/wall_clock.h"
#include "harness/target/builtin_checkpoints.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_list.h"
#include "kernels/cuda/device_queue.h"
#include "suites/suite.h"

namespace dsabench {
namespace {

Field seconds_taken(const RunRecord& run) {
  if (run.finished_ms == 0) return {};
  return double(run.finished_ms - run.started_ms) / 1e3;
}

Table list_models() {
  Table table;
  table.title = "Models";
  table.columns = {{"name", "Name", ""},       {"parameters", "Parameters", "M", 1},
                   {"layers", "Layers", ""},   {"max_positions", "Positions", ""},
                   {"weights", "Weights", ""}, {"description", "Description", ""}};
  const auto add = [&table](const ModelConfig& config, const std::string& name, const char* weights,
                            const std::string& description) {
    table.rows.push_back({name, double(config.num_parameters()) / 1e6, config.num_layers,
                          config.max_positions, weights, description});
  };
  for (const BuiltinCheckpoint& model : builtin_checkpoints()) {
    add(parse_model_config(std::string(model.config_json), model.name), model.name, "trained",
        model.description);
  }
  for (const ModelPreset& preset : model_presets()) {
    add(preset_config(preset), preset.name, "generated", preset.description);
  }
  table.notes = {"generated weights are for speed: their accuracy is chance"};
  return table;
}

Table list_suites() {
  Table table;
  table.title = "Suites";
  table.columns = {{"name", "Name", ""},
                   {"version", "Version", ""},
                   {"kind", "Kind", ""},
                   {"tasks", "Tasks", ""},
                   {"description", "Description", ""}};
  for (const auto& suite : all_suites()) {
    const char* kind = suite->kind() == Suite::Kind::speed ? "speed" : "quality";
    table.rows.push_back({suite->name(), suite->version(), std::string(kind),
                          fmt::format("{}", fmt::join(suite->tasks(), ", ")),
                          suite->description()});
  }
  return table;
}

/// Empty where the engine can run on that GPU.
std::string why_unusable(int ordinal) {
  try {
    cuda::device_queue({Device::Kind::cuda, ordinal});
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

Table list_devices() {
  Table table;
  table.title = "Devices";
  table.columns = {{"name", "Name", ""},
                   {"usable", "Usable", ""},
                   {"memory_gib", "Memory", "GiB", 1},
                   {"description", "Description", ""}};
  table.rows.push_back({std::string("cpu"), std::string("yes"), Field(), std::string("float32")});
  const cuda::DeviceList list = cuda::list_devices();
  for (const cuda::DeviceInfo& device : list.devices) {
    const std::string reason = why_unusable(device.ordinal);
    table.rows.push_back(
        {fmt::format("cuda:{}", device.ordinal), std::string(reason.empty() ? "yes" : "no"),
         double(device.memory_bytes) / double(1 << 30),
         fmt::format("{}, compute {}.{}, {} multiprocessors: {}", device.name, device.compute_major,
                     device.compute_minor, device.num_multiprocessors,
                     reason.empty() ? "float32, bfloat16" : reason)});
  }
  if (list.devices.empty()) table.notes.push_back("CUDA: " + list.unavailable);
  return table;
}

Table list_runs(const std::string& db, const Invocation& invocation) {
  Table table;
  table.title = "Runs in " + db;
  table.columns = {{"run_id", "Run", ""},       {"started", "Started", ""},
                   {"status", "Status", ""},    {"mixed", "Machines and builds", ""},
                   {"seconds", "Took", "s", 1}, {"command_line", "Command line", ""}};
  const ResultStore store = open_for_reading(db, invocation);
  for (const RunRecord& run : store.list_runs()) {
    table.rows.push_back({run.run_id, utc_time(run.started_ms), run.status,
                          std::string(run.mixed ? "mixed" : "one"), seconds_taken(run),
                          run.command_line});
  }
  return table;
}

Table list_patterns(const std::string& db, const Invocation& invocation) {
  Table table;
  table.title = "Patterns in " + db;
  table.columns = {{"pattern", "Pattern", ""}, {"full_layers", "F layers", ""},
                   {"layers", "Layers", ""},   {"realised", "Realised", "%", 1},
                   {"origin", "Origin", ""},   {"cells", "Cells", ""}};
  const ResultStore store = open_for_reading(db, invocation);
  for (const ResultStore::PatternUse& use : store.list_patterns()) {
    const LayerPattern pattern = LayerPattern::from_letters(use.pattern);
    table.rows.push_back({use.pattern, pattern.num_full(), pattern.num_layers(),
                          100.0 * pattern.realised_retention(), use.origin, use.num_cells});
  }
  return table;
}

Table make_list(const ListOptions& options, const Invocation& invocation) {
  if (options.what == "models") return list_models();
  if (options.what == "suites") return list_suites();
  if (options.what == "devices") return list_devices();
  if (options.what == "runs") return list_runs(options.db, invocation);
  if (options.what == "patterns") return list_patterns(options.db, invocation);
  throw InvalidArgument(fmt::format(
      "list: expected models, suites, devices, runs or patterns, got '{}'", options.what));
}

}  // namespace

ExitCode run_list(const ListOptions& options, const Invocation& invocation) {
  const ResultOutput output(options.output, invocation.out);
  output.write({make_list(options, invocation)});
  return ExitCode::pass;
}

}  // namespace dsabench
