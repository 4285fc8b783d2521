#include "harness/plan/plan_file.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "results/located_json.h"
#include "tests/harness/cli_calls.h"
#include "tests/support/sanitized.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::message_of;
using test::ScratchFolder;
using test::with_tiny_model;

nlohmann::json tiny_plan() {
  nlohmann::json plan = {{"model", "demo"}};
  for (const auto& [key, value] : test::tiny_overrides()) plan["set"][key] = std::stoi(value);
  plan["sweeps"] = {{{"context", {64, "96"}}}};
  return plan;
}

std::vector<std::string> ids_of(const RunPlan& plan) {
  std::vector<std::string> ids;
  for (const PlanEntry& entry : plan.sweep.entries) ids.push_back(cell_id(entry.cell));
  return ids;
}

std::string refusal(const std::string& text) {
  return message_of<Error>([&] { parse_plan_file("plan.json", text); });
}

TEST_CASE("a plan file asks for what the options ask for") {
  const ScratchFolder folder;
  nlohmann::json plan = tiny_plan();
  plan["seed"] = 7;
  plan["picks"] = "random";
  plan["sweeps"] = {{{"context", {"64", 96}},
                     {"retention", {"1", "1/3"}},
                     {"phase", "prefill,decode"},
                     {"batch", {1, 2}},
                     {"indexer_mode", {"exact", "fp8"}},
                     {"cache_format", "f32,fp8"},
                     {"chunk", 32},
                     {"decode_tokens", "3"}}};
  test::write_text(folder / "plan.json", plan.dump(2));
  const CliResult by_file =
      call_cli({"run", "--plan", folder / "plan.json", "--dry-run", "--format", "json"});
  const CliResult by_options = call_cli(with_tiny_model(
      "run", {"--seed",         "7",        "--picks", "random", "--context",       "64,96",
              "--retention",    "1,1/3",    "--batch", "1,2",    "--indexer-mode",  "exact,fp8",
              "--cache-format", "f32,fp8",  "--chunk", "32",     "--decode-tokens", "3",
              "--dry-run",      "--format", "json"}));
  CAPTURE(by_file.err, by_options.err);
  REQUIRE(by_file.code == 0);
  CHECK(by_file.out == by_options.out);
  const auto rows = nlohmann::json::parse(by_file.out).at("tables").at(0).at("rows");
  CHECK(rows.size() == 64);
}

TEST_CASE("what a plan file leaves out is at the options' defaults") {
  nlohmann::json plan = {{"model", "demo"}, {"sweeps", {nlohmann::json::object()}}};
  const RunPlan by_file = parse_plan_file("plan.json", plan.dump());
  const auto rows = nlohmann::json::parse(
                        call_cli({"run", "--model", "demo", "--dry-run", "--format", "json"}).out)
                        .at("tables")
                        .at(0)
                        .at("rows");
  const std::vector<std::string> ids = ids_of(by_file);
  REQUIRE(rows.size() == ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) CHECK(rows[i].at("cell_id") == ids[i]);
  CHECK(by_file.repeats == 1);
  CHECK(by_file.limits == SamplingLimits{});
}

TEST_CASE("several sweeps make one list without repetition, in order") {
  nlohmann::json plan = tiny_plan();
  plan["sweeps"] = {
      {{"context", {64, 96}}, {"phase", "prefill"}},
      {{"context", "32,64"}, {"phase", "prefill"}, {"dialect", "hf"}},
      {{"suite", "ruler-synth"}, {"context", 2048}, {"tasks", {"vt"}}, {"samples_per_task", 2}},
      {{"suite", "ruler-synth"}, {"context", 2048}, {"tasks", "cwe"}}};
  plan["repeat"] = 3;
  plan["limits"] = {{"noise", 0.5}, {"max_samples", 9}, {"max_seconds", 1.5}};
  const RunPlan read = parse_plan_file("plan.json", plan.dump());
  std::vector<std::int64_t> contexts;
  for (const PlanEntry& entry : read.sweep.entries) contexts.push_back(entry.cell.context_tokens);
  CHECK(contexts == std::vector<std::int64_t>{64, 96, 32, 2048, 2048});
  CHECK(read.sweep.entries[3].cell.tasks == std::vector<std::string>{"vt"});
  CHECK(read.sweep.entries[3].cell.samples_per_task == 2);
  CHECK(read.sweep.entries[4].cell.tasks == std::vector<std::string>{"cwe"});
  REQUIRE(read.sweep.notices.size() == 1);
  CHECK(contains(read.sweep.notices[0], "sweep 2"));
  CHECK(read.repeats == 3);
  CHECK(read.limits.noise_target == 0.5);
  CHECK(read.limits.max_samples == 9);
  CHECK(read.limits.max_seconds == 1.5);
}

