#include "harness/plan/cell.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "kernels/base/error.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

Cell sample_cell() {
  Cell cell;
  cell.model = "demo";
  cell.config_hash = "0123456789abcdef0123456789abcdef";
  cell.pattern = "FSSSFSSS";
  cell.suite = "speed";
  cell.suite_version = std::string("1");  // GCC 12 misreads a short literal
  cell.context_tokens = 4096;
  return cell;
}

// Baselines are found by these ids. A new field must get a default under which they stay.
TEST_CASE("ids of stored cells never change") {
  CHECK(canonical_json(sample_cell()) ==
        R"({"config_hash":"0123456789abcdef0123456789abcdef","context_tokens":4096,)"
        R"("model":"demo","pattern":"FSSSFSSS","suite":"speed","suite_version":"1"})");
  CHECK(cell_id(sample_cell()) == "24c1772a8a029161b999393e877def6e");

  Cell decode = sample_cell();
  decode.phase = Phase::decode;
  decode.decode_tokens = 16;
  decode.batch = 4;
  decode.indexer_mode = "fp8";
  decode.picks = "planted";
  decode.weights_seed = 0;
  CHECK(cell_id(decode) == "c79534bf0aecdf9b5a94b7b1c5b719b5");
}

TEST_CASE("every field changes the id") {
  const std::vector<std::function<void(Cell&)>> changes = {
      [](Cell& c) { c.model = std::string("other"); },
      [](Cell& c) { c.config_hash = std::string("00"); },
      [](Cell& c) { c.pattern = std::string("FSSSFSSF"); },
      [](Cell& c) { c.layers = std::string("0,3-9"); },
      [](Cell& c) { c.whole_pattern = std::string("FSSSFSSSFSSSFSSS"); },
      [](Cell& c) { c.whole_mlp = std::string("DEEE"); },
      [](Cell& c) { c.suite = std::string("ruler-synth"); },
      [](Cell& c) { c.suite_version = std::string("2"); },
      [](Cell& c) { c.tasks = {"vt"}; },
      [](Cell& c) { c.samples_per_task = 2; },
      [](Cell& c) { c.context_tokens = 4097; },
      [](Cell& c) { c.decode_tokens = 1; },
      [](Cell& c) { c.phase = Phase::decode; },
      [](Cell& c) { c.phase = Phase::generate; },
      [](Cell& c) { c.batch = 2; },
      [](Cell& c) { c.prompts = kOnePrompt; },
      [](Cell& c) { c.device_kind = std::string("cuda"); },
      [](Cell& c) { c.dtype = std::string("bf16"); },
      [](Cell& c) { c.indexer_mode = std::string("fp8"); },
      [](Cell& c) { c.cache_format = std::string("fp8"); },
      [](Cell& c) { c.chunk_tokens = 512; },
      [](Cell& c) { c.dense_attention = true; },
      [](Cell& c) { c.graphs = true; },
      [](Cell& c) { c.picks = std::string("random"); },
      [](Cell& c) { c.sampling = std::string("temperature"); },
      [](Cell& c) { c.data_seed = 1; },
      [](Cell& c) { c.weights_seed = 0; },
      [](Cell& c) { c.weights_seed = 1; },
  };
  std::set<std::string> ids{cell_id(sample_cell())};
  for (const auto& change : changes) {
    Cell cell = sample_cell();
    change(cell);
    CAPTURE(canonical_json(cell));
    CHECK(ids.insert(cell_id(cell)).second);
    CHECK(parse_canonical_cell(canonical_json(cell)) == cell);
  }
}

TEST_CASE("a canonical form gives its cell back, and nothing else is taken for one") {
  CHECK(parse_canonical_cell("{}") == Cell{});
  for (const char* text : {"", "[]", "3", R"({"wings":2})", R"({"batch":"x"})",
                           R"({"phase":"rest"})", R"({"weights_seed":"x"})"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_canonical_cell(text), InvalidArgument);
  }
}

TEST_CASE("canonical JSON has sorted keys and no field at its default") {
  Cell cell = sample_cell();
  cell.phase = Phase::generate;
  cell.tasks = {"vt", "cwe"};
  const auto json = nlohmann::json::parse(canonical_json(cell));
  CHECK(json.dump() == canonical_json(cell));
  CHECK(json.at("phase") == "generate");
  CHECK_FALSE(json.contains("batch"));
  CHECK_FALSE(json.contains("dtype"));
  CHECK(canonical_json(Cell{}) == "{}");
}

TEST_CASE("the record repeats what tables ask for") {
  Cell cell = sample_cell();
  cell.phase = Phase::decode;
  cell.batch = 3;
  const CellRecord record = to_record(cell);
  CHECK(record.cell_id == cell_id(cell));
  CHECK(record.canonical_json == canonical_json(cell));
  CHECK(record.phase == "decode");
  CHECK(record.batch == 3);
  CHECK(record.context_tokens == 4096);
  CHECK(num_full_layers(cell) == 2);
}

}  // namespace
}  // namespace dsabench
