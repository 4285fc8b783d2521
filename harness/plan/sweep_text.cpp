#include "harness/plan/sweep_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/plan/layer_slice.h"
#include "harness/plan/value_lists.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// Runs `parse` on every item of every text, with errors that begin with the text's origin.
template <class Parse>
void for_each_item(const std::vector<AskedText>& texts, Parse&& parse) {
  for (const AskedText& asked : texts) {
    for (const std::string& item : parse_list(asked.origin, asked.text)) {
      try {
        parse(item);
      } catch (Error& error) {
        error.add_context(asked.origin);
        throw;
      }
    }
  }
}

std::vector<std::string> names(const std::vector<AskedText>& texts) {
  std::vector<std::string> all;
  for_each_item(texts, [&all](const std::string& item) { all.push_back(item); });
  return all;
}

/// `max_as`: what the word "max" stands for, where it is a value.
std::vector<std::int64_t> counts(const std::vector<AskedText>& texts,
                                 std::optional<std::int64_t> max_as = std::nullopt) {
  std::vector<std::int64_t> all;
  for (const AskedText& asked : texts) {
    for (const std::string& item : parse_list(asked.origin, asked.text)) {
      const std::vector<std::int64_t> values =
          max_as && item == "max" ? std::vector{*max_as} : parse_counts(asked.origin, item);
      all.insert(all.end(), values.begin(), values.end());
      // A range of a few letters has thousands of values.
      if (std::int64_t(all.size()) > kMaxPlanPoints) {
        throw InvalidArgument(fmt::format("{}: a plan has at most {} points, these are {} values",
                                          asked.origin, kMaxPlanPoints, all.size()));
      }
    }
  }
  return all;
}

std::optional<Dialect> dialect_of(const std::optional<AskedText>& asked) {
  if (!asked) return std::nullopt;
  try {
    return parse_dialect(asked->text);
  } catch (Error& error) {
    error.add_context(asked->origin);
    throw;
  }
}

/// Runs `choose` with errors that begin with the sweep's origin.
template <class Choose>
auto in_sweep(const SweepText& sweep, Choose&& choose) {
  try {
    return choose();
  } catch (Error& error) {
    if (!sweep.origin.empty()) error.add_context(sweep.origin);
    throw;
  }
}

std::vector<PatternChoice> patterns_of(const SweepText& sweep, const ModelConfig& config) {
  std::vector<Retention> retentions;
  for_each_item(sweep.retentions,
                [&](const std::string& item) { retentions.push_back(Retention::parse(item)); });
  const std::vector<std::string> patterns = names(sweep.patterns);
  const std::optional<Dialect> dialect = dialect_of(sweep.dialect);
  return in_sweep(sweep, [&] { return choose_patterns(config, patterns, retentions, dialect); });
}

/// What was chosen for the whole model, as the chosen layers have it.
void restrict_to_slice(SweepAxes& axes, const ModelConfig& whole,
                       std::span<const std::int64_t> layers) {
  for (PatternChoice& choice : axes.patterns) {
    const LayerSlice slice = make_slice(whole, choice.pattern, layers, asked_as(choice));
    axes.layers = slice.layers;
    axes.whole_mlp = slice.whole_mlp;
    choice.pattern = slice_pattern(choice.pattern, layers);
    choice.whole_letters = slice.whole_pattern;
  }
}

}  // namespace

SweepAxes axes_for(const ModelRequest& request) {
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

SweepAxes resolve_axes(const SweepText& sweep, const ModelConfig& config,
                       const ModelRequest& request) {
  SweepAxes axes = axes_for(request);
  axes.origin = sweep.origin;
  for_each_item(sweep.suites,
                [&](const std::string& name) { axes.suites.push_back(&find_suite(name)); });
  axes.tasks = names(sweep.tasks);
  axes.contexts = counts(sweep.contexts);
  if (request.layers.empty()) {
    axes.patterns = patterns_of(sweep, config);
  } else {
    const ModelConfig whole = resolve_whole_config(request);
    axes.patterns = patterns_of(sweep, whole);
    in_sweep(sweep, [&] { restrict_to_slice(axes, whole, request.layers); });
  }
  axes.phases.clear();
  for_each_item(sweep.phases,
                [&](const std::string& name) { axes.phases.push_back(parse_phase(name)); });
  axes.batches = counts(sweep.batches, kFullBatch);
  if (std::count(axes.batches.begin(), axes.batches.end(), kFullBatch) > 0) {
    axes.room = batch_room(config, request);
  }
  axes.indexer_modes.clear();
  for_each_item(sweep.indexer_modes, [&](const std::string& name) {
    axes.indexer_modes.push_back(parse_indexer_mode(name));
  });
  if (!sweep.cache_formats.empty()) axes.cache_formats.clear();
  for_each_item(sweep.cache_formats, [&](const std::string& name) {
    axes.cache_formats.push_back(parse_cache_format(name, axes.dtype));
  });
  axes.dense_attention = sweep.dense_attention;
  axes.chunk_tokens = parse_count(sweep.chunk.origin, sweep.chunk.text);
  axes.decode_tokens = parse_count(sweep.decode_tokens.origin, sweep.decode_tokens.text);
  axes.samples_per_task = parse_count(sweep.samples_per_task.origin, sweep.samples_per_task.text);
  return axes;
}

}  // namespace dsabench
