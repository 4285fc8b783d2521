#include "engine/engine.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

#include "engine/forward.h"
#include "engine/pass_in_pieces.h"
#include "engine/weight_shapes.h"
#include "kernels/base/check.h"

namespace dsabench {
namespace {

struct Sequence {
  SequenceCache cache;
  std::uint64_t last_batch = 0;  ///< stamp of the batch that named it last, to find duplicates
};

void check_options(const ModelConfig& config, const EngineOptions& options) {
  if (options.chunk_tokens < 1) {
    throw InvalidArgument(
        fmt::format("engine: chunk_tokens is {}, must be at least 1", options.chunk_tokens));
  }
  if (options.latent_norm_eps &&
      !(*options.latent_norm_eps > 0 && std::isfinite(*options.latent_norm_eps))) {
    throw InvalidArgument(
        fmt::format("engine: latent_norm_eps is {}, must be positive", *options.latent_norm_eps));
  }
  if (options.dense_attention) return;
  if (config.qk_rope_dim > config.index_dim) {
    throw InvalidArgument(fmt::format("engine: {} rotates {} of {} indexer dimensions", config.name,
                                      config.qk_rope_dim, config.index_dim));
  }
  if (options.indexer_mode == IndexerMode::fp8_hadamard &&
      !std::has_single_bit(static_cast<std::uint64_t>(config.index_dim))) {
    throw InvalidArgument(fmt::format(
        "engine: indexer mode fp8_hadamard needs an index_dim that is a power of two, {} has {}",
        config.name, config.index_dim));
  }
}

BlockPool::Options pool_options(const EngineOptions& options, const Weights& weights) {
  BlockPool::Options pool{
      {}, weights.dtype(), weights.queue(), options.block_order_seed, options.cache_format};
  if (!options.dense_attention) pool.mode = options.indexer_mode;
  return pool;
}

}  // namespace

struct Engine::State {
  State(std::shared_ptr<const ModelConfig> config_in, std::shared_ptr<const Weights> weights_in,
        LayerPattern pattern_in, EngineOptions options_in)
      : config(std::move(config_in)),
        weights(std::move(weights_in)),
        pattern(std::move(pattern_in)),
        options(options_in),
        queue(weights->queue()),
        pool(std::make_shared<BlockPool>(*config, pattern, pool_options(options, *weights))),
        forward(*config, *weights, pattern, options) {}

  Sequence& sequence(std::int64_t id);
  std::int64_t check_batch(std::span<const SequenceTokens> batch);
  void check_tokens(const SequenceTokens& entry);
  void check_logits(TensorView logits, std::int64_t rows) const;
  void wait() const {
    if (queue != nullptr) queue->wait();
  }
  void check_reserve(std::int64_t tokens) const;
  void stage(std::span<const SequenceTokens> batch, std::int64_t chunk);
  void run_pass(std::span<const SequenceTokens> batch, std::int64_t begin, std::int64_t limit,
                LogitRows which, TensorView logits, ForwardObserver* observer);

