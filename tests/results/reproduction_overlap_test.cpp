/// What `reproduce overlap` prints of a stored matrix, and which runs it refuses.
#include <algorithm>

#include "kernels/base/error.h"
#include "results/overlap_view.h"
#include "results/report/reproduction.h"
#include "tests/results/table_fields.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using namespace test;

/// A run of an overlap whose pairs share what `share` says, in parts per million.
RunResults overlap_run(std::int64_t layers, const std::vector<std::int64_t>& matrix) {
  RunResults results;
  results.run.run_id = "01900000-0000-7000-8000-00000000000b";
  results.run.status = kOverlapStatus;
  results.run.machine_json = R"({"cpu_model": "Example CPU", "threads": 2})";
  PlannedCell& planned = results.plan.emplace_back();
  planned.cell.cell_id = "c";
  planned.cell.model = "small";
  planned.cell.pattern = std::string(static_cast<std::size_t>(layers), 'F');
  planned.cell.suite = "facts-compact";
  planned.cell.context_tokens = 512;
  planned.cell.device_kind = "cpu";
  planned.cell.canonical_json = "{}";
  TrialRecord& trial = results.trials.emplace_back();
  trial.cell_id = "c";
  trial.outcome = TrialOutcome::ok;
  trial.metrics = {{kOverlapMatrix, "count", "exact", matrix},
                   {kOverlapPairs, "count", "exact", {77}},
                   {kOverlapChance, "count", "exact", {123'456}}};
  return results;
}

std::vector<std::int64_t> random_matrix(Random& random, std::int64_t layers) {
  std::vector<std::int64_t> matrix(static_cast<std::size_t>(layers * layers), 1'000'000);
  for (std::int64_t a = 0; a < layers; ++a) {
    for (std::int64_t b = 0; b < a; ++b) {
      const std::int64_t share = random.integer(0, 1'000'000);
      matrix[static_cast<std::size_t>(a * layers + b)] = share;
      matrix[static_cast<std::size_t>(b * layers + a)] = share;
    }
  }
  return matrix;
}

TEST_CASE("neighbours and early with late layers are summed up beside the published ranges") {
  DSABENCH_SEEDED(random);
  const std::int64_t layers = 8;
  const std::vector<std::int64_t> matrix = random_matrix(random, layers);
  const auto percent = [&](std::size_t a, std::size_t b) {
    return static_cast<double>(matrix[a * 8 + b]) / 1e4;
  };
  std::vector<double> next, far;
  for (std::size_t l = 0; l < 7; ++l) next.push_back(percent(l, l + 1));
  for (const std::size_t early : {0U, 1U}) {
    for (const std::size_t late : {6U, 7U}) far.push_back(percent(early, late));
  }
  const RunResults results = overlap_run(layers, matrix);
  const Table table = reproduction_of_overlap({results, -1, false});
  REQUIRE(table.rows.size() == 2);
  for (const auto& [row, shares] : {std::pair(std::size_t{0}, next), {std::size_t{1}, far}}) {
    CAPTURE(row);
    double sum = 0;
    for (const double share : shares) sum += share;
    CHECK(integer(table, row, "num_pairs") == std::ssize(shares));
    CHECK(is_close(number(table, row, "least"), *std::min_element(shares.begin(), shares.end())));
    CHECK(is_close(number(table, row, "mean"), sum / static_cast<double>(shares.size())));
    CHECK(
        is_close(number(table, row, "greatest"), *std::max_element(shares.begin(), shares.end())));
  }
  CHECK(number(table, 0, "published_least") == 70.0);
  CHECK(number(table, 0, "published_greatest") == 100.0);
  CHECK(absent(table, 1, "published_least"));
  CHECK(number(table, 1, "published_greatest") == 40.0);
  CHECK(contains(table.title, "small, facts-compact at 512 tokens"));
  CHECK(contains(notes_of(table), "mean over 77 rows"));
  CHECK(contains(notes_of(table), "chance is 12.3 %"));
  CHECK(contains(notes_of(table), "another model"));
  CHECK_FALSE(contains(notes_of(table), "not complete"));
}

TEST_CASE(
    "a model of few layers has no early and late ones, and one of generated weights says so") {
  RunResults results = overlap_run(1, {1'000'000});
  results.run.synthetic_weights = true;
  const Table table = reproduction_of_overlap({results, -1, false});
  for (const std::size_t row : {0U, 1U}) {
    CHECK(integer(table, row, "num_pairs") == 0);
    for (const char* key : {"least", "mean", "greatest"}) CHECK(absent(table, row, key));
  }
  CHECK(contains(notes_of(table), "planted"));
}

TEST_CASE("runs that are no overlap, and matrices that do not fit, are refused") {
  RunResults results = overlap_run(2, {1'000'000, 5, 5, 1'000'000});
  CHECK(view_overlap(results).share(0, 1) == 5e-6);
  CHECK_FALSE(view_overlap(results).value(kOverlapTopK).has_value());
  results.trials[0].metrics[0].values.pop_back();
  CHECK(contains(message_of<InvalidArgument>([&] { view_overlap(results); }),
                 "3 values, expected 4"));
  results.trials.clear();
  CHECK(contains(message_of<InvalidArgument>([&] { view_overlap(results); }), "is no overlap"));
  results = overlap_run(1, {1'000'000});
  results.run.status = "done";
  CHECK(
      contains(message_of<InvalidArgument>([&] { view_overlap(results); }), "its status is done"));
}

}  // namespace
}  // namespace dsabench
