/// A profile's timeline, and the kernels of a scripted CUPTI in it.
#include <algorithm>
#include <cmath>

#include "tests/harness/profile_calls.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::by;
using test::call_cli;
using test::CliResult;
using test::contains;
using test::CuptiScript;
using test::is_error_line;
using test::profile_rows;
using test::quick_profile;
using test::ScratchFolder;
using test::traced_seams;

/// A timeline's events after the checks that hold for each.
std::vector<json> events_of(const std::string& path) {
  const json document = json::parse(test::read_text(path));
  CHECK(document.at("displayTimeUnit") == "ms");
  std::vector<json> events;
  for (const json& event : document.at("traceEvents")) {
    for (const char* key : {"ph", "name", "pid", "tid", "args"}) REQUIRE(event.contains(key));
    CHECK(event.at("pid").is_number_integer());
    CHECK(event.at("tid").is_number_integer());
    if (event.at("ph") == "M") {
      CHECK(event.at("args").at("name").is_string());
      continue;
    }
    REQUIRE(event.at("ph") == "X");
    CHECK(event.at("ts").is_number());
    CHECK(event.at("dur") >= 0.0);
    events.push_back(event);
  }
  return events;
}

std::int64_t ns(const json& microseconds) { return std::llround(microseconds.get<double>() * 1e3); }
std::int64_t begin_of(const json& event) { return ns(event.at("ts")); }
std::int64_t end_of(const json& event) { return ns(event.at("ts")) + ns(event.at("dur")); }

TEST_CASE("the timeline's events lie within each other and add up to the table") {
  for (const std::string phase : {"prefill", "decode"}) {
    const ScratchFolder folder;
    const CliResult result =
        call_cli(quick_profile({"--pattern", "FSF", "--phase", phase, "--format", "json", "--trace",
                                folder / "trace.json"}));
    CAPTURE(phase, result.err);
    REQUIRE(result.code == 0);
    CHECK(contains(result.err, folder / "trace.json"));
    std::vector<json> open;  // the events that the next one may lie in
    std::map<std::string, std::int64_t> stage_ns, count;
    std::map<std::pair<std::int64_t, std::string>, std::int64_t> layer_ns;
    std::map<std::string, std::vector<json>> by_category;
    for (const json& event : events_of(folder / "trace.json")) {
      by_category[event.at("cat")].push_back(event);
    }
    REQUIRE(by_category.at("sample").size() == 1);
    CHECK(begin_of(by_category["sample"][0]) == 0);
    CHECK(by_category.at("pass").size() == 3);
    CHECK(by_category.at("layer").size() == 9);
    const std::map<std::string, std::string> outer = {
        {"pass", "sample"}, {"layer", "pass"}, {"stage", "pass"}};
    for (const auto& [inner_name, outer_name] : outer) {
      for (const json& inner : by_category.at(inner_name)) {
        const auto& around = by_category.at(outer_name);
        CHECK(std::count_if(around.begin(), around.end(), [&](const json& event) {
                return begin_of(event) <= begin_of(inner) && end_of(inner) <= end_of(event);
              }) == 1);
      }
    }
    std::int64_t until = 0;
    for (const json& stage : by_category.at("stage")) {
      CHECK(begin_of(stage) >= until);
      until = end_of(stage);
      const json& args = stage.at("args");
      CHECK(args.at("stage") == stage.at("name"));
      stage_ns[stage.at("name")] += ns(stage.at("dur"));
      if (args.at("layer") == 1) CHECK_FALSE(contains(stage.at("name"), "indexer"));
      if (args.at("layer") == 0) CHECK(args.at("indexer") == "full");
    }
    const json rows = profile_rows(result.out).at("profile_stages");
    CHECK(rows.size() == stage_ns.size());
    for (const json& row : rows) {
      CAPTURE(row.at("stage"));
      CHECK(std::llround(double(row.at("profiled_ms")) * 1e6) == stage_ns.at(row.at("stage")));
    }
  }
}