  std::shared_ptr<const ModelConfig> config;
  std::shared_ptr<const Weights> weights;
  LayerPattern pattern;
  EngineOptions options;
  DeviceQueue* queue;  ///< null on the host
  std::shared_ptr<BlockPool> pool;
  Forward forward;
  std::map<std::int64_t, Sequence> sequences;
  std::int64_t next_sequence = 0;
  std::uint64_t batch_stamp = 0;
  std::uint64_t changes = 0;  ///< ends passes in pieces
  // Reused from call to call.
  std::vector<ForwardEntry> entries;
  std::vector<SequenceTokens> decode_batch;
  std::vector<std::int64_t> first_lengths;
  std::vector<CallInput::Entry> call_entries;
  CallInput input;
};

Sequence& Engine::State::sequence(std::int64_t id) {
  const auto found = sequences.find(id);
  if (found == sequences.end()) {
    throw InvalidArgument(fmt::format("engine: there is no sequence {}", id));
  }
  return found->second;
}

/// Number of tokens in the batch.
std::int64_t Engine::State::check_batch(std::span<const SequenceTokens> batch) {
  if (batch.empty()) throw InvalidArgument("engine: a batch of no sequences");
  ++batch_stamp;
  std::int64_t tokens = 0;
  for (const SequenceTokens& entry : batch) {
    if (std::exchange(sequence(entry.sequence).last_batch, batch_stamp) == batch_stamp) {
      throw InvalidArgument(fmt::format("engine: sequence {} is twice in a batch", entry.sequence));
    }
    check_tokens(entry);
    tokens += std::ssize(entry.tokens);
  }
  return tokens;
}

void Engine::State::check_tokens(const SequenceTokens& entry) {
  if (entry.tokens.empty()) {
    throw InvalidArgument(fmt::format("engine: no tokens for sequence {}", entry.sequence));
  }
  const std::int64_t length = sequence(entry.sequence).cache.length();
  if (std::ssize(entry.tokens) > config->max_positions - length) {
    throw InvalidArgument(fmt::format(
        "engine: sequence {} holds {} tokens and gets {} more, {} takes {}", entry.sequence, length,
        entry.tokens.size(), config->name, config->max_positions));
  }
  for (std::size_t i = 0; i < entry.tokens.size(); ++i) {
    if (entry.tokens[i] < 0 || entry.tokens[i] >= config->vocab_size) {
      throw InvalidArgument(
          fmt::format("engine: token {} of sequence {} is {}, outside the vocabulary of {}", i,
                      entry.sequence, entry.tokens[i], config->vocab_size));
    }
  }
}

void Engine::State::check_logits(TensorView logits, std::int64_t rows) const {
  if (logits.empty()) return;
  const Context place{.device = logits.device().is_cpu() ? Device() : weights->embedding.device()};
  check_tensor(place, "engine", "logits", logits, DType::f32, {rows, config->vocab_size});
  if (!logits.is_contiguous()) throw InvalidArgument("engine: logits must be contiguous");
}

void Engine::State::check_reserve(std::int64_t tokens) const {
  if (tokens >= 0 && tokens <= config->max_positions) return;
  throw InvalidArgument(fmt::format("engine: reserve of {} tokens, {} takes 0 to {}", tokens,
                                    config->name, config->max_positions));
}

/// Takes the blocks for a call's tokens and stages these for passes of `chunk` tokens an entry.
void Engine::State::stage(std::span<const SequenceTokens> batch, std::int64_t chunk) {
  ++changes;
  call_entries.clear();
  for (const SequenceTokens& entry : batch) {
    SequenceCache& cache = sequence(entry.sequence).cache;
    cache.reserve(cache.length() + std::ssize(entry.tokens));
    call_entries.push_back({&cache, entry.tokens});
  }
  input.stage(call_entries, chunk, queue);
}

/// Runs the tokens [begin, begin + limit) of every entry that has any left: the next of `input`.
void Engine::State::run_pass(std::span<const SequenceTokens> batch, std::int64_t begin,
                             std::int64_t limit, LogitRows which, TensorView logits,
                             ForwardObserver* observer) {
  entries.clear();
  std::int64_t row = 0;  // of the entry's first logits
  std::int64_t rows_now = 0;
  for (const SequenceTokens& entry : batch) {
    const std::int64_t size = std::ssize(entry.tokens);
    const std::int64_t rows = which == LogitRows::all ? size : 1;
    if (begin < size) {
      const std::int64_t count = std::min(limit, size - begin);
      TensorView wanted;
      if (!logits.empty() && which == LogitRows::all) wanted = logits.rows(row + begin, count);
      if (!logits.empty() && which == LogitRows::last && begin + count == size) {
        wanted = logits.rows(row, 1);
      }
      entries.push_back({entry.sequence, &sequence(entry.sequence).cache, count, wanted});
      rows_now += count;
    }
    row += rows;
  }
  forward.run(input.next(rows_now), entries, observer);
}

Engine::Engine(std::shared_ptr<const ModelConfig> config, std::shared_ptr<const Weights> weights,
               LayerPattern pattern, EngineOptions options) {
  if (!config || !weights) throw InvalidArgument("engine: no config or no weights");
  validate(*config);
  check_options(*config, options);
  if (pattern.num_layers() != config->num_layers) {
    throw InvalidArgument(fmt::format("engine: pattern {} has {} letters, {} has {} layers",
                                      pattern.letters(), pattern.num_layers(), config->name,
                                      config->num_layers));
  }
  check_weights_against_config(*config, *weights);
  if (!options.dense_attention) check_pattern_against_weights(pattern, *weights);
  state_ =
      std::make_unique<State>(std::move(config), std::move(weights), std::move(pattern), options);
}

Engine::~Engine() = default;

const ModelConfig& Engine::config() const { return *state_->config; }
const LayerPattern& Engine::pattern() const { return state_->pattern; }
const EngineOptions& Engine::options() const { return state_->options; }
Device Engine::device() const { return state_->weights->embedding.device(); }
DType Engine::dtype() const { return state_->weights->dtype(); }

void Engine::reserve(std::int64_t sequences, std::int64_t tokens) {
  state_->check_reserve(tokens);
  if (sequences < 0) {
    throw InvalidArgument(fmt::format("engine: reserve for {} sequences", sequences));
  }
  ++state_->changes;
  state_->pool->make_room(sequences * ops::blocks_of(tokens));
  state_->wait();
}

std::int64_t Engine::add_sequence(std::int64_t reserve_tokens) {
  state_->check_reserve(reserve_tokens);
  ++state_->changes;
  state_->pool->make_room(ops::blocks_of(reserve_tokens));
  SequenceCache cache(state_->pool);
  cache.reserve(reserve_tokens);
  state_->wait();
  state_->sequences.emplace(state_->next_sequence, Sequence{std::move(cache)});
  return state_->next_sequence++;
}

void Engine::remove_sequence(std::int64_t sequence) {
  state_->sequence(sequence);
  ++state_->changes;
  state_->sequences.erase(sequence);
}

std::int64_t Engine::length(std::int64_t sequence) const { return cache(sequence).length(); }

const SequenceCache& Engine::cache(std::int64_t sequence) const {
  return state_->sequence(sequence).cache;
}

void Engine::truncate(std::int64_t sequence, std::int64_t tokens) {
  SequenceCache& cache = state_->sequence(sequence).cache;
  if (tokens < 0 || tokens > cache.length()) {
    throw InvalidArgument(fmt::format("engine: sequence {} of {} tokens truncated to {}", sequence,
                                      cache.length(), tokens));
  }
  ++state_->changes;
  cache.set_length(tokens);
  state_->wait();
}

void Engine::copy_sequence(std::int64_t from, std::int64_t to) {
  const SequenceCache& source = state_->sequence(from).cache;
  ++state_->changes;
  state_->sequence(to).cache.assign(source);
  state_->wait();
}

void Engine::forward(std::span<const SequenceTokens> batch, LogitRows which, TensorView logits,
                     ForwardObserver* observer) {
  const std::int64_t tokens = state_->check_batch(batch);
  state_->check_logits(logits, which == LogitRows::all ? tokens : std::ssize(batch));
  state_->stage(batch, tokens);
  state_->run_pass(batch, 0, tokens, which, logits, observer);
  if (logits.device().is_cpu()) state_->wait();
}

void Engine::prefill(std::span<const SequenceTokens> batch, LogitRows which, TensorView logits,
                     ForwardObserver* observer) {
  State& state = *state_;
  const std::int64_t tokens = state.check_batch(batch);
  state.check_logits(logits, which == LogitRows::all ? tokens : std::ssize(batch));
  state.first_lengths.clear();
  std::int64_t longest = 0;
  for (const SequenceTokens& entry : batch) {
    state.first_lengths.push_back(state.sequence(entry.sequence).cache.length());
    longest = std::max(longest, std::int64_t{std::ssize(entry.tokens)});
  }
  const std::int64_t chunk = std::min(state.options.chunk_tokens, longest);
  state.stage(batch, chunk);
  try {
    for (std::int64_t begin = 0; begin < longest; begin += chunk) {
      state.run_pass(batch, begin, chunk, which, logits, observer);
    }
    state.wait();
  } catch (...) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      state.sequence(batch[i].sequence).cache.set_length(state.first_lengths[i]);
    }
    throw;
  }
}

