/// The page of `report` without a browser: its data against what the database has, what is left
/// out, and that foreign text stays text. tests/report_page opens it in Chromium.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "results/identity.h"
#include "results/overlap_record.h"
#include "results/report/html/report.h"
#include "tests/results/approved_files.h"
#include "tests/results/page_tables.h"
#include "tests/results/report_fixture.h"
#include "tests/support/error_message.h"
#include "tests/support/sanitized.h"

namespace dsabench::test {
namespace {

using nlohmann::json;
using Mode = ResultStore::Mode;

bool close(double actual, double expected, double tolerance = 1e-5) {
  return std::abs(actual - expected) <= tolerance * std::abs(expected);
}

double median_of(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double upper = static_cast<double>(values.at(half));
  return values.size() % 2 == 1 ? upper : (upper + static_cast<double>(values.at(half - 1))) / 2;
}

/// The median time of the only trial of the cell with these fields.
double time_of(const RunResults& results, const std::string& phase, std::int64_t context,
               const std::string& pattern) {
  for (const PlannedCell& planned : results.plan) {
    const CellRecord& cell = planned.cell;
    if (cell.suite != "speed" || cell.phase != phase || cell.context_tokens != context ||
        cell.pattern != pattern) {
      continue;
    }
    for (const TrialRecord& trial : results.trials) {
      if (trial.cell_id != cell.cell_id) continue;
      return median_of(metric_values(trial, phase == "decode" ? "decode_step" : "prefill"));
    }
  }
  throw Error("no such cell");
}

TEST_CASE("the data of a report are the approved ones") {
  Random random(20'261'123);
  const ScratchFolder folder;
  const json data = json::parse(report_data(load_fixture(folder, random, false)));
  check_approved("report_page.json", data.dump(1) + "\n");
}

TEST_CASE("speedups and ceilings in the figures are those of the samples") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const ReportInput input = load_fixture(folder, random, false);
  const json data = json::parse(report_data(input));
  const RunResults& results = input.runs.front();
  std::size_t measured = 0, published = 0;
  for (const json& row : rows_of(figure_of(data, "speedup").at("table"))) {
    if (row.at("source") == "published") {
      ++published;
      continue;
    }
    ++measured;
    const std::string phase = row.at("phase"), pattern = row.at("pattern");
    const std::int64_t context = row.at("context_tokens");
    const double expected =
        time_of(results, phase, context, "FFFFFFFF") / time_of(results, phase, context, pattern);
    CAPTURE(row.dump());
    CHECK(close(row.at("speedup"), expected));
    CHECK(row.at("speedup_low").get<double>() <= expected * 1.00001);
    CHECK(row.at("speedup_high").get<double>() >= expected * 0.99999);
  }
  CHECK(measured == 2 * 3 * 2);   // contexts, patterns, phases
  CHECK(published == 2 * 4 * 2);  // retentions, contexts, phases of Table 1
  const json published_row = rows_of(figure_of(data, "speedup").at("table")).back();
  CHECK(close(published_row.at("speedup"), 86.0 / 58.0));  // decode at 200K, 1/4

  for (const json& row : rows_of(figure_of(data, "roofline").at("table"))) {
    // Matrix work of a sample, over 2 FLOP a nanosecond, over a prefill or four steps.
    const bool decode = row.at("phase") == "decode";
    const double work = decode ? 4e6 : 1e4 * row.at("context_tokens").get<double>();
    const std::map<std::string, std::string> patterns = {
        {"1", "FFFFFFFF"}, {"1/2", "FSFSFSFS"}, {"1/4", "FSSSFSSS"}, {"searched 3/8", "FFSSFSSS"}};
    const double time =
        time_of(results, row.at("phase"), row.at("context_tokens"), patterns.at(row.at("series")));
    const double expected = 100 * (work / 2) / (time * (decode ? 4 : 1));
    CHECK(close(row.at("matrix_percent"), expected, 2e-5));
  }
  std::size_t bars = 0;
  for (const json& row : rows_of(figure_of(data, "stages").at("table"))) {
    double sum = 0;
    for (const char* stage : {"indexer_score", "topk", "sparse_attention", "moe", "lm_head"}) {
      sum += row.at(stage).get<double>();
    }
    CHECK(close(sum, 100.0, 1e-5));
    ++bars;
  }
  CHECK(bars == 2 * 4 * 2);
}

TEST_CASE("what was wrong or failed is counted and never drawn") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string text = report_data(load_fixture(folder, random, false));
  const json data = json::parse(text);
  const json main = rows_of(data.at("runs")).at(0);
  CHECK(main.at("cells") == 2 * 4 * 2 + 2 + 4);
  CHECK(main.at("ok") == 2 * 4 * 2 + 4);
  CHECK(main.at("incorrect") == 1);
  CHECK(main.at("failed") == 1);
  for (const json& figure : data.at("figures")) {
    if (figure.contains("missing") || figure.at("id") == "search") continue;
    for (const json& row : rows_of(figure.at("table"))) {
      CHECK(row.value("context_tokens", 0) != 8192);
      CHECK(row.value("context_tokens", 0) != 16384);
    }
  }
}

