#include "harness/plan/sweep_plan.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "kernels/base/error.h"
#include "results/identity.h"

namespace dsabench {
namespace {

void check_context(const ModelConfig& config, std::int64_t context, std::int64_t decode) {
  if (context + decode <= config.max_positions) return;
  const std::string wanted = decode == 0 ? fmt::format("context {}", context)
                                         : fmt::format("context {} + {} decode tokens = {}",
                                                       context, decode, context + decode);
  throw InvalidArgument(fmt::format("{} is more than the {} positions of {}", wanted,
                                    config.max_positions, config.name));
}

/// What all cells of a sweep have in common.
Cell common_fields(Cell cell, const SweepAxes& axes) {
  cell.layers = axes.layers;
  cell.whole_mlp = axes.whole_mlp;
  cell.chunk_tokens = axes.chunk_tokens;
  cell.dense_attention = axes.dense_attention;
  cell.device_kind = axes.device_kind;
  cell.dtype = axes.dtype;
  if (axes.picks) cell.picks = picks_name(*axes.picks);
  cell.weights_seed = axes.weights_seed;
  cell.data_seed = axes.data_seed;
  return cell;
}

/// Leaves each pattern once, first come first kept.
std::vector<PatternChoice> distinct_patterns(const std::vector<PatternChoice>& choices,
                                             std::vector<std::string>& notices) {
  std::vector<PatternChoice> kept;
  /// By letters, of a slice with those of the whole: it is extrapolated to that.
  std::map<std::pair<std::string, std::string>, const PatternChoice*> first_of;
  for (const PatternChoice& choice : choices) {
    const std::pair letters(choice.pattern.letters(), choice.whole_letters);
    const auto [first, is_new] = first_of.emplace(letters, &choice);
    if (is_new) {
      kept.push_back(choice);
    } else if (asked_as(*first->second) != asked_as(choice)) {
      notices.push_back(fmt::format("{} gives the same pattern as {}: measured once",
                                    asked_as(choice), asked_as(*first->second)));
    }
  }
  return kept;
}

void check_axes(const SweepAxes& axes) {
  const std::pair<const char*, bool> filled[] = {{"suites", !axes.suites.empty()},
                                                 {"contexts", !axes.contexts.empty()},
                                                 {"patterns", !axes.patterns.empty()},
                                                 {"phases", !axes.phases.empty()},
                                                 {"batches", !axes.batches.empty()},
                                                 {"indexer modes", !axes.indexer_modes.empty()},
                                                 {"cache formats", !axes.cache_formats.empty()}};
  for (const auto& [name, has_values] : filled) {
    if (!has_values) throw InvalidArgument(fmt::format("a sweep without {} has no cells", name));
  }
}

/// An upper bound: quality suites do not cross batches and phases.
double num_points(const SweepAxes& axes) {
  double points = 1;
  for (const std::size_t size :
       {axes.suites.size(), axes.contexts.size(), axes.patterns.size(), axes.phases.size(),
        axes.batches.size(), axes.indexer_modes.size(), axes.cache_formats.size()}) {
    points *= double(size);
  }
  return points;
}

/// Of one point, on an average over the patterns.
double num_letters(const SweepAxes& axes) {
  double letters = 0;
  for (const PatternChoice& choice : axes.patterns) {
    letters += double(choice.pattern.num_layers()) + 2 * double(choice.whole_letters.size());
  }
  letters /= double(axes.patterns.size());
  for (const std::string& task : axes.tasks) letters += double(task.size());
  return letters;
}

class PlanBuilder {
 public:
  explicit PlanBuilder(const ModelConfig& config) : config_(config) {
    of_model_.model = config.name;
    of_model_.config_hash = content_hash(to_json(config));
  }

  void add_sweep(const SweepAxes& axes) {
    size_.add(axes);
    axes_ = &axes;
    common_ = common_fields(of_model_, axes);
    const std::vector<PatternChoice> patterns = distinct_patterns(axes.patterns, plan_.notices);
    for (const Suite* suite : axes.suites) add_suite(*suite, patterns);
    tell_full_batches();
    ++num_sweeps_;
    if (known_.empty()) return;
    plan_.notices.push_back(
        fmt::format("{} of the cells of sweep {} {} in an earlier sweep: "
                    "measured once",
                    known_.size(), num_sweeps_, known_.size() == 1 ? "is" : "are"));
    known_.clear();
  }
  SweepPlan take() { return std::move(plan_); }

 private:
  void add_suite(const Suite& suite, const std::vector<PatternChoice>& patterns) {
    const bool speed = suite.kind() == Suite::Kind::speed;
    const std::vector<std::int64_t> one_batch{1};
    const std::vector<Phase> one_phase{Phase::generate};
    for (const std::int64_t context : axes_->contexts) {
      for (const std::int64_t batch : speed ? axes_->batches : one_batch) {
        for (const auto& [mode, format] : numerics()) {
          for (const PatternChoice& pattern : patterns) {
            for (const Phase phase : speed ? axes_->phases : one_phase) {
              common_.indexer_mode = indexer_mode_name(mode);
              common_.cache_format = format == CacheFormat::fp8 ? kFp8CacheName : axes_->dtype;
              add_cell(suite, context, batch, pattern, phase);
            }
          }
        }
      }
    }
  }

