#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "results/report/render.h"
#include "results/statistics.h"
#include "tests/results/approved_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/random_records.h"
#include "tests/results/table_fields.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench::test {
namespace {

std::size_t row_width_errors(const Table& table) {
  std::size_t errors = 0;
  for (const auto& row : table.rows) errors += row.size() != table.columns.size();
  return errors;
}

TEST_CASE("speed rows by hand") {
  const Table table = speed_table(fixture_run());
  REQUIRE(table.rows.size() == 4);
  CHECK(row_width_errors(table) == 0);
  // 2 sequences of 2,048 tokens in 100 ms; 2 tokens in 4 ms.
  CHECK(is_close(number(table, 0, "prefill_ms"), 100));
  CHECK(is_close(number(table, 0, "prefill_ms_low"), 98));  // 7 samples: the extremes
  CHECK(is_close(number(table, 0, "prefill_ms_high"), 103));
  CHECK(is_close(number(table, 0, "prefill_tokens_per_s"), 40960));
  CHECK(is_close(number(table, 0, "decode_tokens_per_s"), 500));
  CHECK(is_close(number(table, 0, "prefill_indexer_percent"), 75));
  CHECK(is_close(number(table, 0, "decode_indexer_percent"), 25));
  CHECK(is_close(number(table, 0, "prefill_speedup"), 1));
  CHECK(is_close(number(table, 1, "prefill_speedup"), 2));
  CHECK(is_close(number(table, 1, "decode_speedup"), 1.25));
  CHECK(is_close(number(table, 1, "realised_retention"), 0.5));
  CHECK(text(table, 1, "realised") == "2/4 = 0.5");
  CHECK(is_close(number(table, 1, "cache_mib"), 3));
  CHECK(is_close(number(table, 1, "topk_overlap_queries"), 0.85));
  CHECK(absent(table, 1, "topk_overlap_layers"));
  CHECK(text(table, 1, "samples") == "7 / 3");
  CHECK(text(table, 1, "outcome") == "ok");
}

TEST_CASE("a cell that is not ok never shows a time") {
  const Table table = speed_table(fixture_run());
  for (const std::size_t row : {std::size_t{2}, std::size_t{3}}) {
    for (const char* key : {"prefill", "prefill_ms", "prefill_ms_low", "prefill_tokens_per_s",
                            "decode_tokens_per_s", "prefill_speedup", "prefill_samples", "samples",
                            "prefill_indexer_percent", "cache_mib"}) {
      CAPTURE(row, key);
      CHECK(absent(table, row, key));
    }
  }
  CHECK(text(table, 2, "outcome").rfind("failed: out of memory", 0) == 0);
  CHECK(text(table, 3, "outcome") == "incorrect: row 7 differs by 0.5");
}

TEST_CASE("one incorrect trial taints its cell, and a tainted cell is no base") {
  RunResults results = fixture_run();
  TrialRecord wrong = results.trials[0];
  wrong.repeat = 1;
  wrong.outcome = TrialOutcome::incorrect;
  results.trials.push_back(wrong);
  const Table table = speed_table(results);
  CHECK(absent(table, 0, "prefill_ms"));
  CHECK(text(table, 0, "outcome") == "incorrect");
  CHECK_FALSE(absent(table, 1, "prefill_ms"));
  CHECK(absent(table, 1, "prefill_speedup"));
  CHECK(absent(table, 1, "decode_speedup"));
}

TEST_CASE("without an all-F cell there is nothing to be faster than") {
  RunResults results = fixture_run();
  results.plan.erase(results.plan.begin());
  const Table table = speed_table(results);
  CHECK_FALSE(absent(table, 0, "prefill_ms"));
  CHECK(text(table, 0, "pattern") == "FSFS");
  CHECK(absent(table, 0, "prefill_speedup"));
  CHECK(absent(table, 0, "decode_speedup"));
}

TEST_CASE("ok trials are pooled past discarded ones") {
  RunResults results = fixture_run();
  TrialRecord repeat = results.trials[0];
  repeat.repeat = 1;
  repeat.metrics[0].values = {400'000'000, 500'000'000, 600'000'000, 700'000'000,
                              800'000'000, 900'000'000, 950'000'000};
  results.trials.push_back(repeat);
  repeat.outcome = TrialOutcome::discarded;
  repeat.metrics[0].values.assign(99, 1);
  results.trials.push_back(repeat);
  const Table table = speed_table(results);
  CHECK(std::get<std::int64_t>(field(table, 0, "prefill_samples")) == 14);
  CHECK(is_close(number(table, 0, "prefill_ms"), (103.0 + 400.0) / 2));
  CHECK(text(table, 0, "outcome") == "ok (1 discarded)");
}

TEST_CASE("prefill and decode cells share a row; other configurations do not") {
  RunResults results = fixture_run();
  results.plan.resize(3);
  results.trials.resize(2);
  const auto change = [](PlannedCell& planned, const char* phase, const char* pattern, int chunk) {
    planned.cell.phase = phase;
    planned.cell.pattern = pattern;
    planned.cell.canonical_json =
        nlohmann::json{{"phase", phase}, {"pattern", pattern}, {"chunk", chunk}}.dump();
  };
  change(results.plan[0], "prefill", "FFFF", 1);
  change(results.plan[1], "decode", "FFFF", 1);
  change(results.plan[2], "prefill", "FFFF", 2);
  results.plan[1].cell.canonical_json.insert(1, "\"decode_tokens\":64,");
  const Table table = speed_table(results);
  REQUIRE(table.rows.size() == 2);
  CHECK(is_close(number(table, 0, "prefill_ms"), 100));
  CHECK(is_close(number(table, 0, "decode_step_ms"), 3.2));
  CHECK(text(table, 0, "outcome") == "ok");
  CHECK(text(table, 1, "outcome") == "not run");
  CHECK(absent(table, 1, "prefill_ms"));
  CHECK(text(table, 0, "variant") == "chunk=1");
  CHECK(text(table, 1, "variant") == "chunk=2");

  for (const std::size_t failed : {0, 1}) {  // a row is as its worse cell
    CAPTURE(failed);
    RunResults one_failed = results;
    one_failed.trials[failed].outcome = TrialOutcome::failed;
    CHECK(text(speed_table(one_failed), 0, "state") == "failed");
  }
}

TEST_CASE("quality rows by hand") {
  const Table table = quality_table(fixture_run());
  REQUIRE(table.rows.size() == 7);  // two tasks and their mean, twice, and one cell not run
  CHECK(row_width_errors(table) == 0);
  CHECK(is_close(number(table, 0, "score"), 80));
  CHECK(std::get<std::int64_t>(field(table, 0, "items")) == 10);
  // Wilson for 8 of 10, as printed in textbooks.
  CHECK(std::abs(number(table, 0, "score_low") - 49.0162) < 1e-3);
  CHECK(std::abs(number(table, 0, "score_high") - 94.3318) < 1e-3);
  CHECK(text(table, 1, "task") == "variable_tracking");
  CHECK(is_close(number(table, 1, "score"), 30));  // (8 x 0.25 + 2 x 0.5) / 10
  CHECK(text(table, 2, "task") == "mean of 2 tasks");
  CHECK(is_close(number(table, 2, "score"), 55));
  const double below =
      std::hypot(80 - number(table, 0, "score_low"), 30 - number(table, 1, "score_low"));
  CHECK(is_close(number(table, 2, "score_low"), 55 - below / 2));
  CHECK(text(table, 6, "outcome") == "not run");
  CHECK(absent(table, 6, "score"));
  CHECK(absent(table, 0, "accuracy"));
}

TEST_CASE("an item asked twice counts once") {
  RunResults results = fixture_run();
  TrialRecord again = results.trials[4];
  again.repeat = 1;
  for (AnswerRecord& answer : again.answers) answer.score = 0;
  results.trials.push_back(again);
  const Table table = quality_table(results);
  CHECK(std::get<std::int64_t>(field(table, 0, "items")) == 10);
  CHECK(is_close(number(table, 0, "score"), 40));
}

TEST_CASE("synthetic weights mark every score as chance") {
  RunResults results = fixture_run();
  results.run.synthetic_weights = true;
  const Table table = quality_table(results);
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    CHECK(text(table, row, "accuracy") == "chance");
  }
  CHECK(contains(render_markdown(table), "| chance "));
  CHECK(contains(render_markdown(speed_table(results)), "accuracy is chance"));
}

