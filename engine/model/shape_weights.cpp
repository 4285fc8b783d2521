#include "engine/model/shape_weights.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "engine/model/shape_weights_channels.h"
#include "engine/model/shape_weights_picks.h"
#include "engine/model/shape_weights_random.h"
#include "engine/model/shape_weights_router.h"
#include "engine/model/weight_placement.h"
#include "kernels/base/error.h"
#include "kernels/ops/fill_normal.h"

// Generated weights that behave like a trained model's where speed depends on it.
//
// Everything is N(0, 1/fan_in), embeddings N(0, 1), norms 1, biases 0, with these exceptions.
//
// 1. Depth. Matrices whose product is added to the residual stream (o_proj, down_proj) have
// variance
//    1/(2 * layers * fan_in): the stream's variance grows by a fraction over all layers together
//    instead of by a multiple, and tokens stay as different as their embeddings.
//
// 2. Protected channels (ShapeChannels). A few channels of the residual stream receive nothing from
//    any block: those rows of o_proj and down_proj are zero. Every layer finds there what the
//    embedding put there, divided by the norm.
//
// 3. Routers read only their own protected channels (N(0, 1/their number)), so that a token's
//    experts are known from its embedding, and the bias that balances them is computed rather than
//    measured: see shape_weights_router.cpp.
//
// 4. Picks::planted. Published models select nearly the same keys for neighbour queries (0.80-0.90)
//    and in neighbour layers (0.7-1.0). Here every query of every layer asks for the same feature
//    of a key, its salience, and random parts make them disagree as much as they should:
//
//      embedding     some channels hold a constant c; four hold n^2/2 of a normal n. The sum s of
//                    the four is the token's salience, Gamma(2): the share of keys that a small
//                    shift of the cut changes is nearly the same at every ratio of k to context.
//      q_a_proj      latent 0 reads the constant channels alone, so it is the same in all queries.
//      wq_b          in each head, latent 0 maps to +-beta on four dimensions past the rotary ones.
//      wk            those dimensions hold +-b of one salience channel each. Signs alternate, so
//      that
//                    the mean that the key's LayerNorm takes away cancels in the product.
//      weights_proj  head weights have mean 3 and variance 1: seldom negative.
//      position      the slower half of the rotary pairs are constant in keys and in the planted
//      part
//                    of queries: after rotation their product depends on the distance alone and
//                    falls over thousands of tokens, a mild preference for near keys. It also
//                    orders the equal tokens of a small vocabulary alike for all queries.
//      anchor        two dimensions of a key are large opposite constants that no query reads: they
//                    keep the norm that LayerNorm divides by from varying with the key's random
//                    part.
//
//    So score = G * (beta * b * s + position) + noise, where the noise is the product of the random
//    parts of query and key, independent between queries and between layers: averaged over H heads
//    it has deviation about sqrt(Di / H) for keys of Di elements. beta * b is kSignal times that,
//    and with two independent noises of 1/kSignal units of salience a share of about 0.56 * hazard
//    / kSignal of the picks differs, hazard (0.7-0.9) being Gamma(2)'s at the cut. Measured
//    overlaps are printed with every speed table (engine/search/overlap.h).
//
// Where the weights belong on a device, what nothing edits or reads afterwards is generated there,
// and the rest on the host, a layer at a time: the same bits either way.
//
// With Picks::random no step of 4 is taken, and overlaps are those of chance.

namespace dsabench {
namespace {

/// Raised whenever generated values change: part of the model id.
constexpr int kGeneratorVersion = 1;

class Generator {
 public:
  Generator(const ModelConfig& config, Picks picks, std::uint64_t seed,
            const WeightPlacement& placement)
      : config_(config), channels_(config), placement_(placement), seed_(seed) {
    if (placement.queue != nullptr) {
      ctx_.device = placement.queue->device();
      ctx_.stream = placement.queue->stream();
    }
    if (2 * channels_.protected_end() > config.hidden_size) {
      throw InvalidArgument(fmt::format("{}: generated weights need hidden_size >= {}, got {}",
                                        config.name, 2 * channels_.protected_end(),
                                        config.hidden_size));
    }
    if (picks == Picks::planted) planted_.emplace(config_, channels_);
  }

  Weights weights() {
    Weights result;
    Tensor embedding =
        host_normal("model.embed_tokens.weight", config_.vocab_size, config_.hidden_size, 1.0);
    if (planted_) planted_->plant_embedding(embedding);
    result.final_norm = placed(constant(config_.hidden_size, 1.0f), placement_);
    if (!config_.tie_word_embeddings) {
      result.lm_head = matrix("lm_head.weight", config_.vocab_size, config_.hidden_size);
    }
    for (std::int64_t layer = 0; layer < config_.num_layers; ++layer) {
      result.layers.push_back(layer_weights(layer, embedding));
      place(result.layers.back(), placement_);
    }
    result.embedding = placed(std::move(embedding), placement_);
    if (placement_.queue != nullptr) placement_.queue->wait();
    return result;
  }