TEST_CASE("kernels are joined to stages and layers, and launches counted") {
  const CuptiScript script(std::string(test::kFewKernels) + "untagged stray\n");
  const ScratchFolder folder;
  const CliResult result = call_cli(
      quick_profile({"--pattern", "FSF", "--format", "json", "--trace", folder / "trace.json"}),
      traced_seams());
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const auto tables = profile_rows(result.out);
  const json cell = tables.at("profile").at(0);
  CHECK(cell.at("tracer") == "CUPTI 130001");
  CHECK(cell.at("dropped_records") == 0);
  CHECK(cell.at("device_busy_percent") > 0.0);
  CHECK(cell.at("device_busy_percent") <= 100.0);

  const auto stages = by(tables.at("profile_stages"), "stage");
  // Three passes of two F layers, two kernels each.
  CHECK(stages.at("indexer_score").at("launches") == 12);
  CHECK(stages.at("indexer_proj").at("launches") == 12);
  CHECK(stages.at("lm_head").at("launches") == 0);
  CHECK(stages.at("sparse_attention").at("launches") == 9);
  CHECK(stages.at("sparse_attention").at("kernel_ms") > 0.0);
  std::int64_t tagged = 0;
  for (const auto& [name, row] : stages) tagged += row.at("launches").get<std::int64_t>();
  CHECK(cell.at("launches") == tagged + 1);

  const auto layers = by(tables.at("profile_layers"), "layer");
  CHECK(layers.at("0").at("indexer_calls") == 3);
  CHECK(layers.at("1").at("indexer_calls") == 0);
  CHECK(layers.at("2").at("indexer_calls") == 3);
  const auto groups = by(tables.at("profile_layer_groups"), "layers_of");
  CHECK(groups.at("full").at("indexer_launches") == 24);
  CHECK(groups.at("shared").at("indexer_launches") == 0);

  std::int64_t launches = 0;
  double previous = 1e300;
  for (const json& row : tables.at("profile_kernels")) {
    CHECK(double(row.at("total_ms")) <= previous);
    previous = row.at("total_ms");
    launches += row.at("launches").get<std::int64_t>();
    if (row.at("name") == "select_kernel") {
      CHECK(row.at("stage") == "indexer_score");
      CHECK(row.at("launches") == 6);
    }
    if (row.at("name") == "stray") CHECK(row.at("stage").is_null());
  }
  CHECK(launches == tagged + 2);  // with the copy

  std::int64_t kernels = 0, copies = 0;
  for (const json& event : events_of(folder / "trace.json")) {
    if (event.at("pid") != 2) continue;
    CHECK(event.at("tid") == 7);
    CHECK(begin_of(event) >= 0);
    if (event.at("cat") == "kernel") ++kernels;
    if (event.at("cat") == "transfer") {
      ++copies;
      CHECK(event.at("args").at("bytes") == 768);
    }
    if (event.at("name") == "select_kernel") {
      CHECK(event.at("args").at("stage") == "indexer_score");
      CHECK(event.at("args").at("layer") != 1);
    }
  }
  CHECK(kernels == tagged + 1);
  CHECK(copies == 1);
}

TEST_CASE("an indexer at work on a Shared layer is exit code 6, however it got there") {
  const auto error_of = [](const std::string& more) {
    const CuptiScript script(test::kFewKernels + more);
    const CliResult result = call_cli(quick_profile({"--pattern", "FSF"}), traced_seams());
    CAPTURE(more, result.err);
    CHECK(result.code == 6);
    CHECK(result.out.empty());
    return result.err;
  };
  // By its name, in a stage that is every layer's.
  const std::string by_name =
      error_of("at 1 5 work_kernel _ZN8dsabench3ops6detail12_GLOBAL__N_113select_kernelEv\n");
  CHECK(contains(by_name, "layer 1 (Shared)"));
  CHECK(contains(by_name, "select_kernel"));
  CHECK(contains(by_name, "stage moe"));
  // A Full layer whose indexer launches nothing, though it counts.
  const std::string silent = error_of("at 2 1 -\n");
  CHECK(contains(silent, "layer 2"));
  CHECK(contains(silent, "saw 0 calls"));
  CHECK(contains(silent, "counted 3"));
}

TEST_CASE("lost records are told, and calls are then not held against counters") {
  const CuptiScript script(std::string(test::kFewKernels) + "at 2 1 -\ndropped 5\n");
  const CliResult result = call_cli(quick_profile({"--pattern", "FSF"}), traced_seams());
  CAPTURE(result.err);
  CHECK(result.code == 0);
  CHECK(contains(result.out, "lost 5 records"));
}

TEST_CASE("a profiler that is missing or refuses is exit code 5, with the remedy") {
  CliSeams seams = traced_seams();
  {
    const CuptiScript script("enable 35\n");
    const CliResult result = call_cli(quick_profile({"--pattern", "FSF"}), seams);
    CHECK(result.code == 5);
    CHECK(contains(result.err, "NVreg_RestrictProfilingToAdminUsers"));
    CHECK(result.out.empty());
  }
  seams.open_tracer = [](Device) {
    return std::make_shared<Cupti>(std::vector<std::string>{"/no/such/libcupti.so.13"});
  };
  const CliResult missing = call_cli(quick_profile({"--pattern", "FSF"}), seams);
  CHECK(missing.code == 5);
  CHECK(is_error_line(missing.err, "/no/such/libcupti.so.13"));
  CHECK(call_cli(quick_profile({"--pattern", "FSF", "--no-cupti"}), seams).code == 0);
}

}  // namespace
}  // namespace dsabench
