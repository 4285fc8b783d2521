#pragma once
/// The engine: runs a model's prefill and decode over sequences.
///
/// Goals: one forward pass for prefill chunks, decode steps and mixed batches; reuse of indices
/// that can be proved (counters that the indexer operator itself increments); state that can be
/// snapshot and restored. Non-goals: policy. It does not sample, schedule, warm up, time out or
/// retry.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/cache/sequence_cache.h"
#include "engine/host_view.h"
#include "engine/model/layer_pattern.h"
#include "engine/model/weights.h"
#include "engine/stage_clock.h"
#include "kernels/base/context.h"

namespace dsabench {

struct EngineOptions {
  IndexerMode indexer_mode = IndexerMode::exact;
  /// Unset: as the family's Hugging Face code does (glm_moe_dsa interleaved, deepseek_v32
  /// half-split), unless the config's indexer_rope_interleave says otherwise.
  std::optional<ops::RopeLayout> indexer_rope;
  /// eps of the two latent norms; unset: 1e-6, as Hugging Face and DeepSeek fix it.
  std::optional<double> latent_norm_eps;
  /// Tokens per forward pass in prefill.
  std::int64_t chunk_tokens = 1024;
  /// Attend every causal key and run no indexer: the upper reference of quality.
  bool dense_attention = false;
  CacheFormat cache_format = CacheFormat::activations;
  /// Blocks of the caches are handed out in an order drawn from this seed instead of ascending
  /// (BlockPool): no result may change.
  std::optional<std::uint64_t> block_order_seed;
  /// On a device, decode steps like one before are replayed as a graph: no result changes.
  bool record_steps = true;
};

/// What a layer saw and made, for verification outside timed regions. Views are valid during the
/// call only, and copy from a device what is read of them. Rows are the packed rows of the forward
/// pass; activations read as f32.
struct LayerTrace {
  std::int64_t layer = 0;
  bool is_full = false;
  HostView attention_input;   ///< [rows, D] normalised input of attention and indexer
  HostView q_latent_norm;     ///< [rows, Q] qr: after q_a_norm
  HostView indices;           ///< [rows, k] i32; empty with dense_attention
  HostView margins;           ///< [rows] f32; empty on Shared layers
  HostView attention_output;  ///< [rows, D] after o_proj, before the residual is added
  HostView hidden;            ///< [rows, D] residual stream after the layer
  HostView experts;           ///< [rows, experts_per_token] i32; empty on dense layers
};

/// The rows of one sequence within a forward pass, as observers and callers see them.
struct ForwardRows {
  std::int64_t sequence = 0;
  std::int64_t row_begin = 0, num_rows = 0, first_position = 0;
};

/// Called by the engine after each layer of a forward pass. Costs time: never attach one in a timed
/// region.
class ForwardObserver {
 public:
  virtual ~ForwardObserver() = default;
  /// Before the first layer; `embedding` is the residual stream [rows, D].
  virtual void on_forward(std::span<const ForwardRows> rows, HostView embedding) = 0;
  virtual void on_layer(const LayerTrace& trace) = 0;
  /// After the last layer; [rows, D] the final norm's output.
  virtual void on_final_norm(HostView final_norm) = 0;
};

/// Deep copy of one sequence's caches.
class Snapshot {
 public:
  std::int64_t length() const { return cache_.length(); }