 private:
  /// Independent N(0, variance) elements, on the host or at the weights' place.
  void fill(TensorView view, const std::string& name, double variance) const {
    ops::fill_normal(view.device().is_cpu() ? host_ : ctx_,
                     {.out = view,
                      .seed = seed_,
                      .stream = shape_stream(name),
                      .scale = static_cast<float>(std::sqrt(variance))});
  }
  Tensor at_place(std::vector<std::int64_t> shape) const {
    return {placement_.dtype, std::move(shape), placement_.queue};
  }
  Tensor matrix(const std::string& name, std::int64_t rows, std::int64_t columns) const {
    Tensor tensor = at_place({rows, columns});
    fill(tensor, name, 1.0 / double(columns));
    return tensor;
  }
  /// For tensors that are edited or read on the host before they are placed.
  Tensor host_normal(const std::string& name, std::int64_t rows, std::int64_t columns,
                     double variance) const {
    Tensor tensor(DType::f32, {rows, columns});
    fill(tensor, name, variance);
    return tensor;
  }
  Tensor host_matrix(const std::string& name, std::int64_t rows, std::int64_t columns) const {
    return host_normal(name, rows, columns, 1.0 / double(columns));
  }
  static Tensor constant(std::int64_t size, float value) {
    Tensor tensor(DType::f32, {size});
    std::fill_n(tensor.data<float>(), size, value);
    return tensor;
  }
  /// A matrix whose product is added to the residual stream; the `at`-th of a stack of them.
  void fill_output(Tensor& tensor, std::int64_t at, const std::string& name) const {
    const std::int64_t fan_in = tensor.shape().back();
    const std::int64_t first = at * config_.hidden_size * fan_in * dtype_bytes(tensor.dtype());
    fill(TensorView(tensor.view().raw() + first, tensor.dtype(), {config_.hidden_size, fan_in},
                    tensor.device()),
         name, 1.0 / (2.0 * double(config_.num_layers) * double(fan_in)));
    tensor.fill_bytes(first, channels_.protected_end() * fan_in * dtype_bytes(tensor.dtype()), 0);
  }
  Tensor output_matrix(const std::string& name, std::int64_t columns) const {
    Tensor tensor = at_place({config_.hidden_size, columns});
    fill_output(tensor, 0, name);
    return tensor;
  }

  LayerWeights layer_weights(std::int64_t layer, ConstTensorView embedding) const {
    const std::string prefix = fmt::format("model.layers.{}.", layer);
    LayerWeights result;
    result.input_norm = constant(config_.hidden_size, 1.0f);
    result.post_attention_norm = constant(config_.hidden_size, 1.0f);
    result.attention = attention(prefix + "self_attn.");
    if (planted_) planted_->plant_layer(result.attention);
    if (config_.is_moe[std::size_t(layer)]) {
      result.moe = mixture(prefix + "mlp.", layer, embedding);
    } else {
      result.dense = dense(prefix + "mlp.", config_.dense_intermediate_size);
    }
    return result;
  }

  AttentionWeights attention(const std::string& prefix) const {
    const ModelConfig& c = config_;
    const std::int64_t kv_a_rows = c.kv_lora_rank + c.qk_rope_dim;
    AttentionWeights w;
    w.q_a_proj = host_matrix(prefix + "q_a_proj.weight", c.q_lora_rank, c.hidden_size);
    w.q_a_norm = constant(c.q_lora_rank, 1.0f);
    w.q_b_proj = matrix(prefix + "q_b_proj.weight", c.num_heads * c.qk_head_dim(), c.q_lora_rank);
    w.kv_a_proj = matrix(prefix + "kv_a_proj_with_mqa.weight", kv_a_rows, c.hidden_size);
    w.kv_a_norm = constant(c.kv_lora_rank, 1.0f);
    w.kv_b_proj = matrix(prefix + "kv_b_proj.weight", c.num_heads * (c.qk_nope_dim + c.v_dim),
                         c.kv_lora_rank);
    w.o_proj = output_matrix(prefix + "o_proj.weight", c.num_heads * c.v_dim);
    if (c.attention_bias) {
      w.q_a_bias = constant(c.q_lora_rank, 0.0f);
      w.kv_a_bias = constant(kv_a_rows, 0.0f);
      w.o_bias = constant(c.hidden_size, 0.0f);
    }
    w.indexer = indexer(prefix + "indexer.");
    return w;
  }

