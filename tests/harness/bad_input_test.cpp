/// What a stranger gets wrong in the first hour: each mistake has one line that names the file, the
/// field and the value, and its documented exit code.
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "engine/model/safetensors.h"
#include "kernels/base/tensor.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using Tensors = std::vector<std::pair<std::string, Tensor>>;

const std::string kGood = std::string(DSABENCH_TEST_DATA) + "/golden/glm_moe_dsa_pattern";
const std::string kWeights = "model.safetensors";

/// A copy of a reference checkpoint, to be damaged.
class Checkpoint {
 public:
  Checkpoint() { std::filesystem::copy(kGood, path()); }
  std::string path() const { return folder_ / "checkpoint"; }
  std::string file(const std::string& name) const { return path() + "/" + name; }

  void edit_config(const std::function<void(nlohmann::json&)>& edit) const {
    auto config = nlohmann::json::parse(test::read_text(file("config.json")));
    edit(config);
    test::write_text(file("config.json"), config.dump(1));
  }
  void edit_bytes(const std::function<void(std::string&)>& edit) const {
    std::string bytes = test::read_text(file(kWeights));
    edit(bytes);
    test::write_text(file(kWeights), bytes);
  }
  /// Of the header alone; the data stay, and the length is put right.
  void edit_header(const std::function<void(nlohmann::json&)>& edit) const {
    edit_bytes([&edit](std::string& bytes) {
      std::uint64_t length = 0;
      std::memcpy(&length, bytes.data(), 8);
      auto header = nlohmann::json::parse(bytes.substr(8, length));
      edit(header);
      const std::string text = header.dump();
      const std::uint64_t new_length = text.size();
      std::string prefix(8, '\0');
      std::memcpy(prefix.data(), &new_length, 8);
      bytes = prefix + text + bytes.substr(8 + length);
    });
  }
  void edit_tensors(const std::function<void(Tensors&)>& edit) const {
    Tensors tensors;
    {
      const SafetensorsFile from = SafetensorsFile::open(file(kWeights));
      for (const std::string& name : from.names()) {
        const ConstTensorView view = from.tensor(name);
        Tensor copy(view.dtype(), {view.shape().begin(), view.shape().end()});
        std::memcpy(copy.view().raw(), view.raw(), std::size_t(view.bytes()));
        tensors.emplace_back(name, std::move(copy));
      }
    }
    edit(tensors);
    std::vector<std::pair<std::string, ConstTensorView>> views;
    for (const auto& [name, tensor] : tensors) views.emplace_back(name, tensor);
    write_safetensors(file(kWeights), views);
  }

  CliResult verify() const { return call_cli({"verify", path(), "--golden", kGood}); }

 private:
  test::ScratchFolder folder_;
};

Tensor& find(Tensors& tensors, const std::string& name) {
  for (auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  throw InvalidArgument("no tensor " + name);
}

/// One line, exit code 2, nothing on stdout.
void check_refused(const CliResult& result, const std::vector<std::string>& parts) {
  CAPTURE(result.err, parts);
  CHECK(result.code == 2);
  CHECK(result.out.empty());
  for (const std::string& part : parts) CHECK(test::is_error_line(result.err, part));
}

const std::string kNorm = "model.norm.weight";
const std::string kHead = "lm_head.weight";

}  // namespace

TEST_CASE("damaged weights are refused by file, tensor and value") {
  const Checkpoint checkpoint;
  const auto refused = [&](std::vector<std::string> parts) {
    parts.push_back(kWeights);
    check_refused(checkpoint.verify(), parts);
  };
  SECTION("cut short in the data") {
    checkpoint.edit_bytes([](std::string& bytes) { bytes.resize(bytes.size() - 1000); });
    refused({"bytes"});
  }
  SECTION("cut short in the header") {
    checkpoint.edit_bytes([](std::string& bytes) { bytes.resize(100); });
    refused({"header", "100 bytes"});
  }
  SECTION("empty") {
    checkpoint.edit_bytes([](std::string& bytes) { bytes.clear(); });
    refused({"8 bytes"});
  }
  SECTION("a header longer than the file") {
    checkpoint.edit_bytes([](std::string& bytes) { bytes[4] = 1; });
    refused({"header"});
  }
  SECTION("a header that is no JSON") {
    checkpoint.edit_bytes([](std::string& bytes) { bytes[9] = '{'; });
    refused({"JSON"});
  }
  SECTION("overlapping tensors") {
    checkpoint.edit_header([](auto& header) {
      header[kNorm]["data_offsets"] = header[kHead]["data_offsets"];
      header[kNorm]["shape"] = header[kHead]["shape"];
    });
    refused({"overlap"});
  }
  SECTION("a negative offset") {
    checkpoint.edit_header([](auto& header) { header[kHead]["data_offsets"][0] = -4; });
    refused({kHead, "-4"});
  }
  SECTION("an offset beyond the file") {
    checkpoint.edit_header(
        [](auto& header) { header[kHead]["data_offsets"][1] = std::int64_t{1} << 40; });
    refused({kHead});
  }
  SECTION("a dtype that the bytes contradict") {
    checkpoint.edit_header([](auto& header) { header[kHead]["dtype"] = "F32"; });
    refused({kHead, "F32"});
  }
  SECTION("a dtype that no weight can have") {
    checkpoint.edit_header([](auto& header) { header[kNorm]["dtype"] = "I16"; });
    refused({kNorm, "i16"});
  }
  SECTION("a shape that the config contradicts") {
    checkpoint.edit_header([](auto& header) {
      auto& shape = header[kHead]["shape"];
      std::swap(shape[0], shape[1]);
    });
    refused({kHead});
  }
  SECTION("a missing tensor") {
    checkpoint.edit_tensors([](Tensors& tensors) {
      std::erase_if(tensors, [](const auto& named) { return named.first == kNorm; });
    });
    check_refused(checkpoint.verify(), {kNorm});
  }
  SECTION("no weights at all") {
    std::filesystem::remove(checkpoint.file(kWeights));
    refused({});
  }
}

