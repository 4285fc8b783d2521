#pragma once
/// The runs in the committed databases. They never change: a later schema gets a fixture of its
/// own.
#include <string>

#include "results/store.h"

namespace dsabench::test {

/// In fixtures/schema_v1.sqlite, and behind the approved reports.
RunResults fixture_run();
/// In fixtures/schema_v2.sqlite and schema_v3.sqlite: the same, gone on with on another machine,
/// under another id. Its cell without a trial is marked as running, and in schema 3 the run too.
RunResults fixture_run_of_schema_2();

/// In fixtures/schema_v4.sqlite to schema_v7.sqlite: that one with ceilings, and a device watched
/// in its first trials.
RunResults fixture_run_of_schema_4();

/// Beside it in fixtures/schema_v7.sqlite: a round of two processes, and two baselines under one
/// name, the newer one retired. Its runs have no cells.
ComparisonRecord fixture_comparison();
std::vector<BaselineRecord> fixture_baselines();

/// Writes all that as a single file of schema 7. Made the committed fixture while 7 was the current
/// schema (as its likes did for 1 to 6):
///   DSABENCH_UPDATE_FIXTURE=1 test_results "the committed database of schema 7*"
void write_fixture(const std::string& path);

}  // namespace dsabench::test