  IndexerWeights indexer(const std::string& prefix) const {
    const ModelConfig& c = config_;
    IndexerWeights w;
    w.wq_b = host_matrix(prefix + "wq_b.weight", c.index_heads * c.index_dim, c.q_lora_rank);
    w.wk = host_matrix(prefix + "wk.weight", c.index_dim, c.hidden_size);
    w.k_norm_weight = constant(c.index_dim, 1.0f);
    w.k_norm_bias = constant(c.index_dim, 0.0f);
    w.weights_proj = host_matrix(prefix + "weights_proj.weight", c.index_heads, c.hidden_size);
    return w;
  }

  /// Gate and up are one tensor in memory, two in a checkpoint.
  void fill_gate_up(TensorView gate_up, const std::string& prefix) const {
    const std::int64_t half = gate_up.dim(0) / 2;
    const double variance = 1.0 / double(config_.hidden_size);
    fill(gate_up.rows(0, half), prefix + "gate_proj.weight", variance);
    fill(gate_up.rows(half, half), prefix + "up_proj.weight", variance);
  }

  DenseMlpWeights dense(const std::string& prefix, std::int64_t intermediate) const {
    DenseMlpWeights w;
    w.gate_up = at_place({2 * intermediate, config_.hidden_size});
    fill_gate_up(w.gate_up, prefix);
    w.down = output_matrix(prefix + "down_proj.weight", intermediate);
    return w;
  }

  MoeWeights mixture(const std::string& prefix, std::int64_t layer,
                     ConstTensorView embedding) const {
    const std::int64_t experts = config_.num_experts, width = config_.expert_intermediate_size;
    const std::int64_t hidden = config_.hidden_size;
    MoeWeights w;
    w.router = router(prefix + "gate.weight");
    w.router_bias = balanced_router_bias(config_, channels_, layer, w.router, embedding);
    w.gate_up = at_place({experts, 2 * width, hidden});
    w.down = at_place({experts, hidden, width});
    for (std::int64_t e = 0; e < experts; ++e) {
      const std::string owner = fmt::format("{}experts.{}.", prefix, e);
      fill_gate_up(w.gate_up.view().rows(e, 1).reshaped({2 * width, hidden}), owner);
      fill_output(w.down, e, owner + "down_proj.weight");
    }
    if (config_.num_shared_experts > 0) {
      w.shared = dense(prefix + "shared_experts.", width * config_.num_shared_experts);
    }
    return w;
  }

  /// Reads the router channels alone; their number takes the place of the fan-in.
  Tensor router(const std::string& name) const {
    const std::int64_t columns = channels_.router_end - channels_.router_begin;
    Tensor tensor =
        host_normal(name, config_.num_experts, config_.hidden_size, 1.0 / double(columns));
    for (std::int64_t e = 0; e < config_.num_experts; ++e) {
      float* row = tensor.view().row<float>(e);
      std::fill(row, row + channels_.router_begin, 0.0f);
      std::fill(row + channels_.router_end, row + config_.hidden_size, 0.0f);
    }
    return tensor;
  }

  const ModelConfig& config_;
  const ShapeChannels channels_;
  std::optional<PlantedPicks> planted_;
  WeightPlacement placement_;
  Context host_, ctx_;
  std::uint64_t seed_;
};

/// Of the recipe, which fixes every bit of the weights.
std::string recipe_id(const ModelConfig& config, Picks picks, std::uint64_t seed) {
  const std::string recipe = fmt::format("shape weights {}\n{}\n{}\n{}", kGeneratorVersion,
                                         picks_name(picks), seed, to_json(config));
  const XXH128_hash_t hash = XXH3_128bits(recipe.data(), recipe.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace

const char* picks_name(Picks picks) { return picks == Picks::planted ? "planted" : "random"; }

Picks parse_picks(std::string_view name) {
  for (const Picks picks : {Picks::planted, Picks::random}) {
    if (name == picks_name(picks)) return picks;
  }
  throw InvalidArgument(fmt::format("picks '{}' is not one of planted, random", name));
}

float shape_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return ops::normal_at(ops::normal_stream(seed, stream), index);
}

Weights generate_shape_weights(const ModelConfig& config, Picks picks, std::uint64_t seed) {
  return generate_shape_weights(config, picks, seed, {});
}

Weights generate_shape_weights(const ModelConfig& config, Picks picks, std::uint64_t seed,
                               const WeightPlacement& placement) {
  validate(config);
  check_placement(placement);
  Weights weights = Generator(config, picks, seed, placement).weights();
  weights.content_id = recipe_id(config, picks, seed);
  weights.notices.push_back(fmt::format("generated weights ({} picks, seed {}): for speed only",
                                        picks_name(picks), seed));
  return weights;
}

}  // namespace dsabench
