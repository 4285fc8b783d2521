#pragma once
/// The runs in the committed databases. They never change: a later schema gets a fixture of its
/// own.
#include <string>

#include "results/store.h"

namespace dsabench::test {

/// In fixtures/schema_v1.sqlite, and behind the approved reports.
RunResults fixture_run();
/// In fixtures/schema_v2.sqlite: the same, gone on with on another machine, under another id. Its
/// cell without a trial is marked as running.
RunResults fixture_run_of_schema_2();

/// Writes the run of schema 2 as a single file. Made the committed fixture while 2 was the current
/// schema (as its like did for 1):
///   DSABENCH_UPDATE_FIXTURE=1 test_results "the committed database of schema 2*"
void write_fixture(const std::string& path);

}  // namespace dsabench::test