TEST_CASE("scores, the front and the overlap in the figures are those of the database") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const ReportInput input = load_fixture(folder, random, false);
  const json data = json::parse(report_data(input));
  const RunResults& results = input.runs.front();
  std::map<std::string, double> mean_of;  // by pattern
  for (const json& row : rows_of(figure_of(data, "accuracy").at("table"))) {
    double sum = 0, count = 0;
    for (const PlannedCell& planned : results.plan) {
      if (planned.cell.suite != "ruler" || planned.cell.pattern != row.at("pattern")) continue;
      for (const TrialRecord& trial : results.trials) {
        if (trial.cell_id != planned.cell.cell_id) continue;
        for (const AnswerRecord& answer : trial.answers) {
          const bool mean = row.at("task") == "mean of 2 tasks";
          if (!mean && answer.task != row.at("task")) continue;
          sum += answer.score;
          ++count;
        }
      }
    }
    CHECK(row.at("items") == count);
    CHECK(std::abs(row.at("score").get<double>() - 100 * sum / count) <= 1e-3);
    CHECK(row.at("score_low") <= row.at("score"));
    CHECK(row.at("score_high") >= row.at("score"));
    if (row.at("task") == "mean of 2 tasks") mean_of[row.at("pattern")] = 100 * sum / count;
  }
  CHECK(mean_of.size() == 4);

  const std::vector<json> front = rows_of(figure_of(data, "front").at("table"));
  CHECK(front.size() == 2 * 4);
  for (const json& row : front) {
    CHECK(row.at("speed_context_tokens") == 4000);
    bool beaten = false;
    for (const json& other : front) {
      if (other.at("phase") != row.at("phase")) continue;
      const bool no_worse =
          other.at("speedup") >= row.at("speedup") && other.at("score") >= row.at("score");
      beaten |= no_worse &&
                (other.at("speedup") > row.at("speedup") || other.at("score") > row.at("score"));
    }
    CHECK(row.at("front") == (beaten ? "no" : "yes"));
    CHECK(std::abs(row.at("score").get<double>() - mean_of.at(row.at("pattern"))) <= 1e-3);
  }

  const std::vector<std::int64_t>& matrix =
      metric_values(input.overlaps.at(0).trials.at(0), kOverlapMatrix);
  const std::vector<json> cells = rows_of(figure_of(data, "overlap").at("table"));
  REQUIRE(cells.size() == matrix.size());
  for (const json& cell : cells) {
    const std::size_t at = cell.at("layer").get<std::size_t>() * ReportFixture::kLayers +
                           cell.at("other_layer").get<std::size_t>();
    CHECK(close(cell.at("percent"), static_cast<double>(matrix.at(at)) / 1e4));
  }
}

TEST_CASE("the history shows where a level changed and by how much") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const ReportInput input = load_fixture(folder, random, false);
  const std::vector<json> rows =
      rows_of(figure_of(json::parse(report_data(input)), "history").at("table"));
  REQUIRE(std::ssize(rows) == ReportFixture::kHistoryRuns);
  for (std::int64_t i = 0; i < ReportFixture::kHistoryRuns; ++i) {
    const json& row = rows[static_cast<std::size_t>(i)];
    CAPTURE(i, row.dump());
    CHECK(row.at("samples") == 7);
    if (i == ReportFixture::kHistoryRuns / 2) {
      REQUIRE(row.at("change_percent").is_number());
      CHECK(std::abs(row.at("change_percent").get<double>() - 20) <= 5);
    } else {
      CHECK(row.at("change_percent").is_null());
    }
  }
}

