/// What the tables make of a watched device and of ceilings.
#include <cmath>

#include "results/report/ceilings.h"
#include "results/report/device_numbers.h"
#include "results/report/render.h"
#include "tests/results/approved_files.h"
#include "tests/results/fixture_run.h"
#include "tests/results/table_fields.h"
#include "tests/support/error_message.h"

namespace dsabench::test {
namespace {

/// The fixture's first cell as a GPU's, with a throttled attempt before.
RunResults watched_run() {
  RunResults results = fixture_run_of_schema_4();
  TrialRecord throttled = results.trials[0];
  throttled.outcome = TrialOutcome::discarded;
  throttled.reason = "throttled: HW thermal slowdown in 2 of 3 readings";
  throttled.metrics[0].values.assign(7, 900'000'000);
  for (DeviceSample& sample : throttled.device_samples) sample.sm_mhz = 345;
  results.trials.insert(results.trials.begin(), throttled);
  return results;
}

TEST_CASE("device columns by hand") {
  const Table table = speed_table(watched_run());
  CHECK(is_close(number(table, 0, "sm_mhz"), 1800));  // the discarded attempt's 345 has no say
  CHECK(is_close(number(table, 0, "temperature_c"), 61));
  CHECK(is_close(number(table, 0, "prefill_power_w"), 650));  // 1,300 J in 2 s
  CHECK(is_close(number(table, 0, "decode_power_w"), 650));
  // 650 W for 100 ms over 2 x 2,048 tokens, and for 4 ms over 2.
  CHECK(is_close(number(table, 0, "prefill_joules_per_token"), 65.0 / 4096));
  CHECK(is_close(number(table, 0, "decode_joules_per_token"), 2.6 / 2));
  CHECK(is_close(number(table, 0, "power_capped_percent"), 200.0 / 3));
  // Too short for the energy counter: the mean of the readings. The driver says little else.
  CHECK(is_close(number(table, 1, "prefill_power_w"), 505));
  CHECK(is_close(number(table, 1, "sm_mhz"), 1975));
  CHECK(absent(table, 1, "temperature_c"));
  CHECK(is_close(number(table, 1, "power_capped_percent"), 0));
  CHECK(absent(table, 2, "sm_mhz"));
  CHECK(absent(table, 2, "prefill_power_w"));
}

TEST_CASE("a counter that ran backwards, or never moved, is no energy") {
  TrialRecord trial = fixture_run_of_schema_4().trials[0];
  trial.device_samples.back().energy_mj = 5;
  CHECK(is_close(report::mean_power_w(trial), (600.0 + 690 + 700) / 3));
  trial.device_samples.back().energy_mj = trial.device_samples.front().energy_mj;
  CHECK(is_close(report::mean_power_w(trial), (600.0 + 690 + 700) / 3));
  for (DeviceSample& sample : trial.device_samples) sample.power_mw = -1;
  CHECK_FALSE(report::mean_power_w(trial));
  trial.device_samples.clear();
  CHECK_FALSE(report::mean_power_w(trial));
}

TEST_CASE("matrix work is held against the ceilings of the process that timed it") {
  const RunResults results = fixture_run_of_schema_4();
  const CellRecord& cell = results.plan[0].cell;
  TrialRecord trial = results.trials[0];
  // 2e12 FLOP at 2e9 in 40 us.
  CHECK(is_close(report::matrix_floor_ns(results.run, cell, trial), 40e6));
  CHECK(is_close(number(speed_table(results), 0, "prefill_matrix_percent"), 40));
  CHECK(is_close(number(speed_table(results), 1, "prefill_matrix_percent"), 80));
  // After the run was gone on with, its ceiling is half of that.
  trial.started_ms = results.run.continuations[0].started_ms;
  CHECK(is_close(report::matrix_floor_ns(results.run, cell, trial), 80e6));
  // e4m3 has no rate here: nothing is said, unless there is no such work.
  trial.metrics.back().values = {1};
  CHECK_FALSE(report::matrix_floor_ns(results.run, cell, trial));
  trial.metrics.pop_back();
  CHECK_FALSE(report::matrix_floor_ns(results.run, cell, trial));
  CHECK(absent(speed_table(fixture_run()), 0, "prefill_matrix_percent"));
}

TEST_CASE("patterns that were measured on different GPUs are said to be") {
  RunResults results = fixture_run_of_schema_4();
  const auto note = [&results] {
    for (const std::string& text : speed_table(results).notes) {
      if (contains(text, "different GPUs")) return true;
    }
    return false;
  };
  const auto on = [&results](const std::vector<std::string>& gpus) {
    for (std::size_t i = 0; i < results.trials.size(); ++i) {
      results.trials[i].conditions_json = R"({"gpu":")" + gpus[i % gpus.size()] + R"("})";
    }
  };
  CHECK_FALSE(note());
  on({"GPU-1"});
  CHECK_FALSE(note());
  // One pattern alone on another GPU, then every trial of a cell on its own.
  const std::string cell = results.trials[0].cell_id;
  for (TrialRecord& trial : results.trials) {
    if (trial.cell_id == cell) trial.conditions_json = R"({"gpu":"GPU-2"})";
  }
  CHECK(note());
  on({"GPU-1", "GPU-2", "GPU-3"});
  CHECK(note());
}

TEST_CASE("the tables of a watched run are as approved") {
  const RunResults results = watched_run();
  check_approved("device.md",
                 render(TableFormat::markdown, {speed_table(results), ceilings_table(results)}));
  check_approved("device.csv",
                 render(TableFormat::csv, {speed_table(results), ceilings_table(results)}));
  CHECK(ceilings_table(fixture_run()).rows.empty());
}

}  // namespace
}  // namespace dsabench::test
