#include "engine/model/weights.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/model/safetensors.h"
#include "kernels/base/error.h"
#include "kernels/base/float_formats.h"
#include "tests/support/catch.h"
#include "tests/support/checkpoint.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

const std::string kGoldenFolder = DSABENCH_TEST_DATA "/golden/";
const std::string kTiny = kGoldenFolder + "glm_moe_dsa_tiny";

ModelConfig config_of(const std::string& folder) {
  return load_model_config(folder + "/config.json");
}

Weights load_saved(const ModelConfig& config, const Checkpoint& checkpoint) {
  const ScratchFolder folder;
  checkpoint.save(folder / "model.safetensors");
  return load_weights(config, folder.path());
}

bool same_tensor(const Tensor& a, const Tensor& b) {
  if (a.empty() || b.empty()) return a.empty() && b.empty();
  return a.view().shape_string() == b.view().shape_string() &&
         std::memcmp(a.view().raw(), b.view().raw(), std::size_t(a.bytes())) == 0;
}

bool same_mlp(const std::optional<DenseMlpWeights>& a, const std::optional<DenseMlpWeights>& b) {
  if (!a || !b) return !a && !b;
  return same_tensor(a->gate_up, b->gate_up) && same_tensor(a->down, b->down);
}

bool same_layer(const LayerWeights& a, const LayerWeights& b) {
  const AttentionWeights &p = a.attention, &q = b.attention;
  bool same = same_tensor(a.input_norm, b.input_norm) &&
              same_tensor(a.post_attention_norm, b.post_attention_norm) &&
              same_tensor(p.q_a_proj, q.q_a_proj) && same_tensor(p.q_a_norm, q.q_a_norm) &&
              same_tensor(p.q_b_proj, q.q_b_proj) && same_tensor(p.kv_a_proj, q.kv_a_proj) &&
              same_tensor(p.kv_a_norm, q.kv_a_norm) && same_tensor(p.kv_b_proj, q.kv_b_proj) &&
              same_tensor(p.o_proj, q.o_proj) && same_mlp(a.dense, b.dense) &&
              p.indexer.has_value() == q.indexer.has_value() &&
              a.moe.has_value() == b.moe.has_value();
  if (same && p.indexer) {
    same = same_tensor(p.indexer->wq_b, q.indexer->wq_b) &&
           same_tensor(p.indexer->wk, q.indexer->wk) &&
           same_tensor(p.indexer->k_norm_weight, q.indexer->k_norm_weight) &&
           same_tensor(p.indexer->k_norm_bias, q.indexer->k_norm_bias) &&
           same_tensor(p.indexer->weights_proj, q.indexer->weights_proj);
  }
  if (same && a.moe) {
    same = same_tensor(a.moe->router, b.moe->router) &&
           same_tensor(a.moe->router_bias, b.moe->router_bias) &&
           same_tensor(a.moe->gate_up, b.moe->gate_up) && same_tensor(a.moe->down, b.moe->down) &&
           same_mlp(a.moe->shared, b.moe->shared);
  }
  return same;
}

bool same_weights(const Weights& a, const Weights& b) {
  bool same = same_tensor(a.embedding, b.embedding) && same_tensor(a.final_norm, b.final_norm) &&
              same_tensor(a.lm_head, b.lm_head) && a.layers.size() == b.layers.size();
  for (std::size_t i = 0; same && i < a.layers.size(); ++i) {
    same = same_layer(a.layers[i], b.layers[i]);
  }
  return same;
}

}  // namespace

TEST_CASE("weights: every reference checkpoint loads, in both config styles") {
  for (const char* name : {"glm_moe_dsa_tiny", "glm_moe_dsa_pattern", "deepseek_v32_tiny",
                           "deepseek_v32_pattern", "glm_moe_dsa_tiny_fp8"}) {
    CAPTURE(name);
    const std::string folder = kGoldenFolder + name;
    const ModelConfig config = config_of(folder);
    const Weights weights = load_weights(config, folder);
    REQUIRE(weights.layers.size() == 6);
    CHECK(weights.layers[0].dense.has_value());
    CHECK(weights.layers[5].moe.has_value());
    CHECK(weights.content_id.size() == 32);
    check_pattern_against_weights(LayerPattern::from_config(config, Dialect::automatic), weights);
    if (std::string(name) == "glm_moe_dsa_pattern") {
      REQUIRE(weights.notices.size() == 1);
      CHECK(weights.notices[0] == "indexer absent on layers 1-2, 4-5");
      CHECK(weights.bytes() < 4 * config.num_parameters());
    } else {
      CHECK(weights.notices.empty());
      CHECK(weights.bytes() == 4 * config.num_parameters());
    }
    if (std::string(name) != "glm_moe_dsa_tiny_fp8") {
      const Weights legacy =
          load_weights(load_model_config(folder + "/config_legacy.json"), folder);
      CHECK(same_weights(weights, legacy));
      CHECK(legacy.content_id == weights.content_id);
    }
  }
}