TEST_CASE("the reports are as approved") {
  const RunResults results = fixture_run();
  check_approved("speed.md", render_markdown(speed_table(results)));
  check_approved("quality.md", render_markdown(quality_table(results)));
  const std::vector<Table> tables = {speed_table(results), quality_table(results)};
  for (const char* name : {"csv", "json", "jsonl", "sql", "junit", "github"}) {
    const std::string suffix = name == std::string("junit") ? "xml" : name;
    check_approved("report." + suffix, render(parse_table_format(name), tables));
  }
  CHECK(render(TableFormat::markdown, tables) ==
        render_markdown(tables[0]) + "\n" + render_markdown(tables[1]));
}

TEST_CASE("hostile text stays inside its Markdown cell") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 100; ++round) {
    Table table{"T", {{"a", "A", "", 0}, {"b", "B", "", 2}}, {}, {hostile_text(random)}};
    for (int row = 0; row < 3; ++row) table.rows.push_back({hostile_text(random), 1.5});
    const std::string out = render_markdown(table);
    std::size_t lines = 0, bars = 0, bad = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto c = static_cast<unsigned char>(out[i]);
      lines += c == '\n';
      bars += c == '|' && out[i - 1] != '\\';
      bad += (c < 0x20 && c != '\n') || c == 0x7f || c == '<' || c == '>';
    }
    CAPTURE(out);
    CHECK(lines == 2 + 5 + 1 + 1);
    CHECK(bars == 5 * 3);
    CHECK(bad == 0);
    CHECK_NOTHROW(nlohmann::json(out).dump());  // throws on broken UTF-8
  }
}

