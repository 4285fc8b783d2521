/// The engine against reference outputs of Hugging Face transformers (tests/golden/README.md).
#include <filesystem>
#include <limits>

#include "engine/model/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/engine_runs.h"
#include "tests/support/test_data.h"

namespace dsabench::test {
namespace {

constexpr double kGoldenTolerance = 2e-4;  // absolute, on logits of magnitude 10
constexpr float kGoldenMargin = 5e-5f;

std::vector<std::filesystem::path> golden_folders() {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(test_data() + "/golden")) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// A model and the reference's outputs for two prompts.
class Golden {
 public:
  Golden(const std::filesystem::path& folder, const char* config_name)
      : file_(SafetensorsFile::open((folder / "golden.safetensors").string())) {
    auto config =
        std::make_shared<const ModelConfig>(load_model_config((folder / config_name).string()));
    auto weights = std::make_shared<const Weights>(load_weights(*config, folder.string()));
    model_ = {std::move(config), std::move(weights)};
    if (std::filesystem::exists(folder / "golden_extra.safetensors")) {
      extra_ = SafetensorsFile::open((folder / "golden_extra.safetensors").string());
    }
  }

  const RandomModel& model() const { return model_; }
  LayerPattern pattern() const {
    return LayerPattern::from_config(*model_.config, Dialect::automatic);
  }
  bool has(const std::string& name) const { return file_.contains(name); }
  ConstTensorView at(const std::string& name) const { return file_.tensor(name); }
  const std::optional<SafetensorsFile>& extra() const { return extra_; }
  std::vector<std::int32_t> tokens(const std::string& name) const { return list(at(name)); }

  static std::vector<std::int32_t> list(ConstTensorView view) {
    const auto* data = view.data<std::int32_t>();
    return {data, data + view.num_elements()};
  }

 private:
  SafetensorsFile file_;
  std::optional<SafetensorsFile> extra_;
  RandomModel model_;
};

/// The positions of row `row` of [..., k] i16, without the -1s.
std::vector<std::int32_t> index_set(ConstTensorView topk, std::int64_t row) {
  const std::int64_t k = topk.dim(topk.rank() - 1);
  std::vector<std::int32_t> set;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int16_t position = topk.data<std::int16_t>()[row * k + i];
    if (position >= 0) set.push_back(position);
  }
  return set;
}

void check_absolute(const std::string& name, ConstTensorView actual, ConstTensorView expected) {
  const Comparison result = compare(actual, expected);
  INFO(name << ": " << result.describe());
  CHECK(result.max_abs <= kGoldenTolerance);
}

/// Rows of `recorded` at the golden positions against [positions, D] of `expected`.
void check_rows(const std::string& name, const ForwardRecorder::Rows& recorded,
                const std::vector<std::int32_t>& positions, ConstTensorView expected) {
  REQUIRE(expected.dim(0) == std::ssize(positions));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto& row = recorded.at(static_cast<std::size_t>(positions[i]));
    const ConstTensorView actual(row.data(), DType::f32, {1, std::ssize(row)});
    check_absolute(fmt::format("{} at position {}", name, positions[i]), actual,
                   expected.rows(static_cast<std::int64_t>(i), 1));
  }
}

ConstTensorView layer_rows(ConstTensorView all, std::int64_t layer) {
  return all.rows(layer, 1).reshaped({all.dim(1), all.dim(2)});
}

void check_index_sets(const Golden& golden, const std::string& prompt,
                      const ForwardRecorder::Sequence& recorded) {
  const ConstTensorView topk = golden.at(prompt + ".topk");
  const ConstTensorView margin = golden.at(prompt + ".topk_margin");
  const std::int64_t length = topk.dim(1);
  std::int64_t compared = 0;
  for (std::int64_t l = 0; l < topk.dim(0); ++l) {
    for (std::int64_t t = 0; t < length; ++t) {
      if (!(margin.row<float>(l)[t] > kGoldenMargin)) continue;
      ++compared;
      CAPTURE(l, t, margin.row<float>(l)[t]);
      CHECK(recorded.index_sets[l][t] == index_set(topk, l * length + t));
    }
  }
  CHECK(compared > topk.dim(0) * length * 9 / 10);
}

void check_prefill(const Golden& golden, const std::string& prompt) {
  Engine engine = make_engine(golden.model(), golden.pattern(), one_shot());
  const std::int64_t sequence = engine.add_sequence(0);
  ForwardRecorder recorder;
  const Tensor logits =
      prefill_all(engine, sequence, golden.tokens(prompt + ".input_ids"), &recorder);
  const auto& recorded = recorder.at(sequence);
  check_index_sets(golden, prompt, recorded);
  if (golden.has(prompt + ".logits")) {
    check_absolute("logits", logits.view(), golden.at(prompt + ".logits"));
  }
  if (golden.has(prompt + ".hidden")) {
    const auto positions = golden.tokens(prompt + ".positions");
    const ConstTensorView hidden = golden.at(prompt + ".hidden");
    check_rows("embedding", recorded.embedding, positions, layer_rows(hidden, 0));
    for (std::int64_t l = 0; l + 1 < hidden.dim(0); ++l) {
      check_rows(fmt::format("hidden of layer {}", l), recorded.layers[l].hidden, positions,
                 layer_rows(hidden, l + 1));
    }
    check_rows("final norm", recorded.final_norm, positions, golden.at(prompt + ".final_norm"));
  }
}