TEST_CASE("weights: tensors land where they belong") {
  const Weights weights = load_weights(config_of(kTiny), kTiny);
  const CheckpointFiles files = CheckpointFiles::open(kTiny);
  const auto holds = [&](const float* data, const std::string& name) {
    const ConstTensorView view = files.tensor(name);
    CAPTURE(name);
    CHECK(std::memcmp(data, view.raw(), std::size_t(view.bytes())) == 0);
  };
  holds(weights.lm_head.data<float>(), "lm_head.weight");
  holds(weights.layers[0].dense->gate_up.data<float>(), "model.layers.0.mlp.gate_proj.weight");
  holds(weights.layers[0].dense->gate_up.data<float>() + 160 * 64,
        "model.layers.0.mlp.up_proj.weight");
  const LayerWeights& last = weights.layers[5];
  holds(last.attention.kv_a_proj.data<float>(),
        "model.layers.5.self_attn.kv_a_proj_with_mqa.weight");
  holds(last.attention.indexer->k_norm_bias.data<float>(),
        "model.layers.5.self_attn.indexer.k_norm.bias");
  holds(last.moe->router_bias.data<float>(), "model.layers.5.mlp.gate.e_score_correction_bias");
  const float* third = last.moe->gate_up.data<float>() + 3 * 48 * 64;
  holds(third, "model.layers.5.mlp.experts.3.gate_proj.weight");
  holds(third + 24 * 64, "model.layers.5.mlp.experts.3.up_proj.weight");
  holds(last.moe->down.data<float>() + 7 * 64 * 24,
        "model.layers.5.mlp.experts.7.down_proj.weight");
  holds(last.moe->shared->gate_up.data<float>() + 24 * 64,
        "model.layers.5.mlp.shared_experts.up_proj.weight");
}

TEST_CASE("weights: shards hold the same model as one file") {
  DSABENCH_SEEDED(random);
  const Weights whole = load_weights(config_of(kTiny), kTiny);
  const Checkpoint all = Checkpoint::read(kTiny);
  Checkpoint shards[3];
  nlohmann::json map;
  for (const auto& [name, tensor] : all.tensors) {
    const std::int64_t shard = random.integer(0, 2);
    shards[shard].tensors.emplace(name, tensor.clone());
    map[name] = "model-" + std::to_string(shard) + ".safetensors";
  }
  const ScratchFolder folder;
  for (int i = 0; i < 3; ++i) {
    shards[i].save(folder / ("model-" + std::to_string(i) + ".safetensors"));
  }
  folder.write("model.safetensors.index.json", nlohmann::json{{"weight_map", map}}.dump());
  const Weights sharded = load_weights(config_of(kTiny), folder.path());
  CHECK(same_weights(whole, sharded));
  CHECK(sharded.content_id == whole.content_id);
}

TEST_CASE("weights: fused experts are the separate ones") {
  Checkpoint checkpoint = Checkpoint::read(kTiny);
  for (int layer = 1; layer < 6; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".mlp.experts.";
    Tensor gate_up(DType::f32, {8, 48, 64}), down(DType::f32, {8, 64, 24});
    for (int e = 0; e < 8; ++e) {
      const std::string expert = prefix + std::to_string(e) + ".";
      checkpoint.move_into(expert + "gate_proj.weight", gate_up.data<float>() + e * 48 * 64);
      checkpoint.move_into(expert + "up_proj.weight", gate_up.data<float>() + (e * 48 + 24) * 64);
      checkpoint.move_into(expert + "down_proj.weight", down.data<float>() + e * 64 * 24);
    }
    checkpoint.tensors.emplace(prefix + "gate_up_proj", std::move(gate_up));
    checkpoint.tensors.emplace(prefix + "down_proj", std::move(down));
  }
  const Weights fused = load_saved(config_of(kTiny), checkpoint);
  CHECK(fused.notices.empty());
  CHECK(same_weights(fused, load_weights(config_of(kTiny), kTiny)));
}

