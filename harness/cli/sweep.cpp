#include "harness/cli/sweep.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/plan/value_lists.h"
#include "harness/plan/work_estimate.h"
#include "harness/run/environment.h"
#include "harness/run/interrupt.h"
#include "kernels/base/error.h"
#include "kernels/cuda/device_queue.h"

namespace dsabench {
namespace {

ResultStore open_for_writing(const std::string& path) {
  ResultStore store = ResultStore::open(path, ResultStore::Mode::read_write);
  if (store.is_newer_schema()) {
    throw StoreError(fmt::format("{}: schema {} is of a newer dsabench, this one writes {}", path,
                                 store.schema_version(), current_schema_version()));
  }
  return store;
}

RunRecord describe_run(const LoadedModel& model, const ModelRequest& request,
                       const std::string& command_line) {
  RunRecord run;
  run.command_line = command_line;
  run.tool_version = tool_version();
  const Identity machine = machine_identity();
  run.machine_id = machine.id;
  run.machine_json = machine.json;
  const Identity build = build_identity();
  run.build_id = build.id;
  run.build_json = build.json;
  run.model_id = model.model_id;
  run.model_json = model.model_json;
  run.synthetic_weights = model.synthetic;
  run.seed = request.seed;
  return run;
}

std::vector<Table> result_tables(const RunResults& results) {
  const auto has_phase = [&results](bool quality) {
    return std::any_of(results.plan.begin(), results.plan.end(), [&](const PlannedCell& planned) {
      return (planned.cell.phase == phase_name(Phase::generate)) == quality;
    });
  };
  std::vector<Table> tables;
  if (has_phase(false)) tables.push_back(speed_table(results));
  if (has_phase(true)) tables.push_back(quality_table(results));
  return tables;
}

void tell_about_model(const LoadedModel& model, Progress& progress) {
  for (const std::string& notice : model.config->notices) progress.message(notice);
  for (const std::string& notice : model.weights->notices) progress.message(notice);
  for (const std::string& notice : model.notices) progress.message(notice);
  const std::string warning = environment_warning();
  if (!warning.empty()) progress.message(warning);
}

}  // namespace

DType to_dtype(const std::string& text, Device device) {
  if (text.empty()) return device.is_cpu() ? DType::f32 : DType::bf16;
  if (text == dtype_name(DType::f32)) return DType::f32;
  if (text != dtype_name(DType::bf16)) {
    throw InvalidArgument(fmt::format("--dtype: expected f32 or bf16, got '{}'", text));
  }
  if (device.is_cpu()) throw InvalidArgument("--dtype bf16: the CPU computes in f32");
  return DType::bf16;
}

ModelRequest to_request(const ModelOptions& options) {
  ModelRequest request;
  request.model = options.model;
  request.config_file = options.config;
  request.device = Device::parse(options.device);
  request.dtype = to_dtype(options.dtype, request.device);
  request.picks = parse_picks(options.picks);
  request.seed = options.seed;
  for (const std::string& text : options.set) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw InvalidArgument(fmt::format("--set: expected key=value, got '{}'", text));
    }
    request.overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return request;
}

std::optional<Dialect> to_dialect(const ModelOptions& options) {
  if (options.dialect.empty()) return std::nullopt;
  return parse_dialect(options.dialect);
}

std::vector<Retention> parse_retentions(const std::string& text) {
  std::vector<Retention> retentions;
  if (text.empty()) return retentions;
  for (const std::string& item : parse_list("--retention", text)) {
    retentions.push_back(Retention::parse(item));
  }
  return retentions;
}

SweepAxes axes_for(const ModelConfig&, const ModelRequest& request) {
  SweepAxes axes;
  axes.data_seed = request.seed;
  axes.device_kind = request.device.is_cpu() ? "cpu" : "cuda";
  axes.dtype = dtype_name(request.dtype);
  if (has_generated_weights(request)) {
    axes.picks = request.picks;
    axes.weights_seed = request.seed;
  }
  return axes;
}

Table plan_table(const ModelConfig& config, const SweepPlan& plan) {
  Table table;
  table.title = fmt::format("Plan: {} cells of {}", plan.entries.size(), config.name);
  table.columns = {{"position", "#", ""},
                   {"suite", "Suite", ""},
                   {"phase", "Phase", ""},
                   {"context", "Context", "tokens"},
                   {"batch", "Batch", ""},
                   {"indexer_mode", "Indexer", ""},
                   {"retention", "Retention", ""},
                   {"full_layers", "F layers", ""},
                   {"realised", "Realised", "%", 1},
                   {"gflop", "Work of a sample", "GFLOP", 1},
                   {"pattern", "Pattern", ""},
                   {"cell_id", "Cell", ""}};
  for (const PlanEntry& entry : plan.entries) {
    const Cell& cell = entry.cell;
    const std::string& nominal = entry.pattern.nominal_retention;
    table.rows.push_back({std::ssize(table.rows) + 1, cell.suite,
                          std::string(phase_name(cell.phase)), cell.context_tokens, cell.batch,
                          cell.indexer_mode, nominal.empty() ? entry.pattern.origin : nominal,
                          entry.pattern.pattern.num_full(),
                          100.0 * entry.pattern.pattern.realised_retention(),
                          estimate_flops(config, cell) / 1e9, cell.pattern, cell_id(cell)});
  }
  table.notes = plan.notices;
  return table;
}

ExitCode run_sweep(const ModelRequest& request, const SweepPlan& plan,
                   const RunControlOptions& control, const ResultOutput& output,
                   const Invocation& invocation) {
  const std::unique_ptr<Progress> progress = make_progress(
      parse_progress_mode(control.progress), invocation.err, TerminalTraits::of_stderr());
  cuda::device_queue(
      request.device);  // a device that is missing is known before anything is written
  ResultStore store = open_for_writing(control.db);
  for (const std::string& notice : plan.notices) progress->message(notice);
  progress->message(fmt::format("loading {}", request.model));
  const LoadedModel model = load_model(request);
  tell_about_model(model, *progress);

  const InterruptGuard guard;
  RunOptions options;
  options.repeats = control.repeats;
  options.limits = control.limits;
  options.engine_factory = invocation.seams.engine_factory;
  options.interrupted = [&guard] { return guard.interrupted(); };
  Runner runner(model, store, *progress, options);
  const RunSummary summary =
      runner.run(describe_run(model, request, invocation.command_line), plan);

  output.write(result_tables(store.load_run(summary.run_id)));
  progress->message(fmt::format("{}: run {} ({} ok, {} incorrect, {} failed)", control.db,
                                summary.run_id, summary.num_ok, summary.num_incorrect,
                                summary.num_failed));
  return exit_code_of(summary);
}

}  // namespace dsabench
