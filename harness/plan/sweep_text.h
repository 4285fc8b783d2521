#pragma once
#include <optional>
#include <string>
#include <vector>

#include "harness/plan/sweep_plan.h"
#include "harness/target/model_source.h"

namespace dsabench {

/// A text that the user wrote, and what messages call the place: "--context", or
/// "plan.json:3:17: /sweeps/0/context/1".
struct AskedText {
  std::string text, origin;
};

/// One sweep as the user wrote it, on the command line or in a plan file: every text may be a
/// comma-separated list where the axis is one. The defaults are those of both.
struct SweepText {
  std::string origin;  ///< of the sweep as a whole; empty on the command line
  std::vector<AskedText> suites{{"speed", "--suite"}};
  std::vector<AskedText> tasks;
  std::vector<AskedText> contexts{{"4096", "--context"}};
  std::vector<AskedText> retentions, patterns;
  std::vector<AskedText> phases{{"prefill,decode", "--phase"}};
  std::vector<AskedText> batches{{"1", "--batch"}};
  std::vector<AskedText> indexer_modes{{"exact", "--indexer-mode"}};
  std::vector<AskedText> cache_formats;  ///< empty: the activations' type
  AskedText chunk{"1024", "--chunk"};
  AskedText decode_tokens{"16", "--decode-tokens"};
  AskedText samples_per_task{"1", "--samples-per-task"};
  std::optional<AskedText> dialect;
  bool dense_attention = false;
};

/// Axes with what the model fixes: device, dtype, picks and seeds.
SweepAxes axes_for(const ModelRequest& request);
/// Reads the texts; `config` is the request's, of a slice with its layers alone: patterns are those
/// of the whole model, restricted to it. For a batch of "max", how much memory is free. Throws
/// InvalidArgument that begins with the text's origin.
SweepAxes resolve_axes(const SweepText& sweep, const ModelConfig& config,
                       const ModelRequest& request);

}  // namespace dsabench
