#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "results/record.h"

namespace dsabench {

/// What of a request is timed. generate: a quality cell answers whole questions.
enum class Phase { prefill, decode, generate };
const char* phase_name(Phase phase);
/// prefill or decode: generate is no one's to ask for. Throws InvalidArgument.
Phase parse_phase(std::string_view name);

/// All sequences of a decode cell have the same prompt and go on from different tokens of it.
inline constexpr const char* kOnePrompt = "one";

/// One point of a sweep: everything that changes what is measured, and nothing else. Not in it:
/// machine, build, device ordinal, the retention that was asked for.
///
/// Its identity is the hash of its canonical JSON, from which fields at the default written here
/// are left out. So a new field gets a default that stands for what was measured before it existed,
/// and no stored id changes.
struct Cell {
  std::string model;        ///< name of preset or checkpoint
  std::string config_hash;  ///< content hash of the model's canonical config
  std::string pattern;      ///< F/S letters, one per layer that runs
  /// Of a slice: the layers of the model that run ("0,3-6"), and of the whole model its F/S letters
  /// and the kind of each feed-forward (D: dense, E: experts). Empty: all layers run.
  std::string layers, whole_pattern, whole_mlp;
  std::string suite, suite_version;
  std::vector<std::string> tasks;     ///< of the suite; empty: all of them
  std::int64_t samples_per_task = 0;  ///< quality only
  std::int64_t context_tokens = 0;
  std::int64_t decode_tokens = 0;  ///< timed decode steps; 0 outside decode cells
  Phase phase = Phase::prefill;

  std::int64_t batch = 1;
  /// Of a batch: distinct, or kOnePrompt, which is computed once and copied.
  std::string prompts = "distinct";
  std::string device_kind = "cpu";
  std::string dtype = "f32";
  std::string indexer_mode = "exact";
  std::string cache_format = "f32";
  std::int64_t chunk_tokens = 1024;
  bool dense_attention = false;  ///< no indexer runs; the upper reference of quality
  bool graphs = false;
  std::string picks;                          ///< of generated weights; empty for a checkpoint
  std::string sampling = "greedy";            ///< how tokens are drawn
  std::uint64_t data_seed = 0;                ///< of prompts
  std::optional<std::uint64_t> weights_seed;  ///< of generated weights

  bool operator==(const Cell&) const = default;
};

/// JSON with sorted keys and without fields at their default.
std::string canonical_json(const Cell& cell);
/// The cell of a canonical form. Throws InvalidArgument for what is none, and for a field that this
/// build does not know.
Cell parse_canonical_cell(std::string_view text);
/// content_hash(canonical_json(cell)).
std::string cell_id(const Cell& cell);
CellRecord to_record(const Cell& cell);

/// "demo 4096 tokens prefill, 12/47 F": for progress and messages.
std::string describe(const Cell& cell);
std::int64_t num_full_layers(const Cell& cell);
std::int64_t num_prompts(const Cell& cell);  ///< of a speed cell's batch
/// The metric that a trial of a speed cell times: "prefill" or "decode_step".
const char* metric_of(const Cell& cell);

}  // namespace dsabench