  /// Every indexer mode with every cache format.
  std::vector<std::pair<IndexerMode, CacheFormat>> numerics() const {
    std::vector<std::pair<IndexerMode, CacheFormat>> pairs;
    for (const IndexerMode mode : axes_->indexer_modes) {
      for (const CacheFormat format : axes_->cache_formats) pairs.emplace_back(mode, format);
    }
    return pairs;
  }

  void add_cell(const Suite& suite, std::int64_t context, std::int64_t batch,
                const PatternChoice& pattern, Phase phase) {
    Cell cell = common_;
    cell.suite = suite.name();
    cell.suite_version = suite.version();
    cell.context_tokens = context;
    cell.pattern = pattern.pattern.letters();
    cell.whole_pattern = pattern.whole_letters;
    cell.phase = phase;
    if (phase == Phase::decode) cell.decode_tokens = axes_->decode_tokens;
    if (phase == Phase::generate) {
      cell.samples_per_task = axes_->samples_per_task;
      cell.tasks = axes_->tasks;
    }
    check_context(config_, context, cell.decode_tokens);
    set_batch(cell, batch);
    const std::string id = cell_id(cell);
    const auto [first, is_new] = sweep_of_.emplace(id, num_sweeps_);
    if (is_new) {
      plan_.entries.push_back({cell, &suite, pattern, axes_->origin});
    } else if (first->second != num_sweeps_) {
      known_.insert(id);
    }
  }

  void set_batch(Cell& cell, std::int64_t batch) {
    cell.batch = batch;
    if (batch != kFullBatch) return;
    if (cell.phase == Phase::decode) cell.prompts = kOnePrompt;
    cell.batch = full_batch(config_, cell, axes_->room);
    const auto [range, is_new] =
        full_batches_.try_emplace(cell.context_tokens, cell.batch, cell.batch);
    auto& [least, most] = range->second;
    least = std::min(least, cell.batch);
    most = std::max(most, cell.batch);
  }

  void tell_full_batches() {
    for (const auto& [context, range] : full_batches_) {
      const auto& [least, most] = range;
      const std::string count =
          least == most ? std::to_string(least) : fmt::format("{} to {}", least, most);
      plan_.notices.push_back(fmt::format(
          "batch max at {} tokens: {} sequence{} ({}; at most {}); in decode their prompt is "
          "computed once and copied",
          context, count, most == 1 ? "" : "s", axes_->room.text, kMaxFullBatch));
    }
    full_batches_.clear();
  }

  const ModelConfig& config_;
  const SweepAxes* axes_ = nullptr;
  Cell of_model_, common_;
  SweepPlan plan_;
  std::map<std::string, std::int64_t> sweep_of_;  ///< by cell id
  std::set<std::string> known_;                   ///< cells of this sweep that an earlier one has
  /// Of this sweep, least and most sequences by context.
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> full_batches_;
  PlanSize size_;
  std::int64_t num_sweeps_ = 0;
};

}  // namespace

void PlanSize::add(const SweepAxes& axes) {
  check_axes(axes);
  const double points = num_points(axes);
  points_ += points;
  letters_ += points * num_letters(axes);
  if (points_ > double(kMaxPlanPoints)) {
    throw InvalidArgument(
        fmt::format("a plan has at most {} points, this one has {:.0f}", kMaxPlanPoints, points_));
  }
  if (letters_ > double(kMaxPlanLetters)) {
    throw InvalidArgument(
        fmt::format("a plan has at most {} letters of patterns and tasks over all its points, this "
                    "one has {:.0f}",
                    kMaxPlanLetters, letters_));
  }
}

SweepPlan make_sweep_plan(const ModelConfig& config, std::span<const SweepAxes> sweeps) {
  if (sweeps.empty()) throw InvalidArgument("a plan without sweeps has no cells");
  PlanBuilder builder(config);
  for (const SweepAxes& axes : sweeps) {
    try {
      builder.add_sweep(axes);
    } catch (Error& error) {
      if (!axes.origin.empty()) error.add_context(axes.origin);
      throw;
    }
  }
  return builder.take();
}

SweepPlan make_sweep_plan(const ModelConfig& config, const SweepAxes& axes) {
  return make_sweep_plan(config, {&axes, 1});
}

std::vector<PlannedCell> to_records(const SweepPlan& plan) {
  std::vector<PlannedCell> records;
  for (const PlanEntry& entry : plan.entries) {
    PlannedCell record;
    record.cell = to_record(entry.cell);
    record.position = static_cast<std::int64_t>(records.size());
    record.nominal_retention = entry.pattern.nominal_retention;
    record.pattern_origin = entry.pattern.origin;
    record.dialect = entry.pattern.dialect;
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace dsabench