 private:
  friend class Engine;
  explicit Snapshot(SequenceCache cache) : cache_(std::move(cache)) {}
  SequenceCache cache_;
};

/// One step's input: tokens to append to one sequence.
struct SequenceTokens {
  std::int64_t sequence = 0;
  std::span<const std::int32_t> tokens;
};

enum class LogitRows { last, all };

class PassInPieces;

/// Runs where its weights live and in their type. Tokens are the host's, logits the host's or on
/// the weights' device. Calls return once the device has finished, but for `forward` and `decode`
/// with logits on the device: these are there for what is given to its queue next. A forward pass
/// in between, in prefill, waits for nothing and allocates nothing that an earlier one of its size
/// did not.
class Engine {
 public:
  /// Shares the weights. Throws InvalidArgument where pattern, weights, options and config do not
  /// fit each other.
  Engine(std::shared_ptr<const ModelConfig> config, std::shared_ptr<const Weights> weights,
         LayerPattern pattern, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const ModelConfig& config() const;
  const LayerPattern& pattern() const;
  const EngineOptions& options() const;
  Device device() const;
  /// Of activations and caches.
  DType dtype() const;

  /// Makes sure that so many sequences of so many tokens each fit beside those that there are. The
  /// caches of all sequences are one pool of blocks of 64 tokens: it grows here at once, and where
  /// a sequence needs more than there is, which moves what it holds.
  void reserve(std::int64_t sequences, std::int64_t tokens);
  /// A new empty sequence; its id. It takes the blocks for `reserve_tokens` now.
  std::int64_t add_sequence(std::int64_t reserve_tokens);
  /// Gives its blocks back to the pool.
  void remove_sequence(std::int64_t sequence);
  std::int64_t length(std::int64_t sequence) const;
  const SequenceCache& cache(std::int64_t sequence) const;
  /// Forgets all but the first `tokens` tokens, of which there must be as many.
  void truncate(std::int64_t sequence, std::int64_t tokens);
  /// Puts the tokens of one sequence into another one's own blocks.
  void copy_sequence(std::int64_t from, std::int64_t to);

  /// One forward pass over the tokens of every entry, packed in order. Each sequence at most once;
  /// lengths may differ. `logits`: [entries, vocab] (last) or [all tokens, vocab] (all), f32, or
  /// empty for none. Throws InvalidArgument for an unknown sequence, a token outside the
  /// vocabulary, no tokens, or a context beyond max_positions; the sequences are then unchanged.
  void forward(std::span<const SequenceTokens> batch, LogitRows which, TensorView logits,
               ForwardObserver* observer = nullptr);

  /// Appends whole prompts in chunks of chunk_tokens per sequence and pass; logits as in forward:
  /// last = those of each prompt's last token, all = every token's, the entries one after another.
  void prefill(std::span<const SequenceTokens> batch, LogitRows which, TensorView logits,
               ForwardObserver* observer = nullptr);

  /// Appends one token per sequence. logits [sequences, vocab].
  void decode(std::span<const std::int64_t> sequences, std::span<const std::int32_t> tokens,
              TensorView logits, ForwardObserver* observer = nullptr);

  /// A forward pass over the batch that appends nothing and is run layer by layer under any
  /// pattern (engine/pass_in_pieces.h). Takes blocks for its tokens. Throws as forward.
  PassInPieces begin_pass(std::span<const SequenceTokens> batch);

  Snapshot snapshot(std::int64_t sequence) const;
  /// Puts the snapshot's state into a sequence (the same or another). Throws where the snapshot
  /// came from another shape or pattern.
  void restore(std::int64_t sequence, const Snapshot& snapshot);

  /// Forward passes since the last reset, and how often each layer's indexer ran in them, as
  /// counted by the operator itself, where it runs. With a pattern p and n passes: n on Full
  /// layers, 0 on Shared ones.
  std::int64_t num_forwards() const;
  std::span<const std::uint64_t> indexer_runs() const;
  /// Rows each expert got since the last reset, [layers, experts] i64; rows of dense layers are
  /// zero.
  HostView expert_load() const;
  const StageClock& stage_clock() const;
  /// Told of every change of stage from now on; null: nobody. It outlives the passes that tell it.
  void observe_stages(StageObserver* observer);
  /// Whether stages are timed on a device, which costs a mark each; at first they are.
  void time_stages(bool timed);
  void reset_counters();

  /// Weights and scratch are counted by their owners; this is the caches of all sequences, in whole
  /// blocks, and with the blocks that nobody holds.
  std::int64_t cache_bytes() const;
  std::int64_t allocated_cache_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What the indexers must have counted: num_forwards on Full layers, 0 on Shared ones (all 0 with
/// dense_attention). Returns a message naming the first layer that differs, or an empty string.
std::string check_indexer_runs(const LayerPattern& pattern, std::int64_t num_forwards,
                               std::span<const std::uint64_t> runs, bool dense_attention);

}  // namespace dsabench