void Engine::decode(std::span<const std::int64_t> sequences, std::span<const std::int32_t> tokens,
                    TensorView logits, ForwardObserver* observer) {
  if (sequences.size() != tokens.size()) {
    throw InvalidArgument(fmt::format("engine: decode of {} sequences with {} tokens",
                                      sequences.size(), tokens.size()));
  }
  state_->decode_batch.clear();
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    state_->decode_batch.push_back({sequences[i], tokens.subspan(i, 1)});
  }
  forward(state_->decode_batch, LogitRows::last, logits, observer);
}

PassInPieces Engine::begin_pass(std::span<const SequenceTokens> batch) {
  State& state = *state_;
  const std::int64_t tokens = state.check_batch(batch);
  state.stage(batch, tokens);
  std::vector<ForwardEntry> entries;
  for (const SequenceTokens& entry : batch) {
    entries.push_back(
        {entry.sequence, &state.sequence(entry.sequence).cache, std::ssize(entry.tokens), {}});
  }
  return {*this, state.changes, state.forward, state.input.next(tokens), std::move(entries)};
}

Snapshot Engine::snapshot(std::int64_t sequence) const {
  Snapshot copy(cache(sequence).clone());
  state_->wait();
  return copy;
}

void Engine::restore(std::int64_t sequence, const Snapshot& snapshot) {
  Sequence& to = state_->sequence(sequence);
  ++state_->changes;
  to.cache.assign(snapshot.cache_);
  state_->wait();
}

std::int64_t Engine::num_forwards() const { return state_->forward.num_forwards(); }
std::span<const std::uint64_t> Engine::indexer_runs() const {
  return state_->forward.indexer_runs();
}
HostView Engine::expert_load() const { return state_->forward.expert_load(); }
const StageClock& Engine::stage_clock() const { return state_->forward.clock(); }
void Engine::observe_stages(StageObserver* observer) { state_->forward.observe_stages(observer); }
void Engine::time_stages(bool timed) { state_->forward.time_stages(timed); }
void Engine::reset_counters() { state_->forward.reset_counters(); }

std::int64_t Engine::cache_bytes() const {
  const BlockPool& pool = *state_->pool;
  return (pool.num_blocks() - pool.num_free()) * ops::kBlockRows * pool.bytes_per_token();
}
std::int64_t Engine::allocated_cache_bytes() const { return state_->pool->allocated_bytes(); }

}  // namespace dsabench
