/// CUPTI on a real GPU: the engine's kernels come back with the stages that launched them, and
/// agree with the counters on the device.
#include <map>
#include <nlohmann/json.hpp>

#include "tests/harness/cli_calls.h"
#include "tests/harness/profile_calls.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::call_cli;
using test::CliResult;
using test::ScratchFolder;

std::map<std::string, json> profile_tables_on_gpu(const ScratchFolder& folder,
                                                  const std::vector<std::string>& more) {
  std::vector<std::string> arguments = test::with_tiny_model("profile", {"--device",
                                                                         "cuda:0",
                                                                         "--pattern",
                                                                         "FSF",
                                                                         "--context",
                                                                         "300",
                                                                         "--chunk",
                                                                         "128",
                                                                         "--decode-tokens",
                                                                         "4",
                                                                         "--max-samples",
                                                                         "5",
                                                                         "--progress",
                                                                         "plain",
                                                                         "--format",
                                                                         "json",
                                                                         "--db",
                                                                         folder / "profiles.db",
                                                                         "--trace",
                                                                         folder / "trace.json"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  const CliResult result = call_cli(arguments);
  CAPTURE(more, result.err);
  REQUIRE(result.code == 0);
  return test::profile_rows(result.out);
}

TEST_CASE("cuda: every kernel of a sample belongs to a stage, and indexers to Full layers") {
  const ScratchFolder folder;
  for (const char* phase : {"prefill", "decode"}) {
    for (const char* mode : {"exact", "fp8"}) {
      const auto tables = profile_tables_on_gpu(folder, {"--phase", phase, "--indexer-mode", mode});
      CAPTURE(phase, mode);
      const json cell = tables.at("profile").at(0);
      CHECK(cell.at("dropped_records") == 0);
      CHECK(cell.at("launches") > 100);
      CHECK(cell.at("device_busy_percent") > 0.0);
      CHECK(cell.at("device_busy_percent") <= 100.0);
      const int passes = phase == std::string("decode") ? 4 : 3;
      for (const json& row : tables.at("profile_layers")) {
        if (row.at("layer") == -1) continue;
        const bool full = row.at("indexer") == "full";
        CHECK(row.at("indexer_calls") == (full ? passes : 0));
        CHECK(row.at("indexer_runs") == (full ? passes : 0));
        CHECK(row.at("launches") > 0);
      }
      bool selects = false, knows_moe = false;
      for (const json& row : tables.at("profile_kernels")) {
        const std::string name = row.at("name");
        // Outside of stages tokens are uploaded, blocks are taken and the next tokens chosen.
        if (row.at("stage").is_null()) {
          const bool is_outside =
              name.starts_with("copy") || name == "fill" || name == "argmax_kernel";
          CHECK(is_outside);
          continue;
        }
        if (name.find("select") != std::string::npos) {
          selects = true;
          CHECK(row.at("stage") == "indexer_score");
        }
        knows_moe |= row.at("stage") == "moe";
      }
      CHECK(selects);
      CHECK(knows_moe);
    }
  }
}

TEST_CASE(
    "cuda: kernels lie within the sample on the host's clock, and behind their stage's begin") {
  const ScratchFolder folder;
  profile_tables_on_gpu(folder, {"--phase", "prefill"});
  const json document = json::parse(test::read_text(folder / "trace.json"));
  double end_of_sample = 0, first_stage = 1e300, first_kernel = 1e300, last_kernel = 0;
  for (const json& event : document.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    const double begin = event.at("ts"), end = begin + double(event.at("dur"));
    if (event.at("cat") == "sample") end_of_sample = end;
    if (event.at("cat") == "stage") first_stage = std::min(first_stage, begin);
    if (event.at("cat") != "kernel") continue;
    first_kernel = std::min(first_kernel, begin);
    last_kernel = std::max(last_kernel, end);
  }
  // CUPTI brings the GPU's clock onto the host's by interpolation, good to microseconds.
  constexpr double kSlackUs = 50;
  CHECK(first_kernel >= first_stage - kSlackUs);
  CHECK(last_kernel <= end_of_sample + kSlackUs);
}

}  // namespace
}  // namespace dsabench