TEST_CASE("a report shows the newest run of each plan, and no arm of a comparison") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  const std::string path = folder / "a.db";
  const ReportFixture fixture = write_report_fixture(path, random, false);
  ResultStore store = ResultStore::open(path, Mode::read_write);
  CHECK(runs_to_report(store) == std::vector<std::string>{fixture.main_run,
                                                          fixture.newest_history_run,
                                                          fixture.search_run, fixture.overlap_run});
  const std::size_t before = store.load_histories(2).at(0).points.size();

  RunResults arm = store.load_run(fixture.newest_history_run);
  arm.run.run_id = new_run_id();
  arm.run.started_ms += 1'000'000'000;
  arm.run.plan_id = "another plan";
  {
    ResultStore scratch = ResultStore::open(folder / "arm.db", Mode::read_write);
    scratch.add_run(arm.run, arm.plan);
    for (TrialRecord& trial : arm.trials) {
      trial.run_id = arm.run.run_id;
      scratch.add_trial(trial);
    }
  }
  ComparisonRecord comparison;
  comparison.comparison_id = new_run_id();
  comparison.kind = "ab";
  comparison.status = "running";
  comparison.settings_json = "{}";
  comparison.machine_id = arm.run.machine_id;
  comparison.arms = {{Arm::base, "a", "a", "[]"}};
  store.add_comparison(comparison);
  ComparisonSample sample;
  store.add_comparison_sample(comparison.comparison_id, sample, folder / "arm.db");
  CHECK(runs_to_report(store).size() == 4);
  CHECK(store.load_histories(2).at(0).points.size() == before);
  // What the comparison says is shown: so far, that it has one side alone.
  const std::vector<Table> verdicts = load_report(store, {fixture.main_run}).verdicts;
  REQUIRE_FALSE(verdicts.empty());
  CHECK(verdicts.front().title.find(comparison.comparison_id) != std::string::npos);
  // Named, it is shown.
  CHECK(load_report(store, {arm.run.run_id}).runs.size() == 1);
}

TEST_CASE("what was not measured is named and not drawn") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  ReportInput input = load_fixture(folder, random, false);
  ReportInput only_search;
  only_search.searches = input.searches;
  const json data = json::parse(report_data(only_search));
  for (const json& figure : data.at("figures")) {
    CAPTURE(figure.at("id"));
    CHECK(figure.contains("missing") == (figure.at("id") != "search"));
  }
  CHECK_FALSE(report_page(only_search).empty());
  CHECK_THROWS_AS(report_page(ReportInput()), InvalidArgument);
  const ResultStore empty = ResultStore::open(folder / "empty.db", Mode::read_write);
  CHECK(runs_to_report(empty).empty());
  CHECK_THROWS_AS(load_report(empty, {"none"}), InvalidArgument);
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST_CASE("hostile text cannot leave its place in the page") {
  DSABENCH_SEEDED(random);
  const ScratchFolder folder;
  ReportInput input = load_fixture(folder, random, true);
  input.database = hostile_for_pages();
  input.command_line = hostile_for_pages();
  const std::string page = report_page(input);
  CHECK(count_of(page, "</script") == 3);  // data, Vega, the page's own
  CHECK(count_of(page, "<script") == 3);
  CHECK(count_of(page, "<!--") == 0);
  CHECK(count_of(page, "<img") == 0);
  CHECK(count_of(page, "\xE2\x80\xA8") == 1);  // in the title, which is no script
  // All of the data is ASCII without a control character.
  const std::string data = report_data(input);
  CHECK(std::all_of(data.begin(), data.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  CHECK(count_of(page, data) == 1);
  const std::string model = rows_of(json::parse(data).at("runs")).at(0).at("model");
  const std::string hostile = hostile_for_pages();
  CHECK(model == hostile.substr(0, hostile.size() - 1) + "\xEF\xBF\xBD");  // its broken byte
}

TEST_CASE("a page of 10,000 rows stays below 3 MB") {
  constexpr std::int64_t kRows = kSanitized ? 1000 : 10'000;
  DSABENCH_SEEDED(random);
  ReportInput input;
  input.runs.push_back(wide_run(random, kRows));
  const std::string page = report_page(input);
  INFO("bytes: " << page.size());
  CHECK(page.size() < 3'000'000);
  const json data = json::parse(report_data(input));
  CHECK(data.at("tables").at(0).at("num_rows") == kRows);
  // No drawing of ten thousand bars, and no bar that is not in the table.
  const json& stages = figure_of(data, "stages");
  CHECK(stages.at("table").at("num_rows") == kRows);
  std::int64_t drawn = 0, shortest = 1'000'000, longest_left_out = 0;
  for (const json& row : rows_of(stages.at("table"))) {
    const std::int64_t context = row.at("context_tokens");
    if (row.at("panel").is_null()) {
      longest_left_out = std::max(longest_left_out, context);
    } else {
      ++drawn;
      shortest = std::min(shortest, context);
    }
  }
  CHECK(drawn == 48);
  CHECK(longest_left_out <= shortest);
}

}  // namespace
}  // namespace dsabench::test
