/// What the ids of machine and build stand for.
#include "results/identity.h"

#include <nlohmann/json.hpp>

#include "harness/run/environment.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

TEST_CASE("machine and build ids are hashes of what they name, and stable") {
  for (Identity (*identity)() : {machine_identity, build_identity}) {
    const Identity a = identity(), b = identity();
    CHECK(a.id == b.id);
    CHECK(a.id == content_hash(a.json));
    CHECK(nlohmann::json::parse(a.json).dump() == a.json);  // sorted keys
  }
}

TEST_CASE("a variable that changes how fast the CPU path runs makes another machine") {
  for (const char* name : {"OMP_PROC_BIND", "OMP_PLACES", "OPENBLAS_CORETYPE"}) {
    const char* given = std::getenv(name);
    const std::string kept = given == nullptr ? "" : given;
    REQUIRE(unsetenv(name) == 0);
    const std::string before = machine_identity().id;
    REQUIRE(setenv(name, "test", 1) == 0);
    CHECK(machine_identity().id != before);
    REQUIRE(unsetenv(name) == 0);
    CHECK(machine_identity().id == before);
    if (given != nullptr) setenv(name, kept.c_str(), 1);
  }
  const std::string before = machine_identity().id;
  REQUIRE(setenv("DSABENCH_UNRELATED", "test", 1) == 0);
  CHECK(machine_identity().id == before);
  unsetenv("DSABENCH_UNRELATED");
}

TEST_CASE("a trial's conditions are no part of the machine") {
  std::string conditions = current_conditions();
  add_condition(conditions, "state", "warm");
  const auto json = nlohmann::json::parse(conditions);
  CHECK(json.at("state") == "warm");
  CHECK(json.contains("load_average_1min"));
  CHECK_FALSE(test::contains(machine_identity().json, "load_average"));

  add_condition(conditions, kStageSample, 12345);
  CHECK(find_condition(conditions, kStageSample) == 12345);
  CHECK_FALSE(find_condition(conditions, "state").has_value());  // no number
  CHECK_FALSE(find_condition(conditions, "unknown").has_value());
  CHECK_FALSE(find_condition("", kStageSample).has_value());
  CHECK_FALSE(find_condition("[1]", kStageSample).has_value());
}

}  // namespace
}  // namespace dsabench