TEST_CASE("text that is no JSON is refused with line and column") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "plan.json:1:1: "},
      {"{\n  \"model\": \"demo\",\n  \"sweeps\": [}\n", "plan.json:3:14: "},
      {"{\"model\": demo}", "plan.json:1:11: "},
      {"{\"a\": 1}\n\n x", "plan.json:3:2: "},
      {"{\n\"model\": 1,\n  \"model\": 2}", "plan.json:3:3: key given twice: \"model\""},
      {std::string(100, '['), "plan.json:1:65: JSON nested deeper than 64"},
      {"{\"model\": \"\xff\"}", "plan.json:1:1"},
      {"[1e999]", "plan.json:1:"},
  };
  for (const auto& [text, place] : cases) {
    CAPTURE(text, refusal(text));
    CHECK(refusal(text).starts_with(place));
  }
}

TEST_CASE("what a plan says is refused with its place, its value and what was expected") {
  const std::string good = tiny_plan().dump();
  REQUIRE(refusal(good).empty());
  struct Case {
    const char* pointer;
    nlohmann::json value;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"/models", "x", {"/models", "unknown key", "model, config, set"}},
      {"/model", "no-such", {"/model", "no-such", "glm-4.7-flash-dsa"}},
      {"/model", {1}, {"/model", "expected a text or a number", "[1]"}},
      {"/set/no_such_key", 3, {"/set", "no_such_key"}},
      {"/set", 3, {"/set", "expected an object", "3"}},
      {"/picks", "lucky", {"/picks", "lucky"}},
      {"/seed", -1, {"/seed", "expected a whole number from 0", "-1"}},
      {"/device", "tpu", {"/device", "tpu"}},
      {"/dtype", "f64", {"/dtype", "f64"}},
      {"/dtype", "bf16", {"/dtype", "bf16"}},
      {"/repeat", 0, {"/repeat", "at least 1", "0"}},
      {"/repeat", 1.5, {"/repeat", "a whole number", "1.5"}},
      {"/repeat", 18446744073709551615ull, {"/repeat", "a whole number"}},
      {"/limits", {{"noise", 2}}, {"/limits", "--noise", "2"}},
      {"/limits", {{"noise", "x"}}, {"/limits/noise", "a number", "\"x\""}},
      {"/limits", {{"samples", 3}}, {"/limits/samples", "unknown key", "min_samples"}},
      {"/sweeps", nlohmann::json::array(), {"/sweeps", "a list of sweeps", "[]"}},
      {"/sweeps", {1}, {"/sweeps/0", "an object", "1"}},
      {"/sweeps/0/contexts", 1, {"/sweeps/0/contexts", "unknown key", "suite, tasks, context"}},
      {"/sweeps/0/context", {64, "4x"}, {"/sweeps/0/context/1", "4x", "a count"}},
      {"/sweeps/0/context", {64, 1.5}, {"/sweeps/0/context/1", "1.5"}},
      {"/sweeps/0/context", nlohmann::json::array(), {"/sweeps/0/context", "not empty"}},
      {"/sweeps/0/context", 1000000, {"/sweeps/0", "1000000", "32768"}},
      {"/sweeps/0/suite", "fast", {"/sweeps/0/suite", "fast"}},
      {"/sweeps/0/retention", {"1", "2"}, {"/sweeps/0/retention/1", "2"}},
      {"/sweeps/0/pattern", "FSSS", {"/sweeps/0", "FSSS"}},
      {"/sweeps/0/phase", "rest", {"/sweeps/0/phase", "rest", "prefill, decode"}},
      {"/sweeps/0/batch", 0, {"/sweeps/0/batch", "0"}},
      {"/sweeps/0/indexer_mode", "guess", {"/sweeps/0/indexer_mode", "guess"}},
      {"/sweeps/0/cache_format", "bf16", {"/sweeps/0/cache_format", "bf16", "f32", "fp8"}},
      {"/sweeps/0/dialect", "klingon", {"/sweeps/0/dialect", "klingon"}},
      {"/sweeps/0/dense_attention", 1, {"/sweeps/0/dense_attention", "true or false", "1"}},
      {"/sweeps/0/chunk", "0", {"/sweeps/0/chunk", "0"}},
      {"/sweeps/0/context", "1-4096+1", {}},
  };
  for (const Case& bad : cases) {
    nlohmann::json plan = nlohmann::json::parse(good);
    plan[nlohmann::json::json_pointer(bad.pointer)] = bad.value;
    const std::string message = refusal(plan.dump(2));
    CAPTURE(bad.pointer, message);
    if (bad.parts.empty()) {
      CHECK(message.empty());
      continue;
    }
    CHECK(message.starts_with("plan.json:"));
    for (const std::string& part : bad.parts) CHECK(contains(message, part));
  }
  CHECK(contains(refusal(R"({"sweeps": [{}]})"), "\"model\" is missing"));
  CHECK(contains(refusal(R"({"model": "demo"})"), "\"sweeps\" is missing"));
  CHECK(contains(refusal("[]"), "expected an object"));
}