const std::string kProjection = "model.layers.1.self_attn.o_proj.weight";

void put_nan(Tensors& tensors) {
  Tensor& projection = find(tensors, kProjection);
  REQUIRE(projection.dtype() == DType::bf16);
  const std::uint16_t nan = 0x7fc0;
  std::memcpy(projection.view().raw() + 10, &nan, sizeof nan);
}

TEST_CASE("verify reports weights that are not finite, by tensor") {
  const Checkpoint checkpoint;
  checkpoint.edit_tensors(put_nan);
  const CliResult result = checkpoint.verify();
  CAPTURE(result.out, result.err);
  CHECK(result.code == 6);
  CHECK(test::contains(result.out + result.err, kProjection));
  CHECK(test::contains(result.out + result.err, "NaN"));
}

TEST_CASE("run says which weights are not finite, and takes no time of theirs for one") {
  const Checkpoint checkpoint;
  const test::ScratchFolder folder;
  const auto run = [&] {
    return call_cli({"run", "--model", checkpoint.path(), "--db", folder / "runs.db", "--context",
                     "64", "--phase", "prefill", "--min-samples", "2", "--max-samples", "2",
                     "--progress", "plain"});
  };
  const CliResult finite = run();
  CAPTURE(finite.err);
  CHECK(finite.code == 0);
  CHECK_FALSE(test::contains(finite.err, "not finite"));
  checkpoint.edit_tensors(put_nan);
  const CliResult result = run();
  CAPTURE(result.out, result.err);
  CHECK(result.code == 6);
  CHECK(test::contains(result.err, "weights are not finite: " + kProjection + ": 1 of "));
}

TEST_CASE("impossible configs are refused by key and value") {
  const Checkpoint checkpoint;
  const auto refused = [&](const std::function<void(nlohmann::json&)>& edit,
                           std::vector<std::string> parts) {
    const std::string before = test::read_text(checkpoint.file("config.json"));
    checkpoint.edit_config(edit);
    parts.push_back("config.json");
    check_refused(checkpoint.verify(), parts);
    test::write_text(checkpoint.file("config.json"), before);
  };
  for (const char* key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "kv_lora_rank", "q_lora_rank",
        "qk_nope_head_dim", "v_head_dim", "vocab_size", "index_n_heads", "index_head_dim",
        "index_topk", "n_routed_experts", "moe_intermediate_size", "max_position_embeddings"}) {
    CAPTURE(key);
    refused([key](auto& config) { config[key] = 0; }, {key, "0"});
    refused([key](auto& config) { config[key] = -7; }, {key, "-7"});
    refused([key](auto& config) { config[key] = std::int64_t{1} << 60; }, {key});
    refused([key](auto& config) { config[key] = "many"; }, {key, "many"});
    refused([key](auto& config) { config[key] = 2.5; }, {key, "2.5"});
    refused([key](auto& config) { config[key] = {1}; }, {key});
    refused([key](auto& config) { config.erase(key); }, {key});
  }
  refused([](auto& config) { config["model_type"] = "llama"; }, {"model_type", "llama"});
  refused([](auto& config) { config.erase("model_type"); }, {"model_type"});
  refused([](auto& config) { config = nlohmann::json::array(); }, {"object"});

  test::write_text(checkpoint.file("config.json"), "{\"hidden_size\": 64,\n  oops");
  check_refused(checkpoint.verify(), {"config.json", "line 2"});
  std::filesystem::remove(checkpoint.file("config.json"));
  check_refused(checkpoint.verify(), {"config.json"});
}

TEST_CASE("what a run cannot be is refused before anything is written") {
  const test::ScratchFolder folder;
  const std::string db = folder / "a.db";
  const auto refused = [&db](std::vector<std::string> more, const std::vector<std::string>& parts) {
    more.insert(more.end(), {"--db", db});
    CAPTURE(more);
    check_refused(call_cli(test::with_tiny_model("run", more)), parts);
    CHECK_FALSE(std::filesystem::exists(db));
  };
  refused({"--pattern", "FS"}, {"FS", "3"});
  refused({"--pattern", "FXS"}, {"X"});
  refused({"--pattern", "SFS"}, {"SFS"});
  refused({"--context", "100M"}, {"context", "100000000", "32768"});
  refused({"--context", "0"}, {"--context", "0"});
  refused({"--suite", "ruler-synth", "--context", "1000"},
          {"ruler-synth", "task cwe", "at least 1", "got 1000"});
  refused({"--suite", "ruler-synth", "--context", "20", "--tasks", "vt", "--dry-run"},
          {"ruler-synth", "task vt", "got 20"});
  refused({"--suite", "ruler-synth", "--tasks", "nonsense"}, {"nonsense", "vt"});
  refused({"--suite", "nonsense"}, {"nonsense", "speed"});
  refused({"--device", "tpu"}, {"tpu"});
  refused({"--device", "cuda:99"}, {"cuda:99"});
  refused({"--retention", "3/2"}, {"3/2"});
  refused({"--phase", "sleep"}, {"sleep"});
  refused({"--dialect", "klingon"}, {"klingon"});
  refused({"--format", "pdf"}, {"pdf"});
  refused({"--repeat", "0"}, {"--repeat", "0"});
  refused({"--max-samples", "0"}, {"0"});
  refused({"--set", "hidden_size=-3"}, {"hidden_size", "-3"});
  refused({"--set", "no_such_key=1"}, {"no_such_key"});
}

}  // namespace dsabench
