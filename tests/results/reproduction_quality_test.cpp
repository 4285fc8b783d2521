/// Tables of quality from runs that were never made: which tasks count, what is paired with what,
/// and what stands beside it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "results/identity.h"
#include "results/report/render.h"
#include "results/report/reproduction.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::contains;

/// How many of ten questions of two tasks are answered: kv and walk.
struct Answered {
  int kv = 0, walk = 0;
};

class FakeQualityRun {
 public:
  FakeQualityRun() {
    results_.run.run_id = "01900000-0000-7000-8000-00000000000a";
    results_.run.status = "done";
    results_.run.machine_json = json{{"cpu_model", "Example CPU"}, {"threads", 2}}.dump();
    results_.run.machine_id = content_hash(results_.run.machine_json);
  }

  PlannedCell& plan(const std::string& pattern, const std::string& origin,
                    const std::string& retention, bool dense = false, std::int64_t context = 512) {
    PlannedCell& planned = results_.plan.emplace_back();
    planned.nominal_retention = retention;
    planned.pattern_origin = origin;
    planned.cell = {"",    "",    "small", pattern, "facts-compact", "generate",
                    "cpu", "f32", "exact", "",      context,         1};
    json canonical = {{"phase", "generate"}, {"pattern", pattern}, {"context_tokens", context}};
    if (dense) canonical["dense_attention"] = true;
    planned.cell.canonical_json = canonical.dump();
    planned.cell.cell_id = content_hash(planned.cell.canonical_json);
    return planned;
  }
  void add(const std::string& pattern, const std::string& origin, const std::string& retention,
           Answered answered, bool dense = false, std::int64_t context = 512) {
    const std::string id = plan(pattern, origin, retention, dense, context).cell.cell_id;
    TrialRecord& trial = results_.trials.emplace_back();
    trial.cell_id = id;
    trial.outcome = TrialOutcome::ok;
    for (int i = 0; i < 10; ++i) {
      trial.answers.push_back(answer("kv", i, i < answered.kv));
      trial.answers.push_back(answer("walk", i, i < answered.walk));
    }
  }

  const RunResults& results() const { return results_; }
  json table2() const {
    return json::parse(render_json({reproduction_of_table2({results_, -1, false})}))
        .at("tables")
        .at(0);
  }
  json table5() const {
    return json::parse(render_json({reproduction_of_table5({results_, -1, false})}))
        .at("tables")
        .at(0);
  }

 private:
  static AnswerRecord answer(const std::string& task, int item, bool right) {
    AnswerRecord record;
    record.task = task;
    record.item_id = fmt::format("{}-{}", task, item);
    record.prompt_hash = record.item_id;
    record.score = right ? 1.0 : 0.0;
    return record;
  }
  RunResults results_;
};

json row_of(const json& table, const std::string& kind, const std::string& retention) {
  for (const json& row : table.at("rows")) {
    if (row.at("kind") == kind && row.at("nominal_retention") == retention) return row;
  }
  FAIL("no row " << kind << " " << retention);
  return {};
}

FakeQualityRun whole_run() {
  FakeQualityRun run;
  run.add("FFFF", "uniform", "1", {10, 4}, true);
  run.add("FFFF", "uniform", "1", {10, 5});
  run.add("FSFS", "uniform", "1/2", {4, 9});
  run.add("FFSS", "searched", "1/2", {9, 0});
  return run;
}

TEST_CASE("a table of quality counts the tasks that a model solves, against all F") {
  const json table = whole_run().table2();
  REQUIRE(table.at("rows").size() == 4);
  const json dense = row_of(table, "dense", "1"), full = row_of(table, "DSA", "1");
  const json uniform = row_of(table, "uniform", "1/2"), searched = row_of(table, "searched", "1/2");
  for (const json& row : table.at("rows")) {
    CHECK(row.at("tasks") == 1);
    CHECK(row.at("items") == 10);
  }
  CHECK(full.at("ours") == 100.0);
  CHECK(uniform.at("ours") == Approx(40.0));
  CHECK(uniform.at("ours_low").get<double>() < 40.0);
  CHECK(uniform.at("ours_high").get<double>() > 40.0);
  CHECK(uniform.at("difference") == Approx(-60.0));
  CHECK(uniform.at("difference_low").get<double>() < -60.0);
  CHECK(uniform.at("difference_high").get<double>() > -60.0);
  CHECK(uniform.at("worse") == 6);
  CHECK(uniform.at("better") == 0);
  CHECK(searched.at("difference") == Approx(-10.0));
  CHECK(searched.at("full_layers") == 2);
  CHECK(dense.at("difference") == 0.0);
  CHECK(full.at("difference").is_null());
  const std::string notes = table.at("notes").dump();
  CHECK(
      contains(notes, "tasks solved (0.95 with dense attention or all layers Full at 512 tokens)"));
  CHECK(contains(notes, "means over: kv; not learned: walk 0.50"));
  CHECK(contains(notes, "another model and other questions than the paper's"));
}

TEST_CASE("a task counts that dense attention or all F solves") {
  FakeQualityRun run;
  run.add("FFFF", "uniform", "1", {10, 2}, true);
  run.add("FFFF", "uniform", "1", {3, 10});
  run.add("FSFS", "uniform", "1/2", {6, 8});
  const json table = run.table2();
  CHECK(row_of(table, "uniform", "1/2").at("tasks") == 2);
  CHECK(row_of(table, "uniform", "1/2").at("ours") == Approx(70.0));
  CHECK(contains(table.at("notes").dump(), "means over: kv, walk; not learned: none"));
}