TEST_CASE("a plan beyond any use is refused before it is made") {
  using nlohmann::json;
  json plan = tiny_plan();
  const auto refused_with = [&plan](const json& sweeps, const std::string& part) {
    plan["sweeps"] = sweeps;
    const std::string message = refusal(plan.dump());
    CAPTURE(part, message);
    CHECK(message.starts_with("plan.json:"));
    CHECK(contains(message, part));
  };
  const std::string range = "1-4096+1";
  refused_with({{{"context", range}, {"batch", range}}}, "at most 10000 points");
  // What a few bytes stand for is never held, however often they are written.
  refused_with({{{"context", json(9999, range)}}}, "at most 10000 points, these are 12288");
  refused_with(json(9999, {{"context", range}}), "at most 10000 points");
  refused_with({{{"context", json(10001, 64)}}}, "/sweeps/0/context: a plan has at most");
  refused_with(json(10001, json::object()), "/sweeps: a plan has at most 10000 points");
  plan["set"]["num_hidden_layers"] = 16384;
  refused_with({{{"pattern", json(9999, "uniform")}, {"retention", json(9999, "1/2")}}},
               "at most 4194304 letters of patterns, 99980001 patterns of 16384 layers");
  refused_with({{{"pattern", json(200, "checkpoint")}, {"phase", "prefill,decode"}}},
               "at most 4194304 letters of patterns and tasks over all its points");
  refused_with({{{"suite", "ruler-synth"},
                 {"tasks", json(999, std::string(100, 't'))},
                 {"context", "1-100+1"}}},
               "at most 4194304 letters of patterns and tasks");
}

TEST_CASE("places cost no more than the text is long") {
  // Each alone is a document that a place per value, by name or counted from the first line, would
  // take hours and hundreds of gigabytes for.
  const std::size_t scale = test::kSanitized ? 10 : 1;
  const std::string key(1'000'000 / scale, 'k'), lines(2'000'000 / scale, '\n');
  const std::string line = "f:" + std::to_string(lines.size() + 1) + ":";
  const auto num_values = static_cast<std::int64_t>(200'000 / scale);
  std::string text = "{\"" + key + "\":[" + lines;
  for (std::int64_t i = 0; i < num_values; ++i) text += i == 0 ? "1" : ",1";
  const std::clock_t start = std::clock();
  const LocatedJson document("f", text + "]}");
  CHECK(document.where("/" + key + "/" + std::to_string(num_values - 1))
            .starts_with(line + std::to_string(2 * num_values - 1) + ": /kkk"));
  std::string short_text = lines + "[7";
  for (std::int64_t i = 1; i < num_values; ++i) short_text += ",7";
  const LocatedJson list("f", short_text + "]");
  std::int64_t num_right = 0;
  for (std::int64_t i = 0; i < num_values; ++i) {
    num_right += list.where("/" + std::to_string(i)) ==
                 line + std::to_string(2 * i + 2) + ": /" + std::to_string(i);
  }
  CHECK(num_right == num_values);
  CHECK(double(std::clock() - start) / CLOCKS_PER_SEC < 20);
}

TEST_CASE("places are those of the value") {
  const std::string text = "{\"a\": [10,\n  {\"b/c~\":true}, \"x\"],\n\n  \"d\"  : null}";
  const LocatedJson document("f", text);
  CHECK(document.where("") == "f:1:1");
  CHECK(document.where("/a") == "f:1:7: /a");
  CHECK(document.where("/a/0") == "f:1:8: /a/0");
  CHECK(document.where("/a/1") == "f:2:3: /a/1");
  CHECK(document.where("/a/1" + pointer_step("b/c~")) == "f:2:11: /a/1/b~1c~0");
  CHECK(document.where("/a/2") == "f:2:18: /a/2");
  CHECK(document.where("/d") == "f:4:10: /d");
  CHECK(document.where("/nowhere") == "f");
  CHECK(document.root() == nlohmann::json::parse(text));
}

TEST_CASE("the command line says where a plan file is wrong, and refuses to be merged with it") {
  const ScratchFolder folder;
  test::write_text(folder / "bad.json", "{\n  \"model\": \"demo\",\n  \"sweeps\": 3}\n");
  const CliResult bad = call_cli({"run", "--plan", folder / "bad.json", "--dry-run"});
  CHECK(bad.code == 2);
  CHECK(test::is_error_line(bad.err, "bad.json:3:13: /sweeps: expected a list of sweeps, got 3"));
  const CliResult missing = call_cli({"run", "--plan", folder / "none.json"});
  CHECK(missing.code == 2);
  CHECK(test::is_error_line(missing.err, "none.json"));

  test::write_text(folder / "good.json", tiny_plan().dump());
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{"--context", "64"},
                                             {"--model", "demo"},
                                             {"--repeat", "1"},
                                             {"--noise", "0.1"},
                                             {"--seed", "0"},
                                             {"--device", "cpu"},
                                             {"--dense-attention"}}) {
    std::vector<std::string> arguments = {"run", "--plan", folder / "good.json", "--dry-run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CliResult both = call_cli(arguments);
    CAPTURE(more, both.err);
    CHECK(both.code == 2);
    CHECK(test::is_error_line(both.err, more.front()));
    CHECK(contains(both.err, "good.json"));
  }
}

}  // namespace
}  // namespace dsabench
