#include "harness/run/golden_check.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>

#include "engine/model/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

namespace fs = std::filesystem;

const std::string kGolden = std::string(DSABENCH_TEST_DATA) + "/golden/";

LoadedModel load(const std::string& folder, const std::string& config_file = "") {
  ModelRequest request;
  request.model = kGolden + folder;
  request.config_file = config_file;
  return load_model(request);
}

TEST_CASE("transformers computes with a model that dsabench-train exported what the engine does") {
  ModelRequest request;
  request.model = DSABENCH_SOURCE_DIR "/models/builtin/base";
  const GoldenReport report = check_against_golden(
      load_model(request), DSABENCH_TEST_DATA "/golden_builtin", Dialect::automatic);
  INFO(golden_report_json(report));
  CHECK(report.pass);
  REQUIRE(report.max_abs_logit_diff.has_value());
  CHECK(*report.max_abs_logit_diff <= 1e-4);
}

/// A copy of a golden folder whose golden.safetensors went through `edit` (name, bytes).
std::string edited_copy(const ScratchFolder& directory, const std::string& folder,
                        const std::function<bool(const std::string&, Tensor&)>& edit) {
  fs::copy(kGolden + folder + "/golden.json", directory / "golden.json");
  const auto file = SafetensorsFile::open(kGolden + folder + "/golden.safetensors");
  std::vector<Tensor> tensors;
  std::vector<std::pair<std::string, ConstTensorView>> entries;
  std::vector<std::string> names;
  for (const std::string& name : file.names()) {
    const ConstTensorView view = file.tensor(name);
    Tensor copy(view.dtype(), {view.shape().begin(), view.shape().end()});
    std::memcpy(copy.view().raw(), view.raw(), static_cast<std::size_t>(view.bytes()));
    if (!edit(name, copy)) continue;
    tensors.push_back(std::move(copy));
    names.push_back(name);
  }
  for (std::size_t i = 0; i < names.size(); ++i) entries.emplace_back(names[i], tensors[i].view());
  write_safetensors(directory / "golden.safetensors", entries);
  return directory.path();
}

TEST_CASE("every golden folder passes in both config styles") {
  for (const char* folder : {"glm_moe_dsa_tiny", "glm_moe_dsa_pattern", "deepseek_v32_tiny",
                             "deepseek_v32_pattern", "glm_moe_dsa_tiny_fp8"}) {
    for (const char* config : {"config.json", "config_legacy.json"}) {
      if (!fs::exists(kGolden + folder + "/" + config)) continue;
      const GoldenReport report =
          check_against_golden(load(folder, config), kGolden + folder, Dialect::automatic);
      INFO(folder << " " << config << "\n" << golden_report_json(report));
      CHECK(report.pass);
      CHECK(report.topk_rows_checked == 6 * (96 + 33));
      CHECK(report.topk_rows_mismatched == 0);
      REQUIRE(report.decode_tokens_equal.has_value());
      CHECK(*report.decode_tokens_equal);
      REQUIRE(report.max_abs_logit_diff.has_value());
      CHECK(*report.max_abs_logit_diff > 0.0);
      CHECK(*report.max_abs_logit_diff <= 2e-4);
    }
  }
}

TEST_CASE("the wrong pattern is caught") {
  const GoldenReport report = check_against_golden(
      load("glm_moe_dsa_tiny"), kGolden + "deepseek_v32_tiny", Dialect::automatic);
  CHECK_FALSE(report.pass);
  CHECK(report.topk_rows_mismatched > 0);
}

TEST_CASE("a logit off by more than the tolerance fails, and so does NaN") {
  for (const float value : {1e-3f, std::nanf("")}) {
    const ScratchFolder directory;
    const auto golden =
        edited_copy(directory, "glm_moe_dsa_tiny", [&](const std::string& name, Tensor& tensor) {
          if (name == "p1.logits") tensor.data<float>()[100] += value;
          return true;
        });
    const GoldenReport report =
        check_against_golden(load("glm_moe_dsa_tiny"), golden, Dialect::automatic);
    CHECK_FALSE(report.pass);
    CHECK(report.topk_rows_mismatched == 0);
  }
}

TEST_CASE("one wrong pick fails above the margin and is excused below it") {
  for (const float margin : {1.0f, 1e-6f}) {
    const ScratchFolder directory;
    const auto golden =
        edited_copy(directory, "glm_moe_dsa_tiny", [&](const std::string& name, Tensor& tensor) {
          // Row 95 of layer 2: replace its first pick by one that the row cannot have twice.
          const std::int64_t row = 2 * 96 + 95;
          if (name == "p0.topk") {
            std::int16_t picks[16];
            auto* bytes = tensor.view().raw() + row * 16 * 2;
            std::memcpy(picks, bytes, sizeof(picks));
            std::int16_t other = 0;
            while (std::find(picks, picks + 16, other) != picks + 16) ++other;
            picks[0] = other;
            std::memcpy(bytes, picks, sizeof(picks));
          }
          if (name == "p0.topk_margin") tensor.data<float>()[row] = margin;
          return true;
        });
    const GoldenReport report =
        check_against_golden(load("glm_moe_dsa_tiny"), golden, Dialect::automatic);
    CHECK(report.pass == (margin < 1e-3f));
    CHECK(report.topk_rows_mismatched == (margin < 1e-3f ? 0 : 1));
    CHECK(report.topk_rows_excused == (margin < 1e-3f ? 1 : 0));
  }
}

TEST_CASE("a greedy token that differs fails") {
  const ScratchFolder directory;
  const auto golden =
      edited_copy(directory, "deepseek_v32_tiny", [&](const std::string& name, Tensor& tensor) {
        if (name == "p0.gen") tensor.data<std::int32_t>()[15] ^= 1;
        return true;
      });
  const GoldenReport report =
      check_against_golden(load("deepseek_v32_tiny"), golden, Dialect::automatic);
  CHECK_FALSE(report.pass);
  CHECK(report.decode_tokens_equal == false);
}

TEST_CASE("tensors that the folder lacks are skipped and named") {
  const ScratchFolder directory;
  const auto golden = edited_copy(
      directory, "glm_moe_dsa_tiny",
      [&](const std::string& name, Tensor&) { return name.find("logits") == std::string::npos; });
  const GoldenReport report =
      check_against_golden(load("glm_moe_dsa_tiny"), golden, Dialect::automatic);
  CHECK(report.pass);
  CHECK_FALSE(report.max_abs_logit_diff.has_value());
  CHECK(std::find(report.skipped.begin(), report.skipped.end(), "p0.logits") !=
        report.skipped.end());
  CHECK(contains(golden_report_json(report), "\"max_abs_logit_diff\": null"));
}

TEST_CASE("a reference that cannot be used is refused by name") {
  const ScratchFolder directory;
  const LoadedModel model = load("glm_moe_dsa_tiny");
  CHECK_THROWS_AS(check_against_golden(model, directory.path(), Dialect::automatic), IoError);
  const auto golden =
      edited_copy(directory, "glm_moe_dsa_tiny", [&](const std::string& name, Tensor& tensor) {
        if (name != "p0.logits") return true;
        tensor = Tensor(DType::f32, {96, 250});
        tensor.fill_bytes(0);
        return true;
      });
  CHECK(contains(
      message_of<InvalidArgument>([&] { check_against_golden(model, golden, Dialect::automatic); }),
      "p0"));
}

}  // namespace
}  // namespace dsabench::test
