#pragma once
#include <span>
#include <vector>

#include "engine/attention_layer.h"
#include "engine/cache/index_cache.h"
#include "engine/engine.h"
#include "engine/feed_forward_layer.h"
#include "engine/indexer_layer.h"
#include "engine/pass_input.h"
#include "engine/recorded_steps.h"

namespace dsabench {

/// One sequence's share of a forward pass: its next `num_rows` rows.
struct ForwardEntry {
  std::int64_t sequence = 0;
  SequenceCache* cache = nullptr;  ///< all of one pool, with room for the rows
  std::int64_t num_rows = 0;
  /// Where the logits of the entry's last rows go: [n <= tokens, vocab] f32, on the host or where
  /// the weights are, all entries' alike; empty for none.
  TensorView logits;
};

/// The model's forward pass over packed rows, with the counters that it keeps. Trusts its entries:
/// Engine has checked tokens, positions and shapes. Holds the scratch of one pass; not thread-safe.
class Forward {
 public:
  /// References outlive the object.
  Forward(const ModelConfig& config, const Weights& weights, const LayerPattern& pattern,
          const EngineOptions& options);

  /// Appends the rows to the entries' caches, which they are packed in the order of. Lengths change
  /// last: where something throws they are as before. On a device the work is given to the queue,
  /// and done once that is; decode steps (one row an entry) that are like one before as a graph,
  /// unless somebody observes.
  void run(const PassInput& input, std::span<const ForwardEntry> entries,
           ForwardObserver* observer);

  /// A pass in pieces, in this order. The layers may be run again from where `residual` and
  /// `indices` were put back to. Lengths stay as they are, and it is not among num_forwards. The
  /// input and the entries' caches outlive it, and no `run` comes in between.
  void begin(const PassInput& input, std::span<const ForwardEntry> entries);
  /// Layers [begin, end), Full and Shared as `pattern` says.
  void continue_to(const PassInput& input, const LayerPattern& pattern, std::int64_t begin,
                   std::int64_t end, ForwardObserver* observer);
  void end(std::span<const ForwardEntry> entries);
  /// [rows, D]: what goes from layer to layer.
  TensorView residual();
  IndexCache& indices() { return index_cache_; }
  DeviceQueue* queue() const { return queue_; }

  std::int64_t num_forwards() const { return num_forwards_; }
  /// Read from the device at the call; valid until the next.
  std::span<const std::uint64_t> indexer_runs() const;
  HostView expert_load() const { return expert_load_; }
  const StageClock& clock() const { return clock_; }
  void observe_stages(StageObserver* observer) { clock_.observe(observer); }
  void time_stages(bool timed) { clock_.set_marking(timed); }
  void reset_counters();

 private:
  void pack(std::span<const ForwardEntry> entries);
  /// Of what is packed: decode steps look so.
  bool has_one_row_each() const { return num_rows_ == std::ssize(packed_); }
  bool can_be_recorded(const PassInput& input, const ForwardObserver* observer) const;
  ConstTensorView step(const PassInput& input, std::span<const ForwardEntry> entries);
  void take_step_key(std::span<const ForwardEntry> entries);
  ConstTensorView compute(const PassInput& input, std::span<const ForwardEntry> entries,
                          ForwardObserver* observer);
  TensorView embed(const PassInput& input);
  void run_layers(const PassInput& input, const LayerPattern& pattern, std::int64_t begin,
                  std::int64_t end, ForwardObserver* observer);
  void run_layer(const LayerPass& pass, const LayerPattern& pattern, TensorView hidden,
                 ForwardObserver* observer);
  ConstTensorView compute_logits(std::span<const ForwardEntry> entries, ConstTensorView hidden);
  void copy_logits(std::span<const ForwardEntry> entries, ConstTensorView logits);
  TensorView gather_wanted(std::span<const ForwardEntry> entries, ConstTensorView hidden);
  TensorView final_norm(ConstTensorView hidden);

  const ModelConfig& config_;
  const Weights& weights_;
  const LayerPattern& pattern_;
  const bool dense_attention_, record_steps_;
  DeviceQueue* queue_;  ///< null on the host
  const DType dtype_;
  Context ctx_;
  ops::RopeFrequencies frequencies_;
  AttentionLayer attention_;
  IndexerLayer indexer_;
  FeedForwardLayer feed_forward_;
  IndexCache index_cache_;

  std::vector<PackedSequence> packed_;
  std::vector<ForwardRows> observed_rows_;
  std::int64_t num_rows_ = 0;
  ScratchBuffer cos_, sin_, hidden_, attention_input_, feed_forward_input_, margins_, final_norm_,
      logit_rows_, logits_;

  StageClock clock_;
  RecordedSteps recorded_;
  RecordedSteps::Key step_key_;  ///< of the step under way
  std::int64_t num_forwards_ = 0;
  Tensor indexer_runs_;  ///< [layers] i64, counted where the indexer runs
  mutable HostView indexer_runs_read_;
  Tensor expert_load_;
};

}  // namespace dsabench
