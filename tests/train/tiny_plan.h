#pragma once
/// A plan small enough to be trained in a test.
#include <nlohmann/json.hpp>

#include "suites/facts/vocabulary.h"
#include "tests/support/scratch_folder.h"
#include "train/plan.h"

namespace dsabench::test {

inline nlohmann::json tiny_config() {
  return {{"model_type", "glm_moe_dsa"},
          {"vocab_size", facts::kVocabularySize},
          {"hidden_size", 24},
          {"num_hidden_layers", 3},
          {"max_position_embeddings", 96},
          {"rms_norm_eps", 1e-5},
          {"attention_bias", false},
          {"tie_word_embeddings", true},
          {"eos_token_id", 1},
          {"num_attention_heads", 2},
          {"q_lora_rank", 16},
          {"kv_lora_rank", 16},
          {"qk_nope_head_dim", 8},
          {"qk_rope_head_dim", 8},
          {"v_head_dim", 8},
          {"rope_parameters", {{"rope_theta", 10000.0}, {"rope_type", "default"}}},
          {"index_n_heads", 4},
          {"index_head_dim", 16},
          {"index_topk", 12},
          {"first_k_dense_replace", 1},
          {"intermediate_size", 32},
          {"moe_intermediate_size", 8},
          {"n_routed_experts", 4},
          {"num_experts_per_tok", 2},
          {"n_shared_experts", 1},
          {"n_group", 1},
          {"topk_group", 1},
          {"norm_topk_prob", true},
          {"routed_scaling_factor", 1.0},
          {"num_nextn_predict_layers", 0}};
}

/// Stages dense, warmup, sparse and half, of `steps` steps each.
inline nlohmann::json tiny_plan(std::int64_t steps) {
  const auto stage = [&](const char* name, const char* from, const char* learns) {
    nlohmann::json json = {
        {"name", name},
        {"pattern", "uniform 1"},
        {"attention", "sparse"},
        {"learns", learns},
        {"target", "own"},
        {"indexer_loss_weight", 0.3},
        {"balance_step", 0.01},
        {"steps", steps},
        {"warmup_steps", 1},
        {"learning_rate", 1e-2},
        {"last_learning_rate", 1e-3},
        {"beta1", 0.9},
        {"beta2", 0.98},
        {"weight_decay", 0.01},
        {"clip_norm", 1.0},
        {"tokens_per_step", 400},
        {"tokens_at_once", 200},
        {"checkpoint_every", 3},
        {"courses",
         {{{"first_step", 0},
           {"levels",
            {{{"length", 48}, {"records", 3}}, {{"length", 80}, {"records", 4}, {"weight", 2}}}}},
          {{"first_step", 2},
           {"levels", {{{"length", 64}, {"records", 3}, {"one_task", true}}}}}}}};
    if (*from != '\0') json["from"] = from;
    return json;
  };
  nlohmann::json dense = stage("dense", "", "model");
  dense["attention"] = "dense";
  dense.erase("target");
  dense.erase("indexer_loss_weight");
  nlohmann::json warmup = stage("warmup", "dense", "indexers");
  warmup["attention"] = "dense";
  warmup.erase("balance_step");
  nlohmann::json half = stage("half", "sparse", "both");
  half["pattern"] = "FSS";
  half["target"] = "mean_of_losses";
  return {{"model", "config.json"},
          {"seed", 5},
          {"stages", {dense, warmup, stage("sparse", "warmup", "both"), half}}};
}

/// Writes plan and config into the folder; the plan's path.
inline std::string write_plan(const ScratchFolder& folder, const nlohmann::json& plan,
                              const nlohmann::json& config = tiny_config()) {
  folder.write("config.json", config.dump());
  return folder.write("plan.json", plan.dump());
}

}  // namespace dsabench::test
