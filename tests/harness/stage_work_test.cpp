#include "harness/plan/stage_work.h"

#include <cmath>

#include "harness/plan/work_estimate.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

Cell cell_of(Phase phase, std::int64_t context, std::int64_t chunk, std::int64_t batch) {
  Cell cell;
  cell.pattern = "FSF";
  cell.phase = phase;
  cell.context_tokens = context;
  cell.chunk_tokens = chunk;
  cell.batch = batch;
  if (phase == Phase::decode) cell.decode_tokens = 3;
  return cell;
}

bool is_near(std::optional<double> value, double expected) {
  return value && std::abs(*value - expected) <= 1e-12 * std::abs(expected);
}

TEST_CASE("operations of the stages are those of the whole sample, and the last rows' logits") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  for (const Phase phase : {Phase::prefill, Phase::decode}) {
    for (const std::int64_t batch : {1, 3}) {
      const Cell cell = cell_of(phase, 100, 32, batch);
      double sum = 0;
      for (int stage = 0; stage < kNumStages; ++stage) {
        const auto of = static_cast<Stage>(stage);
        CHECK(stage_flops(config, cell, of).has_value() ==
              stage_bytes(config, cell, of).has_value());
        if (of != Stage::lm_head) sum += stage_flops(config, cell, of).value_or(0);
      }
      const double whole = estimate_flops(config, cell);
      CHECK(std::abs(sum - whole) <= 1e-12 * whole);
      const double rows = double(batch) * (phase == Phase::decode ? 3 : 1);
      CHECK(is_near(stage_flops(config, cell, Stage::lm_head),
                    2 * rows * double(config.hidden_size * config.vocab_size)));
    }
  }
  for (const Stage stage : {Stage::topk, Stage::norm_rope_quant, Stage::other}) {
    CHECK_FALSE(stage_flops(config, cell_of(Phase::prefill, 64, 64, 1), stage).has_value());
  }
}

TEST_CASE("operations are two a parameter and token, and two a value of each pair") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  const auto rope = double(config.qk_rope_dim), v = double(config.v_dim);
  const Cell cell = cell_of(Phase::prefill, 100, 32, 2);
  const auto flops = [&](Stage stage) { return stage_flops(config, cell, stage); };
  // 200 tokens; hidden 64, 2 heads of 16 + rope, latents of 32; 2 indexer heads of 32.
  CHECK(is_near(flops(Stage::indexer_proj), 2.0 * 200 * 2 * (32 * 2 * 32 + 64 * (32 + 2))));
  CHECK(is_near(
      flops(Stage::attention_proj),
      2.0 * 200 * 3 *
          (64 * 32 + 32 * 2 * (16 + rope) + 64 * (32 + rope) + 32 * 2 * (16 + v) + 2 * v * 64)));
  CHECK(is_near(flops(Stage::indexer_score), 2.0 * 2 * 2 * (100 * 101 / 2) * 2 * 32));
  // 16 picks once there are as many.
  CHECK(is_near(flops(Stage::sparse_attention),
                2.0 * 2 * 3 * (16 * 17 / 2 + 84 * 16) * 2 * (2 * 32 + rope)));
  const auto moe = double(std::count(config.is_moe.begin(), config.is_moe.end(), true));
  CHECK(is_near(flops(Stage::dense_mlp), 2.0 * 200 * (3 - moe) * 3 * 64 * 64));
  CHECK(is_near(
      flops(Stage::moe),
      2.0 * 200 * moe *
          (3.0 * 64 * 32 * double(config.experts_per_token + config.num_shared_experts) + 64 * 4)));
}

TEST_CASE("bytes are weights once a pass and cached rows as they are stored") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  // Passes that end at 32, 64, 96 and 100; two F layers of three; 16 picks of 32 + rope.
  Cell cell = cell_of(Phase::prefill, 100, 32, 2);
  const double ends = 32 + 64 + 96 + 100, width = 32 + double(config.qk_rope_dim);
  CHECK(is_near(stage_bytes(config, cell, Stage::indexer_score), 2 * 2 * ends * 32 * 4));
  CHECK(is_near(stage_bytes(config, cell, Stage::sparse_attention),
                2 * 3 * (32 + 64 + 96 + 64) * width * 4));
  CHECK(is_near(stage_bytes(config, cell, Stage::lm_head),
                double(config.hidden_size * config.vocab_size) * 4));
  cell.indexer_mode = "fp8";
  cell.cache_format = "fp8";
  CHECK(is_near(stage_bytes(config, cell, Stage::indexer_score), 2 * 2 * ends * (32 + 4)));
  CHECK(is_near(stage_bytes(config, cell, Stage::sparse_attention),
                2 * 3 * (32 + 64 + 96 + 64) * (32 + 4 + 2 * double(config.qk_rope_dim))));
  CHECK_FALSE(has_f8_scores(cell));
  cell.device_kind = "cuda";
  cell.dtype = "bf16";
  CHECK(has_f8_scores(cell));

  // A step reads its picks, and what of the keys there is.
  const Cell decode = cell_of(Phase::decode, 100, 32, 1);
  CHECK(is_near(stage_bytes(config, decode, Stage::sparse_attention), 3 * 3 * 16 * width * 4));
  CHECK(is_near(stage_bytes(config, decode, Stage::indexer_score), 2 * (101 + 102 + 103) * 32 * 4));
}

TEST_CASE("a step reads no more experts than its rows can choose") {
  const ModelConfig config = resolve_model_config(test::tiny_request());
  const double moe = double(std::count(config.is_moe.begin(), config.is_moe.end(), true));
  REQUIRE(moe > 0);
  const double expert = 3 * double(config.hidden_size * config.expert_intermediate_size);
  const double rest =
      double(config.num_shared_experts) * expert + double(config.hidden_size * config.num_experts);
  for (const std::int64_t batch : {1, 64}) {
    const double chosen =
        std::min(double(config.num_experts), double(batch * config.experts_per_token));
    CHECK(is_near(stage_bytes(config, cell_of(Phase::decode, 100, 32, batch), Stage::moe),
                  3 * moe * (chosen * expert + rest) * 4));
  }
}

}  // namespace
}  // namespace dsabench
