/// The paper's tables from runs that were never made: what stands beside what, and what does not.
#include "results/report/reproduction.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "results/identity.h"
#include "results/report/render.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::contains;

constexpr std::int64_t kH200 = 150'000'000'000, kSmall = 24'000'000'000;
const std::string kAll(47, 'F');
const std::string kQuarter = "FSFSFSSSSFSSSFSSFFSSFSSFSSSSFSSSFSSSSFSSSSSSSSS";

std::string machine_json(const std::string& name, std::int64_t bytes) {
  return json{
      {"cpu_model", "Example CPU"},
      {"threads", 16},
      {"gpus",
       {{{"name", "Other GPU"}, {"memory_bytes", 1}}, {{"name", name}, {"memory_bytes", bytes}}}}}
      .dump();
}

/// A run on the second of a machine's GPUs.
class FakeRun {
 public:
  explicit FakeRun(std::int64_t memory_bytes = kH200) {
    results_.run.run_id = "01900000-0000-7000-8000-000000000009";
    results_.run.status = "done";
    results_.run.machine_json = machine_json("Example GPU", memory_bytes);
    results_.run.machine_id = content_hash(results_.run.machine_json);
  }

  /// `times_ns`: samples of a prefill or of decode steps; none: the cell was not run.
  void add(const std::string& phase, std::int64_t context, const std::string& pattern,
           const std::string& retention, std::int64_t batch, bool one_prompt,
           const std::vector<std::int64_t>& times_ns) {
    PlannedCell& planned = results_.plan.emplace_back();
    planned.nominal_retention = retention;
    planned.pattern_origin = retention == "1" ? "uniform" : "published";
    CellRecord& cell = planned.cell;
    cell = {"",     "",     "glm", pattern,   "speed", phase,
            "cuda", "bf16", "fp8", "planted", context, batch};
    json canonical = {{"phase", phase}, {"pattern", pattern}, {"context_tokens", context}};
    if (one_prompt) canonical["prompts"] = "one";
    cell.canonical_json = canonical.dump();
    cell.cell_id = content_hash(cell.canonical_json);
    if (times_ns.empty()) return;
    TrialRecord& trial = results_.trials.emplace_back();
    trial.cell_id = cell.cell_id;
    trial.outcome = TrialOutcome::ok;
    trial.metrics = {{phase == "prefill" ? "prefill" : "decode_step", "ns", "lower", times_ns}};
    trial.stage_times = {{phase, 0, 0, "indexer_proj", 20},
                         {phase, 0, 0, "indexer_score", 25},
                         {phase, 0, 0, "moe", 55}};
  }
  void fail(const std::string& phase, std::int64_t context, const std::string& reason) {
    add(phase, context, kAll, "1", 1, false, {1});
    results_.trials.back().outcome = TrialOutcome::failed;
    results_.trials.back().reason = reason;
  }
  /// Gone on with on a machine whose second GPU is of another size.
  void go_on_elsewhere(std::int64_t memory_bytes) {
    Continuation next;
    next.machine_json = machine_json("Smaller GPU", memory_bytes);
    next.machine_id = content_hash(next.machine_json);
    results_.run.continuations.push_back(next);
    results_.run.mixed = true;
  }

  json table1(bool same_model = true, int gpu = 1) const {
    return parsed(reproduction_of_table1({results_, gpu, same_model}));
  }
  json profile(bool same_model = true) const {
    return parsed(reproduction_of_profile({results_, 1, same_model}));
  }
  const RunResults& results() const { return results_; }

 private:
  static json parsed(const Table& table) {
    return json::parse(render_json({table})).at("tables").at(0);
  }
  RunResults results_;
};

constexpr std::int64_t kSecond = 1'000'000'000;