TEST_CASE("published averages stand beside the same retention and kind of pattern") {
  const json table = whole_run().table2();
  const json searched = row_of(table, "searched", "1/2"), full = row_of(table, "DSA", "1");
  CHECK(full.at("published_long_avg") == 50.2);
  CHECK(full.at("published_long_avg_difference").is_null());
  CHECK(searched.at("published_long_avg") == 50.3);
  CHECK(searched.at("published_long_avg_difference") == Approx(0.1));
  CHECK(searched.at("published_g_r_avg") == 74.4);
  CHECK(row_of(table, "uniform", "1/2").at("published_long_avg") == 47.4);
  CHECK(row_of(table, "dense", "1").at("published_long_avg").is_null());

  FakeQualityRun other;
  other.add("FFFF", "uniform", "1", {10, 10});
  other.add("FSFS", "uniform", "1/2", {10, 10});
  other.add("FFSS", "similarity", "1/2", {0, 10});
  const json similar = other.table5();
  CHECK(row_of(similar, "similarity", "1/2").at("published_average") == 49.8);
  CHECK(row_of(similar, "similarity", "1/2").at("difference") == Approx(-50.0));
  CHECK(row_of(similar, "uniform", "1/2").at("published_average_difference") == Approx(-3.3));
}

TEST_CASE("without dense attention all F decides, and where nothing is solved all tasks count") {
  FakeQualityRun run;
  run.add("FFFF", "uniform", "1", {3, 10});
  run.add("FSFS", "uniform", "1/2", {10, 5});
  const json table = run.table2();
  CHECK(row_of(table, "uniform", "1/2").at("ours") == Approx(50.0));
  CHECK(contains(table.at("notes").dump(), "0.95 with all layers Full at 512 tokens"));

  FakeQualityRun none;
  none.add("FFFF", "uniform", "1", {3, 1});
  none.add("FSFS", "uniform", "1/2", {1, 1});
  const json chance = none.table2();
  CHECK(row_of(chance, "DSA", "1").at("ours") == Approx(20.0));
  CHECK(row_of(chance, "DSA", "1").at("tasks") == 2);
  CHECK(row_of(chance, "uniform", "1/2").at("difference") == Approx(-10.0));
  CHECK(contains(chance.at("notes").dump(), "no task is solved"));
}

TEST_CASE("contexts are judged and paired each by itself") {
  FakeQualityRun run = whole_run();
  run.add("FFFF", "uniform", "1", {5, 10}, false, 256);
  run.add("FSFS", "uniform", "1/2", {5, 8}, false, 256);
  const json table = run.table2();
  int found = 0;
  for (const json& row : table.at("rows")) {
    if (row.at("context_tokens") != 256 || row.at("kind") != "uniform") continue;
    ++found;
    CHECK(row.at("ours") == Approx(80.0));
    CHECK(row.at("difference") == Approx(-20.0));
  }
  CHECK(found == 1);
  CHECK(contains(table.at("notes").dump(), "all layers Full at 256 tokens"));
}

TEST_CASE("a quality cell that was not run says so, and is no base") {
  FakeQualityRun run;
  run.plan("FFFF", "uniform", "1");
  run.add("FSFS", "uniform", "1/2", {10, 5});
  const json table = run.table2();
  CHECK(row_of(table, "DSA", "1").at("ours").is_null());
  CHECK(row_of(table, "DSA", "1").at("state") == "not_run");
  CHECK(row_of(table, "uniform", "1/2").at("difference").is_null());
  CHECK(row_of(table, "uniform", "1/2").at("ours") == Approx(75.0));
}

TEST_CASE("models trained for a pattern are held against the base model's all F") {
  FakeQualityRun base, half, quarter, control;
  base.add("FFFF", "uniform", "1", {10, 4}, true);
  base.add("FFFF", "uniform", "1", {10, 5});
  base.add("FSFS", "uniform", "1/2", {2, 5});
  half.add("FSFS", "trained", "1/2", {9, 9});
  quarter.add("FSSS", "trained", "1/4", {8, 0});
  control.add("FSFS", "control", "1/2", {3, 0});
  const std::vector<ReproductionRun> runs = {{base.results(), -1, false},
                                             {half.results(), -1, false},
                                             {quarter.results(), -1, false},
                                             {control.results(), -1, false}};
  const json table = json::parse(render_json({reproduction_of_table3(runs)})).at("tables").at(0);
  REQUIRE(table.at("rows").size() == 6);
  CHECK(row_of(table, "uniform", "1/2").at("difference") == Approx(-80.0));
  CHECK(row_of(table, "trained", "1/2").at("difference") == Approx(-10.0));
  CHECK(row_of(table, "trained", "1/4").at("difference") == Approx(-20.0));
  CHECK(row_of(table, "control", "1/2").at("difference") == Approx(-70.0));
  CHECK(row_of(table, "DSA", "1").at("difference").is_null());
  // Of the paper what was trained alike; nothing was trained for the base model's uniform.
  CHECK(row_of(table, "DSA", "1").at("published_long_avg") == 51.0);
  CHECK(row_of(table, "trained", "1/2").at("published_long_avg_difference") == Approx(0.6));
  CHECK(row_of(table, "trained", "1/4").at("published_long_avg_difference") == Approx(-0.4));
  CHECK(row_of(table, "control", "1/2").at("published_long_avg_difference") == Approx(-1.2));
  CHECK(row_of(table, "uniform", "1/2").at("published_long_avg").is_null());
  const std::string notes = table.at("notes").dump();
  CHECK(contains(notes, "means over: kv; not learned: walk 0.50"));
  CHECK(contains(notes, "trained for none"));
}

}  // namespace
}  // namespace dsabench