TEST_CASE("weights: an indexer is whole or absent, and never absent on layer 0") {
  const ModelConfig config = config_of(kTiny);
  Checkpoint checkpoint = Checkpoint::read(kTiny);
  checkpoint.erase_prefix("model.layers.3.self_attn.indexer.");
  const Weights weights = load_saved(config, checkpoint);
  CHECK_FALSE(weights.layers[3].attention.indexer.has_value());
  REQUIRE(weights.notices.size() == 1);
  CHECK(weights.notices[0] == "indexer absent on layers 3");
  check_pattern_against_weights(LayerPattern::from_letters("FFFSFF"), weights);
  CHECK(contains(message_of<InvalidArgument>([&] {
                   check_pattern_against_weights(LayerPattern::from_letters("FFSFFF"), weights);
                 }),
                 "on layer 3"));
  CHECK_THROWS_AS(check_pattern_against_weights(LayerPattern::all_full(5), weights),
                  InvalidArgument);

  checkpoint.tensors.erase("model.layers.2.self_attn.indexer.k_norm.bias");
  CHECK(contains(message_of<InvalidArgument>([&] { load_saved(config, checkpoint); }),
                 "model.layers.2.self_attn.indexer.k_norm.bias"));
  checkpoint.erase_prefix("model.layers.2.self_attn.indexer.");
  checkpoint.erase_prefix("model.layers.0.self_attn.indexer.");
  CHECK(contains(message_of<InvalidArgument>([&] { load_saved(config, checkpoint); }), "layer 0"));
}

TEST_CASE("weights: layers beyond the model and unknown tensors are named, not loaded") {
  DSABENCH_SEEDED(random);
  ModelConfig config = config_of(kTiny);
  const Weights plain = load_weights(config, kTiny);
  Checkpoint checkpoint = Checkpoint::read(kTiny);
  for (const char* name : {"enorm.weight", "eh_proj.weight", "self_attn.q_a_proj.weight"}) {
    checkpoint.tensors.emplace(std::string("model.layers.6.") + name, random.normal_tensor({3}));
  }
  config.num_mtp_layers = 1;
  Weights weights = load_saved(config, checkpoint);
  REQUIRE(weights.notices.size() == 1);
  CHECK(weights.notices[0] == "multi-token prediction layers from layer 6 on ignored: 3 tensors");
  CHECK(weights.content_id == plain.content_id);
  CHECK(same_weights(weights, plain));

  checkpoint.tensors.emplace("model.layers.1.self_attn.rotary_emb.inv_freq",
                             random.normal_tensor({4}));
  weights = load_saved(config, checkpoint);
  REQUIRE(weights.notices.size() == 2);
  CHECK(contains(weights.notices[1], "1 tensors not used, the first: model.layers.1"));
}

TEST_CASE("weights: missing and mismatching tensors are named with both shapes") {
  const ModelConfig config = config_of(kTiny);
  const auto refusal = [&](const std::string& name, std::optional<Tensor> replacement) {
    Checkpoint checkpoint = Checkpoint::read(kTiny);
    REQUIRE(checkpoint.tensors.erase(name) == 1);
    if (replacement) checkpoint.tensors.emplace(name, std::move(*replacement));
    const std::string message =
        message_of<InvalidArgument>([&] { load_saved(config, checkpoint); });
    CAPTURE(message);
    CHECK(contains(message, name));
    return message;
  };
  for (const char* name :
       {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
        "model.layers.4.input_layernorm.weight", "model.layers.4.self_attn.kv_b_proj.weight",
        "model.layers.0.mlp.up_proj.weight", "model.layers.2.mlp.gate.weight",
        "model.layers.2.mlp.experts.7.down_proj.weight",
        "model.layers.2.mlp.shared_experts.gate_proj.weight"}) {
    CHECK(contains(refusal(name, std::nullopt), "missing"));
  }
  CHECK(contains(refusal("model.layers.1.self_attn.o_proj.weight", Tensor(DType::f32, {64, 63})),
                 "must have shape [64, 64], got [64, 63]"));
  CHECK(contains(refusal("model.norm.weight", Tensor(DType::f32, {64, 1})), "got [64, 1]"));
  CHECK(contains(refusal("model.norm.weight", Tensor(DType::i32, {64})), "got i32 [64]"));
  CHECK(contains(refusal("lm_head.weight", Tensor(DType::f8_e4m3, {256, 64})),
                 "lm_head.weight_scale_inv"));
  ModelConfig larger = config;
  larger.num_experts = 1'000'000;  // refused before memory for a million experts is taken
  CHECK(
      contains(message_of<InvalidArgument>([&] { load_weights(larger, kTiny); }), "[1000000, 64]"));
}