TEST_CASE("ours, published, their ratio and both speedups, each way round") {
  FakeRun run;
  run.add("prefill", 200'000, kAll, "1", 1, false, {39 * kSecond, 39 * kSecond, 40 * kSecond});
  run.add("prefill", 200'000, kQuarter, "1/4", 1, false, {13 * kSecond});
  run.add("decode", 200'000, kAll, "1", 1, false, {kSecond / 116});
  run.add("decode", 200'000, kQuarter, "1/4", 1, false, {kSecond / 172});
  run.add("decode", 200'000, kAll, "1", 4, true, {kSecond / 100});
  run.add("decode", 200'000, kQuarter, "1/4", 5, true, {kSecond / 100});
  const json table = run.table1();
  const json& rows = table.at("rows");
  REQUIRE(rows.size() == 6);
  const auto number = [&](std::size_t row, const char* key) {
    return rows.at(row).at(key).get<double>();
  };
  CHECK(rows[0].at("quantity") == "prefill");
  CHECK(rows[0].at("better") == "lower");
  CHECK(number(0, "ours") == 39);
  CHECK(number(0, "ours_low") == 39);
  CHECK(number(0, "ours_high") == 40);
  CHECK(number(0, "published") == 19.5);
  CHECK(number(0, "ratio") == Approx(2.0));
  CHECK(number(0, "times_as_fast") == Approx(0.5));
  CHECK(number(0, "speedup") == Approx(1.0));
  CHECK(number(1, "ratio") == Approx(13 / 10.7));
  CHECK(number(1, "speedup") == Approx(3.0));
  CHECK(number(1, "published_speedup") == Approx(19.5 / 10.7));

  CHECK(rows[2].at("better") == "higher");
  CHECK(number(2, "ours") == Approx(116).epsilon(1e-6));
  CHECK(number(2, "ratio") == Approx(2).epsilon(1e-6));
  CHECK(number(2, "times_as_fast") == Approx(2).epsilon(1e-6));
  CHECK(number(3, "speedup") == Approx(172.0 / 116).epsilon(1e-6));
  CHECK(number(3, "published_speedup") == Approx(86.0 / 58));

  CHECK(rows[4].at("quantity") == "decode_full");
  CHECK(rows[4].at("batch") == 4);
  CHECK(number(4, "ours") == Approx(400));
  CHECK(number(4, "published") == 197);
  CHECK(number(5, "ours") == Approx(500));
  CHECK(number(5, "speedup") == Approx(1.25));  // of rates, though the batches differ
  CHECK(number(5, "published_speedup") == Approx(297.0 / 197));
  CHECK(contains(table.at("title"), "ours on 1 x Example GPU (150 GB)"));
  CHECK(rows[1].at("full_layers") == 12);
}

TEST_CASE("the interval of a rate is that of the step, turned round") {
  FakeRun run;
  run.add("decode", 10'000, kAll, "1", 1, false, {kSecond / 50, kSecond / 100, kSecond / 200});
  const json row = run.table1().at("rows").at(0);
  CHECK(row.at("ours").get<double>() == Approx(100));
  CHECK(row.at("ours_low").get<double>() == Approx(50));
  CHECK(row.at("ours_high").get<double>() == Approx(200));
  CHECK(row.at("samples") == 3);
}

TEST_CASE("full caches are compared on GPUs with the published memory alone") {
  const auto full_row = [](const FakeRun& run, int gpu = 1) {
    const json rows = run.table1(true, gpu).at("rows");
    CHECK(rows.at(0).at("published") == 73.5);
    return rows.at(1);
  };
  const auto add_cells = [](FakeRun& run) {
    run.add("decode", 10'000, kAll, "1", 1, false, {kSecond / 60});
    run.add("decode", 10'000, kAll, "1", 40, true, {kSecond / 10});
  };
  FakeRun large, small(kSmall), mixed;
  for (FakeRun* run : {&large, &small, &mixed}) add_cells(*run);
  CHECK(full_row(large).at("published") == 2700);
  mixed.go_on_elsewhere(kSmall);
  for (const json& row : {full_row(small), full_row(mixed), full_row(large, 0), full_row(large, -1),
                          full_row(large, 7)}) {
    CHECK(row.at("published").is_null());
    CHECK(row.at("ratio").is_null());
    CHECK(row.at("published_speedup").is_null());
    CHECK(row.at("batch") == 40);
    CHECK(row.at("ours").get<double>() == Approx(400));
  }
  CHECK(contains(small.table1().at("notes").dump(), "decode at full KV is not compared"));
  CHECK_FALSE(contains(large.table1().at("notes").dump(), "is not compared"));
  CHECK(contains(mixed.table1().at("title"), "Example GPU (150 GB) and 1 x Smaller GPU (24 GB)"));
  CHECK(contains(large.table1(true, -1).at("title"), "16 threads of Example CPU (CPU)"));
}

TEST_CASE("full caches are compared where as many sequences fit as were published") {
  // Alone a published sequence is decoded at 73.5 token/s, all that fit at 2700: 37 at least.
  for (const std::int64_t batch : {36, 37}) {
    FakeRun run;
    run.add("decode", 10'000, kAll, "1", batch, true, {kSecond / 10});
    const json table = run.table1();
    const json row = table.at("rows").at(0);
    CAPTURE(batch);
    CHECK(row.at("published").is_null() == (batch < 37));
    CHECK(row.at("ratio").is_null() == (batch < 37));
    CHECK(contains(table.at("notes").dump(), "fewer sequences fit beside the weights") ==
          (batch < 37));
  }
  // 37 would do at 1/4 too, for 3310 of 91 each: where 34 are all that fit at 1 they do not.
  FakeRun crowded;
  crowded.add("decode", 10'000, kAll, "1", 34, true, {kSecond / 10});
  crowded.add("decode", 10'000, kQuarter, "1/4", 37, true, {kSecond / 10});
  crowded.add("decode", 60'000, kAll, "1", 10, true, {kSecond / 10});
  const json rows = crowded.table1().at("rows");
  CHECK(rows.at(0).at("published").is_null());
  CHECK(rows.at(1).at("published").is_null());
  CHECK(rows.at(2).at("published") == 613);
}

TEST_CASE("of another model, context or retention nothing is compared") {
  FakeRun run;
  run.add("prefill", 10'000, kAll, "1", 1, false, {kSecond});
  run.add("prefill", 10'000, "FSSSSSSS", "1/8", 1, false, {kSecond});
  run.add("prefill", 10'240, kAll, "1", 1, false, {kSecond});
  const auto compared = [](const json& table) {
    std::vector<bool> found;
    for (const json& row : table.at("rows")) found.push_back(!row.at("published").is_null());
    return found;
  };
  CHECK(compared(run.table1()) == std::vector<bool>{true, false, false});
  CHECK(compared(run.table1(false)) == std::vector<bool>{false, false, false});
  CHECK(compared(run.profile()) == std::vector<bool>{true, false});
  CHECK(compared(run.profile(false)) == std::vector<bool>{false, false});
}

TEST_CASE("what was not measured says why in its place, and is no base of a speedup") {
  FakeRun run;
  run.fail("prefill", 10'000, "out of memory: too little");
  run.add("prefill", 10'000, kQuarter, "1/4", 1, false, {kSecond});
  run.add("decode", 10'000, kAll, "1", 1, false, {});
  const json rows = run.table1().at("rows");
  CHECK(rows.at(0).at("state") == "failed");
  CHECK(rows.at(0).at("ours").is_null());
  CHECK(rows.at(0).at("published") == 0.57);
  CHECK(rows.at(0).at("ratio").is_null());
  CHECK(rows.at(1).at("speedup").is_null());
  CHECK(rows.at(1).at("published_speedup").get<double>() == Approx(0.57 / 0.45));
  CHECK(rows.at(2).at("state") == "not_run");
  const std::string text =
      render(TableFormat::markdown, {reproduction_of_table1({run.results(), 1, true})});
  const std::size_t first = text.find("failed: out of memory");
  REQUIRE(first != std::string::npos);
  CHECK(text.find("failed: out of memory", first + 1) != std::string::npos);  // and as outcome
  CHECK(contains(text, "prefill, s (less is better)"));
  CHECK(contains(text, "decode per request, token/s (more is better)"));
  const json profile = run.profile().at("rows");
  CHECK(profile.at(0).at("ours").is_null());
  CHECK(profile.at(0).at("published") == 27);
}

TEST_CASE("the profile has our share, the published and the implied one") {
  FakeRun run;
  run.add("prefill", 200'000, kAll, "1", 1, false, {kSecond});
  run.add("decode", 200'000, kAll, "1", 1, false, {kSecond});
  run.add("decode", 200'000, kAll, "1", 3, true, {kSecond});
  run.add("decode", 200'000, kQuarter, "1/4", 1, false, {kSecond});
  const json rows = run.profile().at("rows");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("phase") == "prefill");
  CHECK(rows[0].at("ours").get<double>() == Approx(45));
  CHECK(rows[0].at("published") == 81);
  CHECK(rows[0].at("implied").get<double>() == Approx(60.6).epsilon(1e-3));
  CHECK(rows[1].at("published") == 41);
}

}  // namespace
}  // namespace dsabench