TEST_CASE("columns that agree in all rows are printed once, above") {
  Table table{"T",
              {{"m", "model", "", 0, Shown::where_it_varies},
               {"n", "nothing", "", 0, Shown::where_it_varies},
               {"d", "data", "", 0, Shown::in_data},
               {"x", "x", "ms", 1}},
              {{std::string("tiny"), {}, 1.0, 2.25}, {std::string("tiny"), {}, 1.0, {}}},
              {}};
  CHECK(render_markdown(table) ==
        "## T\n\nmodel: tiny\n\n| x, ms |\n| ----: |\n|   2.2 |\n|       |\n");
  table.rows[1][0] = std::string("big");
  CHECK(contains(render_markdown(table), "| tiny  |"));
}

TEST_CASE("JSON keeps every double and has no NaN") {
  DSABENCH_SEEDED(random);
  Table table{"T", {{"x", "x", ""}, {"m", "m", "", 0, Shown::in_markdown}}, {}, {}};
  std::vector<double> values = {0.1,    -0.0,         1e308,
                                5e-324, std::nan(""), std::numeric_limits<double>::infinity()};
  for (int i = 0; i < 100; ++i)
    values.push_back(random.normal() * std::pow(10, random.integer(-300, 300)));
  for (const double value : values) table.rows.push_back({value, std::string("people only")});
  const auto json = nlohmann::json::parse(render_json({table}));
  CHECK(json["schema_version"] == 1);
  const auto& rows = json["tables"][0]["rows"];
  REQUIRE(rows.size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(rows[i].size() == 1);
    if (std::isfinite(values[i])) {
      CHECK(rows[i]["x"].get<double>() == values[i]);
    } else {
      CHECK(rows[i]["x"].is_null());
    }
  }
}

TEST_CASE("an empty run has empty tables") {
  const RunResults nothing;
  CHECK(contains(render_markdown(speed_table(nothing)), "No rows."));
  CHECK(contains(render_markdown(quality_table(nothing)), "No rows."));
}

TEST_CASE("random runs always render") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 30; ++round) {
    RunResults results{random_run(random), random_plan(random, 5), {}};
    for (const PlannedCell& planned : results.plan) {
      results.trials.push_back(random_trial(random, results.run.run_id, planned.cell.cell_id, 0));
    }
    const Table speed = speed_table(results), quality = quality_table(results),
                ceilings = ceilings_table(results);
    CHECK(row_width_errors(speed) == 0);
    CHECK(row_width_errors(ceilings) == 0);
    CHECK(row_width_errors(quality) == 0);
    CHECK_NOTHROW(nlohmann::json::parse(render_json({speed, quality, ceilings})));
    CHECK_FALSE(render_markdown(quality).empty());
  }
}

}  // namespace
}  // namespace dsabench::test
