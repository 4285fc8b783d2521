#include "engine/forward.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/ops/add.h"
#include "kernels/ops/copy_rows.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/linear.h"
#include "kernels/ops/rms_norm.h"

namespace dsabench {
namespace {

constexpr std::int64_t kNoLayer = -1;
constexpr double kLatentNormEps = 1e-6;  // Hugging Face and DeepSeek: whatever rms_norm_eps says

ops::RopeLayout indexer_rope(const ModelConfig& config, const EngineOptions& options) {
  if (options.indexer_rope) return *options.indexer_rope;
  const bool interleaved =
      config.indexer_rope_interleave.value_or(config.family == ModelFamily::glm_moe_dsa);
  return interleaved ? ops::RopeLayout::interleaved : ops::RopeLayout::half_split;
}

/// Logits of entries from `begin` on that lie one behind the other, so that one product makes them
/// and the head is read once: up to entry `end`. Empty: none are wanted there any more.
struct WantedLogits {
  TensorView logits;
  std::size_t end = 0;
};
WantedLogits wanted_logits(std::span<const ForwardEntry> entries, std::size_t begin) {
  while (begin < entries.size() && entries[begin].logits.empty()) ++begin;
  if (begin == entries.size()) return {};
  const TensorView& first = entries[begin].logits;
  WantedLogits wanted{first, begin + 1};
  for (; wanted.end < entries.size() && !entries[wanted.end].logits.empty(); ++wanted.end) {
    const TensorView& next = entries[wanted.end].logits;
    if (next.raw() != first.raw() + wanted.logits.bytes()) break;
    wanted.logits = {first.raw(),
                     DType::f32,
                     {wanted.logits.dim(0) + next.dim(0), first.dim(1)},
                     first.device()};
  }
  return wanted;
}

/// Ends the running stage also where an operator throws, so that the clock does not run on.
struct ClockGuard {
  StageClock& clock;
  ~ClockGuard() { clock.leave(); }
};

}  // namespace

Forward::Forward(const ModelConfig& config, const Weights& weights, const LayerPattern& pattern,
                 const EngineOptions& options)
    : config_(config),
      weights_(weights),
      pattern_(pattern),
      dense_attention_(options.dense_attention),
      record_steps_(options.record_steps),
      queue_(weights.queue()),
      dtype_(weights.dtype()),
      ctx_{.device = weights.embedding.device(),
           .stream = queue_ == nullptr ? nullptr : queue_->stream(),
           .workspace = {}},
      frequencies_(ops::rope_frequencies(config.rope)),
      attention_(config, static_cast<float>(options.latent_norm_eps.value_or(kLatentNormEps))),
      indexer_(config, options.indexer_mode, indexer_rope(config, options)),
      feed_forward_(config),
      clock_(config.num_layers, queue_),
      recorded_(queue_),
      indexer_runs_(DType::i64, {config.num_layers}, queue_),
      expert_load_(DType::i64, {config.num_layers, config.num_experts}, queue_) {
  reset_counters();
}

void Forward::reset_counters() {
  num_forwards_ = 0;
  indexer_runs_.fill_bytes(0);
  expert_load_.fill_bytes(0);
  clock_.reset();
}

std::span<const std::uint64_t> Forward::indexer_runs() const {
  indexer_runs_read_ = HostView(indexer_runs_);
  const auto* runs = indexer_runs_read_.all().data<std::int64_t>();
  return {reinterpret_cast<const std::uint64_t*>(runs),
          static_cast<std::size_t>(config_.num_layers)};
}

void Forward::run(const PassInput& input, std::span<const ForwardEntry> entries,
                  ForwardObserver* observer) {
  const ClockGuard guard{clock_};
  pack(entries);
  const ConstTensorView logits =
      can_be_recorded(input, observer) ? step(input, entries) : compute(input, entries, observer);
  copy_logits(entries, logits);
  for (const ForwardEntry& entry : entries) {
    entry.cache->set_length(entry.cache->length() + entry.num_rows);
  }
  ++num_forwards_;
}

bool Forward::can_be_recorded(const PassInput& input, const ForwardObserver* observer) const {
  return record_steps_ && input.is_whole_call && queue_ != nullptr && !dense_attention_ &&
         observer == nullptr && !clock_.is_observed() && has_one_row_each();
}

/// A decode step: the graph of one like it, or this one run and recorded for the next.
ConstTensorView Forward::step(const PassInput& input, std::span<const ForwardEntry> entries) {
  // Positions are read on the device. Here they are bounds that stand as long as the blocks do.
  for (PackedSequence& entry : packed_) entry.span.first_position = entry.cache->capacity() - 1;
  take_step_key(entries);
  if (RecordedStep* known = recorded_.find(step_key_)) {
    clock_.leave();
    known->graph->replay();
    if (step_key_.has_marks) clock_.add(known->marks);
    return known->logits;
  }
  const ConstTensorView logits = compute(input, entries, nullptr);
  clock_.leave();
  const std::uint64_t epoch = queue_->memory_epoch();
  RecordedStep recorded;
  clock_.begin_recording();
  try {
    recorded.graph = queue_->record([&] {
      recorded.logits = compute(input, entries, nullptr);
      clock_.leave();
    });
  } catch (...) {
    clock_.end_recording();
    throw;
  }
  recorded.marks = clock_.end_recording();
  if (queue_->memory_epoch() != epoch) {
    throw std::logic_error("engine: a decode step took memory while it was recorded");
  }
  recorded_.add(step_key_, std::move(recorded));
  return logits;
}

void Forward::take_step_key(std::span<const ForwardEntry> entries) {
  step_key_.rows.clear();
  step_key_.has_marks = clock_.is_marking();
  for (const ForwardEntry& entry : entries) {
    step_key_.rows.push_back(
        {entry.cache->block_table().raw(), entry.cache->capacity(), entry.logits.raw()});
  }
}

void Forward::begin(const PassInput& input, std::span<const ForwardEntry> entries) {
  const ClockGuard guard{clock_};
  pack(entries);
  embed(input);
}

void Forward::continue_to(const PassInput& input, const LayerPattern& pattern, std::int64_t begin,
                          std::int64_t end, ForwardObserver* observer) {
  const ClockGuard guard{clock_};
  run_layers(input, pattern, begin, end, observer);
}

void Forward::end(std::span<const ForwardEntry> entries) {
  const ClockGuard guard{clock_};
  copy_logits(entries, compute_logits(entries, residual()));
}

/// The pass itself. Returns logits that `copy_logits` has yet to bring to the host.
ConstTensorView Forward::compute(const PassInput& input, std::span<const ForwardEntry> entries,
                                 ForwardObserver* observer) {
  const TensorView hidden = embed(input);
  if (observer != nullptr) {
    clock_.leave();
    observer->on_forward(observed_rows_, hidden);
  }
  run_layers(input, pattern_, 0, config_.num_layers, observer);
  if (observer != nullptr) {
    const TensorView normed = final_norm(hidden);
    clock_.leave();
    observer->on_final_norm(normed);
  }
  return compute_logits(entries, hidden);
}

TensorView Forward::residual() {
  return hidden_.take(dtype_, {num_rows_, config_.hidden_size}, queue_);
}

/// What all layers need, and the first one's input, which is returned.
TensorView Forward::embed(const PassInput& input) {
  clock_.enter(kNoLayer, Stage::other);
  const TensorView hidden = residual();
  ops::embedding(ctx_, {.table = weights_.embedding, .tokens = input.tokens, .out = hidden});
  const std::int64_t half = config_.qk_rope_dim / 2;
  const TensorView cos = cos_.take(DType::f32, {num_rows_, half}, queue_);
  const TensorView sin = sin_.take(DType::f32, {num_rows_, half}, queue_);
  clock_.enter(kNoLayer, Stage::norm_rope_quant);
  ops::rope_angles(ctx_, {&frequencies_, input.positions, cos, sin});
  if (!dense_attention_) index_cache_.begin_forward(num_rows_, config_.index_top_k, queue_);
  return hidden;
}

void Forward::run_layers(const PassInput& input, const LayerPattern& pattern, std::int64_t begin,
                         std::int64_t end, ForwardObserver* observer) {
  const std::int64_t half = config_.qk_rope_dim / 2;
  // Decode steps are computed alike whether they are recorded or not.
  const bool is_step = queue_ != nullptr && has_one_row_each();
  const ConstTensorView positions = is_step ? input.positions : ConstTensorView();
  for (std::int64_t layer = begin; layer < end; ++layer) {
    run_layer({.ctx = ctx_,
               .queue = queue_,
               .dtype = dtype_,
               .clock = clock_,
               .pool = packed_.front().cache->pool(),
               .sequences = packed_,
               .num_rows = num_rows_,
               .slots = input.slots,
               .positions = positions,
               .cos = cos_.take(DType::f32, {num_rows_, half}, queue_),
               .sin = sin_.take(DType::f32, {num_rows_, half}, queue_),
               .layer = layer,
               .traced = observer != nullptr},
              pattern, residual(), observer);
  }
}

void Forward::pack(std::span<const ForwardEntry> entries) {
  packed_.clear();
  observed_rows_.clear();
  num_rows_ = 0;
  for (const ForwardEntry& entry : entries) {
    const std::int64_t rows = entry.num_rows, first = entry.cache->length();
    packed_.push_back({entry.sequence, entry.cache, {num_rows_, rows, first}});
    observed_rows_.push_back({entry.sequence, num_rows_, rows, first});
    num_rows_ += rows;
  }
}

void Forward::run_layer(const LayerPass& pass, const LayerPattern& pattern, TensorView hidden,
                        ForwardObserver* observer) {
  const LayerWeights& weights = weights_.layers[static_cast<std::size_t>(pass.layer)];
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const TensorView attention_input = pass.take(attention_input_, {num_rows_, config_.hidden_size});
  pass.enter(Stage::norm_rope_quant);
  ops::rms_norm(ctx_, {hidden, weights.input_norm, attention_input, eps});

  const TensorView qr = attention_.query_latent(pass, weights.attention, attention_input);
  const bool runs_indexer = !dense_attention_ && pattern.is_full(pass.layer);
  TensorView indices, margins;
  if (!dense_attention_) indices = index_cache_.indices();
  if (runs_indexer) {
    if (pass.traced) margins = pass.take(margins_, DType::f32, {num_rows_});
    indexer_.select(
        pass, *weights.attention.indexer, attention_input, qr, indices, margins,
        reinterpret_cast<std::uint64_t*>(indexer_runs_.data<std::int64_t>()) + pass.layer);
    index_cache_.set_source_layer(pass.layer);
  }
  attention_.append_latents(pass, weights.attention, attention_input);
  const TensorView attended = attention_.attend(pass, weights.attention, qr, indices);
  pass.enter(Stage::other);
  ops::add(ctx_, {hidden, attended});

  const TensorView feed_forward_input =
      pass.take(feed_forward_input_, {num_rows_, config_.hidden_size});
  pass.enter(Stage::norm_rope_quant);
  ops::rms_norm(ctx_, {hidden, weights.post_attention_norm, feed_forward_input, eps});
  const TensorView load = expert_load_.view().rows(pass.layer, 1).reshaped({config_.num_experts});
  const TensorView update = feed_forward_.run(pass, weights, feed_forward_input, load);
  pass.enter(Stage::other);
  ops::add(ctx_, {hidden, update});

  if (observer == nullptr) return;
  clock_.leave();
  observer->on_layer({.layer = pass.layer,
                      .is_full = runs_indexer,
                      .attention_input = attention_input,
                      .q_latent_norm = qr,
                      .indices = indices,
                      .margins = margins,
                      .attention_output = attended,
                      .hidden = hidden,
                      .experts = feed_forward_.experts()});
}

TensorView Forward::final_norm(ConstTensorView hidden) {
  const TensorView normed = final_norm_.take(dtype_, {hidden.dim(0), hidden.dim(1)}, queue_);
  clock_.enter(kNoLayer, Stage::norm_rope_quant);
  ops::rms_norm(ctx_,
                {hidden, weights_.final_norm, normed, static_cast<float>(config_.rms_norm_eps)});
  return normed;
}

/// The rows whose logits are wanted, one behind the other; empty for none.
TensorView Forward::gather_wanted(std::span<const ForwardEntry> entries, ConstTensorView hidden) {
  std::int64_t wanted = 0;
  for (const ForwardEntry& entry : entries) {
    if (!entry.logits.empty()) wanted += entry.logits.dim(0);
  }
  if (wanted == 0) return {};
  const TensorView rows = logit_rows_.take(dtype_, {wanted, config_.hidden_size}, queue_);
  std::int64_t done = 0;
  for (std::size_t e = 0; e < entries.size();) {
    std::int64_t count = entries[e].logits.empty() ? 0 : entries[e].logits.dim(0);
    const std::int64_t end = packed_[e].span.row_begin + packed_[e].span.num_rows;
    const std::int64_t begin = end - count;
    // Rows that lie one behind the other are one copy.
    while (++e < entries.size() && count > 0 && !entries[e].logits.empty() &&
           entries[e].logits.dim(0) == packed_[e].span.num_rows) {
      count += entries[e].logits.dim(0);
    }
    if (count == 0) continue;
    ops::copy_rows(ctx_, {.from = hidden.rows(begin, count), .to = rows.rows(done, count)});
    done += count;
  }
  return rows;
}

/// Into the entries' own logits where these are beside the weights. Otherwise into scratch, one
/// behind the other, which is returned.
ConstTensorView Forward::compute_logits(std::span<const ForwardEntry> entries,
                                        ConstTensorView hidden) {
  clock_.enter(kNoLayer, Stage::lm_head);
  const TensorView rows = gather_wanted(entries, hidden);
  if (rows.empty()) return {};
  const TensorView normed = final_norm(rows);
  clock_.enter(kNoLayer, Stage::lm_head);
  const Tensor& head = config_.tie_word_embeddings ? weights_.embedding : weights_.lm_head;
  const std::int64_t vocab = config_.vocab_size;
  if (queue_ != nullptr && wanted_logits(entries, 0).logits.device().is_cpu()) {
    const TensorView all = logits_.take(DType::f32, {rows.dim(0), vocab}, queue_);
    ops::linear(ctx_, {.x = normed, .weight = head, .bias = {}, .out = all});
    return all;
  }
  std::int64_t done = 0;
  for (WantedLogits next = wanted_logits(entries, 0); !next.logits.empty();
       next = wanted_logits(entries, next.end)) {
    const std::int64_t count = next.logits.dim(0);
    ops::linear(ctx_,
                {.x = normed.rows(done, count), .weight = head, .bias = {}, .out = next.logits});
    done += count;
  }
  return {};
}

void Forward::copy_logits(std::span<const ForwardEntry> entries, ConstTensorView logits) {
  if (logits.empty()) return;
  clock_.enter(kNoLayer, Stage::lm_head);
  std::int64_t done = 0;
  for (WantedLogits next = wanted_logits(entries, 0); !next.logits.empty();
       next = wanted_logits(entries, next.end)) {
    queue_->copy(next.logits.raw(), logits.rows(done, next.logits.dim(0)).raw(),
                 next.logits.bytes());
    done += next.logits.dim(0);
  }
}

}  // namespace dsabench