TEST_CASE("weights: FP8 blocks scale the codes") {
  DSABENCH_SEEDED(random);
  const std::string name = "model.layers.1.self_attn.q_b_proj.weight";  // [96, 32]
  ModelConfig config = config_of(kTiny);
  config.fp8_block_rows = 40;
  config.fp8_block_columns = 24;
  for (const DType scale_type : {DType::f32, DType::f8_e8m0}) {
    Checkpoint checkpoint = Checkpoint::read(kTiny);
    Tensor codes(DType::f8_e4m3, {96, 32}), scales(scale_type, {3, 2});
    for (std::int64_t i = 0; i < 96 * 32; ++i) {
      codes.data<std::uint8_t>()[i] = random.integer(0, 0x7e);
    }
    for (std::int64_t i = 0; i < 6; ++i) {
      const std::int64_t exponent = random.integer(-9, 3);
      if (scale_type == DType::f32)
        scales.data<float>()[i] = std::ldexp(1.0f, int(exponent));
      else
        scales.data<std::uint8_t>()[i] = exponent + 127;
    }
    std::vector<float> expected;
    for (std::int64_t r = 0; r < 96; ++r) {
      for (std::int64_t c = 0; c < 32; ++c) {
        const std::int64_t block = r / 40 * 2 + c / 24;
        const float scale = scale_type == DType::f32
                                ? scales.data<float>()[block]
                                : e8m0_to_f32(scales.data<std::uint8_t>()[block]);
        expected.push_back(scale * e4m3_to_f32(codes.data<std::uint8_t>()[r * 32 + c]));
      }
    }
    checkpoint.tensors.erase(name);
    checkpoint.tensors.emplace(name, std::move(codes));
    checkpoint.tensors.emplace(name + "_scale_inv", std::move(scales));
    const Weights weights = load_saved(config, checkpoint);
    CHECK(weights.notices.empty());
    CHECK(std::memcmp(weights.layers[1].attention.q_b_proj.data<float>(), expected.data(),
                      expected.size() * sizeof(float)) == 0);
    config.fp8_block_rows = 50;  // two rows of scales are then expected
    CHECK(contains(message_of<InvalidArgument>([&] { load_saved(config, checkpoint); }),
                   "scale_inv must have shape [2, 2], got [3, 2]"));
    config.fp8_block_rows = 40;
  }
}

TEST_CASE("weights: tied embeddings and attention biases") {
  DSABENCH_SEEDED(random);
  ModelConfig config = config_of(kTiny);
  config.tie_word_embeddings = config.attention_bias = true;
  Checkpoint checkpoint = Checkpoint::read(kTiny);
  checkpoint.tensors.erase("lm_head.weight");
  for (int layer = 0; layer < 6; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".self_attn.";
    checkpoint.tensors.emplace(prefix + "q_a_proj.bias", random.normal_tensor({32}));
    checkpoint.tensors.emplace(prefix + "kv_a_proj_with_mqa.bias", random.normal_tensor({40}));
    checkpoint.tensors.emplace(prefix + "o_proj.bias", random.normal_tensor({64}));
  }
  const Weights weights = load_saved(config, checkpoint);
  CHECK(weights.lm_head.empty());
  CHECK(weights.layers[2].attention.kv_a_bias.dim(0) == 40);
  CHECK(weights.notices.empty());
  CHECK(weights.bytes() == 4 * config.num_parameters());
}

TEST_CASE("weights: the content id follows the bytes") {
  const ModelConfig config = config_of(kTiny);
  const std::string before = load_weights(config, kTiny).content_id;
  Checkpoint checkpoint = Checkpoint::read(kTiny);
  CHECK(load_saved(config, checkpoint).content_id == before);
  auto* bytes = reinterpret_cast<unsigned char*>(
      checkpoint.tensors.at("model.layers.5.mlp.experts.7.down_proj.weight").view().raw());
  bytes[0] ^= 1;
  CHECK(load_saved(config, checkpoint).content_id != before);
}

TEST_CASE("values that are not finite are counted, wherever they stand") {
  const ModelConfig config = config_of(kTiny);
  CHECK(load_saved(config, Checkpoint::read(kTiny)).not_finite.empty());
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float value : {infinity, -infinity, std::nanf("")}) {
    Checkpoint checkpoint = Checkpoint::read(kTiny);
    Tensor& norm = checkpoint.tensors.at("model.norm.weight");
    const std::int64_t count = norm.view().num_elements();
    norm.data<float>()[0] = norm.data<float>()[count - 1] = value;
    norm.data<float>()[1] = std::numeric_limits<float>::max();
    const Weights weights = load_saved(config, checkpoint);
    CHECK(weights.not_finite ==
          std::vector<std::string>{
              fmt::format("model.norm.weight: 2 of {} values are NaN or infinite", count)});
  }
}

}  // namespace dsabench::test
