#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/profile/profiled_cell.h"
#include "harness/run/environment.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

/// Two samples of two decode steps each.
ProfiledCell decode_cell() {
  ProfiledCell profiled;
  profiled.config.num_layers = 2;
  profiled.cell.phase = Phase::decode;
  profiled.cell.decode_tokens = 2;
  profiled.timed.metrics = {{"decode_step", "ns", "lower", {100, 100, 120, 120}}};
  profiled.timed.conditions_json = "{}";
  return profiled;
}

TEST_CASE("stages of the timed samples are means of a sample") {
  ProfiledCell profiled = decode_cell();
  profiled.timed.stage_times = {{"decode", 0, 0, "indexer_score", 60},
                                {"decode", 1, 0, "indexer_score", 80},
                                {"decode", 0, 1, "moe", 100},
                                {"decode", 1, 1, "moe", 140}};
  const TimedNumbers numbers = timed_numbers(profiled);
  CHECK_FALSE(numbers.is_stage_sample);
  CHECK(numbers.median == 110);
  CHECK(numbers.sample == 220);
  CHECK(numbers.of_stage(Stage::moe) == 120);
  CHECK(numbers.of_indexers() == 70);
  CHECK(numbers.stage_sum == 190);
}

TEST_CASE("stages of a sample of their own are of that sample, and bounds are of the timed steps") {
  ProfiledCell profiled = decode_cell();
  profiled.timed.stage_times = {{"decode", 0, 0, "indexer_score", 75},
                                {"decode", 0, 1, "moe", 200}};
  add_condition(profiled.timed.conditions_json, kStageSample, 275);  // a quarter longer
  const TimedNumbers numbers = timed_numbers(profiled);
  CHECK(numbers.is_stage_sample);
  CHECK(numbers.median == 110);
  CHECK(numbers.sample == 275);
  CHECK(numbers.of_stage(Stage::moe) == 200);
  CHECK(numbers.of_indexers() == 75);
  CHECK(numbers.stage_sum == 275);
  // The one indexer takes 75 of 275 in a step of 110: without it 80 are left.
  const auto bound = reuse_bound(numbers, "FS", 0);
  REQUIRE(bound.has_value());
  CHECK(std::abs(bound->ns - 80) < 1e-9);
}

}  // namespace
}  // namespace dsabench
