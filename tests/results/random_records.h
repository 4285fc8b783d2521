#pragma once
/// Records with hostile text, and their comparison field by field.
#include <string>
#include <vector>

#include "results/store.h"
#include "tests/support/random.h"

namespace dsabench::test {

/// Quotes, line breaks, control characters, HTML, SQL, UTF-8 whole and broken.
std::string hostile_text(Random& random);

RunRecord random_run(Random& random);
/// Cells at positions 0, 1, ..., their ids the hash of what makes them differ.
std::vector<PlannedCell> random_plan(Random& random, std::int64_t num_cells);
/// Stage times and layer runs come in the order in which the store gives them back.
TrialRecord random_trial(Random& random, const std::string& run_id, const std::string& cell_id,
                         std::int64_t repeat);

/// Of three arms, without samples.
ComparisonRecord random_comparison(Random& random);

void check_equal(const ComparisonRecord& actual, const ComparisonRecord& expected);
void check_equal(const std::vector<BaselineRecord>& actual,
                 const std::vector<BaselineRecord>& expected);
void check_equal(const RunRecord& actual, const RunRecord& expected);
void check_equal(const std::vector<PlannedCell>& actual, const std::vector<PlannedCell>& expected);
void check_equal(const std::vector<TrialRecord>& actual, const std::vector<TrialRecord>& expected);

}  // namespace dsabench::test
