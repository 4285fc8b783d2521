#include "harness/profile/profiled_cell.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "harness/plan/stage_work.h"
#include "harness/run/environment.h"
#include "kernels/base/dtype.h"
#include "results/statistics.h"

namespace dsabench {
namespace {

std::optional<Stage> stage_of(const std::string& name) {
  for (int stage = 0; stage < kNumStages; ++stage) {
    if (name == stage_name(static_cast<Stage>(stage))) return static_cast<Stage>(stage);
  }
  return std::nullopt;
}

/// Work per nanosecond; nothing where it was not measured.
std::optional<double> rate_of(const std::vector<Ceiling>& ceilings, const std::string& name) {
  for (const Ceiling& ceiling : ceilings) {
    if (ceiling.name != name || ceiling.nanoseconds <= 0 || ceiling.work <= 0) continue;
    return double(ceiling.work) / double(ceiling.nanoseconds);
  }
  return std::nullopt;
}

std::vector<ProfiledKernel> kernels_of(const ActivityTrace& trace) {
  std::map<std::tuple<std::int64_t, std::string, std::string>, ProfiledKernel> kernels;
  for (const DeviceActivity& activity : trace.activities) {
    const std::optional<StageTag> tag = decode_stage_tag(activity.tag);
    const std::int64_t layer = tag ? tag->layer : -1;
    const std::string stage = tag ? stage_name(tag->stage) : "";
    const std::string name = kernel_name(activity.name);
    ProfiledKernel& kernel = kernels[{layer, stage, name}];
    kernel.layer = layer;
    kernel.stage = stage;
    kernel.name = name;
    ++kernel.launches;
    kernel.nanoseconds += activity.end_ns - activity.begin_ns;
    kernel.bytes += activity.bytes;
  }
  std::vector<ProfiledKernel> sorted;
  for (auto& [key, kernel] : kernels) sorted.push_back(std::move(kernel));
  return sorted;
}

std::vector<StageTime> stage_times_of(const StageMatrix& stages, const std::string& phase) {
  std::vector<StageTime> times;
  for (std::size_t row = 0; row < stages.size(); ++row) {
    for (int stage = 0; stage < kNumStages; ++stage) {
      const std::int64_t taken = stages[row][static_cast<std::size_t>(stage)];
      if (taken == 0) continue;
      times.push_back({phase, 0, static_cast<std::int64_t>(row) - 1,
                       stage_name(static_cast<Stage>(stage)), taken});
    }
  }
  return times;
}

}  // namespace

ProfileRecord to_record(const ProfiledCell& profiled, const std::string& run_id) {
  ProfileRecord record;
  record.run_id = run_id;
  record.cell_id = profiled.planned.cell.cell_id;
  record.tracer = profiled.profile.tracer;
  record.dropped_records = profiled.profile.trace.num_dropped;
  record.verification_json = profiled.timed.verification_json;
  record.conditions_json = profiled.timed.conditions_json;
  record.timed = metric_values(profiled.timed, metric_of(profiled.cell));
  record.watched = profiled.profile.values;
  record.timed_stages = profiled.timed.stage_times;
  record.watched_stages =
      stage_times_of(profiled.profile.stage_ns, phase_name(profiled.cell.phase));
  record.kernels = kernels_of(profiled.profile.trace);
  return record;
}

double TimedNumbers::of_stage(Stage stage) const {
  double sum = 0;
  for (const auto& row : stages) sum += row[static_cast<std::size_t>(stage)];
  return sum;
}

double TimedNumbers::of_layer(std::int64_t layer) const {
  const auto& row = stages.at(static_cast<std::size_t>(layer + 1));
  return std::accumulate(row.begin(), row.end(), 0.0);
}

double TimedNumbers::of_indexer(std::int64_t layer) const {
  const auto& row = stages.at(static_cast<std::size_t>(layer + 1));
  double sum = 0;
  for (int stage = 0; stage < kNumStages; ++stage) {
    if (is_indexer_stage(static_cast<Stage>(stage))) sum += row[static_cast<std::size_t>(stage)];
  }
  return sum;
}

double TimedNumbers::of_indexers() const {
  double sum = 0;
  for (std::int64_t layer = -1; layer + 1 < std::ssize(stages); ++layer) sum += of_indexer(layer);
  return sum;
}

TimedNumbers timed_numbers(const ProfiledCell& profiled) {
  const bool decode = profiled.cell.phase == Phase::decode;
  const auto& values = metric_values(profiled.timed, metric_of(profiled.cell));
  TimedNumbers numbers;
  const Summary summary = summarize(values);
  numbers.median = summary.median;
  numbers.median_low = summary.median_low;
  numbers.median_high = summary.median_high;
  numbers.count = summary.count;
  const double steps = decode ? double(profiled.cell.decode_tokens) : 1;
  const std::optional<std::int64_t> own =
      find_condition(profiled.timed.conditions_json, kStageSample);
  numbers.is_stage_sample = own.has_value();
  const double samples = own ? 1.0 : std::max(1.0, double(values.size()) / steps);
  numbers.sample =
      own ? double(*own) : std::accumulate(values.begin(), values.end(), 0.0) / samples;
  numbers.stages.resize(static_cast<std::size_t>(profiled.config.num_layers + 1));
  for (const StageTime& time : profiled.timed.stage_times) {
    const std::optional<Stage> stage = stage_of(time.stage);
    if (!stage) continue;
    const double mean = double(time.nanoseconds) / samples;
    numbers.stages.at(static_cast<std::size_t>(time.layer + 1))[static_cast<std::size_t>(*stage)] +=
        mean;
    numbers.stage_sum += mean;
  }
  return numbers;
}

std::optional<StageFloor> stage_floor(const ProfiledCell& profiled, Stage stage) {
  const std::optional<double> flops = stage_flops(profiled.config, profiled.cell, stage);
  const std::optional<double> bytes = stage_bytes(profiled.config, profiled.cell, stage);
  if (!flops || !bytes) return std::nullopt;
  const bool f8 = stage == Stage::indexer_score && has_f8_scores(profiled.cell);
  const std::string dtype = f8 ? std::string(dtype_name(DType::f8_e4m3)) : profiled.cell.dtype;
  const auto compute = rate_of(profiled.ceilings, "matrix_" + dtype);
  const auto memory = rate_of(profiled.ceilings, "copy");
  if (!compute || !memory) return std::nullopt;
  return StageFloor{*flops / *compute, *bytes / *memory};
}

std::optional<ReuseBound> reuse_bound(const TimedNumbers& timed, const std::string& pattern,
                                      std::int64_t num_full) {
  const auto full_here = std::count(pattern.begin(), pattern.end(), 'F');
  if (full_here == 0 || timed.sample <= 0 || timed.stage_sum <= 0) return std::nullopt;
  const double indexers = timed.of_indexers();
  // In parts of the metric, which for decode is a step and not a sample.
  const double scale = timed.median / timed.sample;
  const double one = indexers / double(full_here) * scale;
  const double rest = timed.median - indexers * scale;
  ReuseBound bound;
  bound.indexer_ns = one * double(num_full);
  bound.ns = rest + bound.indexer_ns;
  bound.speedup = (rest + one * double(pattern.size())) / bound.ns;
  return bound;
}

}  // namespace dsabench