void check_extra(const Golden& golden, const std::string& prompt) {
  Engine engine = make_engine(golden.model(), golden.pattern(), one_shot());
  const std::int64_t sequence = engine.add_sequence(0);
  ForwardRecorder recorder;
  prefill_all(engine, sequence, golden.tokens(prompt + ".input_ids"), &recorder);
  const auto& recorded = recorder.at(sequence);
  const auto& extra = *golden.extra();
  const ConstTensorView attention = extra.tensor(prompt + ".attn_out");
  const auto positions = Golden::list(extra.tensor(prompt + ".attn_out_positions"));
  for (std::int64_t l = 0; l < attention.dim(0); ++l) {
    check_rows(fmt::format("attention of layer {}", l), recorded.layers[l].attention_output,
               positions, layer_rows(attention, l));
  }
  const ConstTensorView chosen = extra.tensor(prompt + ".router_idx");
  std::int64_t moe_layer = 0;
  for (std::int64_t l = 0; l < golden.model().config->num_layers; ++l) {
    if (!golden.model().config->is_moe[static_cast<std::size_t>(l)]) continue;
    for (std::int64_t t = 0; t < chosen.dim(1); ++t) {
      CAPTURE(l, t);
      auto experts = recorded.experts[l][t];
      std::sort(experts.begin(), experts.end());
      CHECK(experts == index_set(chosen, moe_layer * chosen.dim(1) + t));
    }
    ++moe_layer;
  }
  CHECK(moe_layer == chosen.dim(0));
}

std::int64_t argmax(ConstTensorView row) {
  const float* data = row.data<float>();
  return std::max_element(data, data + row.num_elements()) - data;
}

/// Smallest margin of the pass that was recorded last.
float last_margin(const ForwardRecorder::Sequence& recorded) {
  float margin = std::numeric_limits<float>::max();
  for (const auto& layer : recorded.layers) {
    if (!layer.margins.empty()) margin = std::min(margin, layer.margins.back());
  }
  return margin;
}

/// Number of steps that could be compared: a near-tie may fall either way, and what follows it
/// differs then.
std::int64_t check_decode(const Golden& golden, const std::string& prompt) {
  Engine engine = make_engine(golden.model(), golden.pattern(), chunked(40));
  const std::int64_t sequence = engine.add_sequence(0);
  const auto tokens = golden.tokens(prompt + ".input_ids");
  const auto generated = golden.tokens(prompt + ".gen");
  const ConstTensorView expected = golden.at(prompt + ".decode_logits");
  const ConstTensorView topk = golden.at(prompt + ".decode_topk");
  const std::int64_t layers = topk.dim(1);
  ForwardRecorder recorder;
  Tensor logits = prefill_all(engine, sequence, tokens, &recorder);
  CHECK(argmax(logits.view().rows(std::ssize(tokens) - 1, 1)) == generated[0]);
  for (std::int64_t step = 0; step < expected.dim(0); ++step) {
    CAPTURE(step);
    logits = decode_one(engine, sequence, generated[step], &recorder);
    const auto& recorded = recorder.at(sequence);
    if (!(last_margin(recorded) > kGoldenMargin)) return step;
    check_absolute("decode logits", logits.view(), expected.rows(step, 1));
    CHECK(argmax(logits.view()) == generated[step + 1]);
    for (std::int64_t l = 0; l < layers; ++l) {
      CAPTURE(l);
      CHECK(recorded.index_sets[l].back() == index_set(topk, step * layers + l));
    }
  }
  CHECK(check_indexer_runs(engine.pattern(), engine.num_forwards(), engine.indexer_runs(), false)
            .empty());
  return expected.dim(0);
}

TEST_CASE("the engine reproduces the reference outputs in both config styles") {
  const auto folders = golden_folders();
  REQUIRE(folders.size() >= 5);
  for (const auto& folder : folders) {
    for (const char* config : {"config.json", "config_legacy.json"}) {
      if (!std::filesystem::exists(folder / config)) continue;
      const Golden golden(folder, config);
      std::int64_t decoded = 0;
      for (const std::string prompt : {"p0", "p1"}) {
        INFO(folder.filename().string() << " " << config << " " << prompt);
        check_prefill(golden, prompt);
        decoded += check_decode(golden, prompt);
        if (golden.extra()) check_extra(golden, prompt);
      }
      INFO(folder.filename().string() << ": steps compared");
      // Of 30; the FP8 checkpoint has one near-tie that ends a prompt's comparison early.
      CHECK(decoded >= 16);
    }
  }
}

}  // namespace
}  // namespace dsabench::test
