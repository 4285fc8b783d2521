/// `reproduce`: a table of the paper beside our figures, as a run that is stored, gone on with and
/// printed again.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/plan/reproduction.h"
#include "results/published/index_cache.h"
#include "tests/harness/cli_calls.h"
#include "tests/harness/stored_runs.h"

namespace dsabench {
namespace {

using nlohmann::json;
using test::call_cli;
using test::CliResult;
using test::contains;
using test::ScratchFolder;

/// On the miniature, where contexts of this size take milliseconds.
std::vector<std::string> reproduce(const ScratchFolder& folder, const std::string& table,
                                   const std::string& contexts,
                                   const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"reproduce", table, "--model", "demo", "--no-ceilings"};
  for (const auto& [key, value] : test::tiny_overrides()) {
    arguments.insert(arguments.end(), {"--set", key + "=" + value});
  }
  const std::vector<std::pair<std::string, std::string>> quick = {
      {"--db", folder / "runs.db"}, {"--device", "cpu"},     {"--context", contexts},
      {"--min-samples", "1"},       {"--max-samples", "1"},  {"--max-warmups", "1"},
      {"--progress", "plain"},      {"--decode-tokens", "2"}};
  for (const auto& [option, value] : quick) {
    arguments.insert(arguments.end(), {option, value});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

json first_table(const CliResult& result) {
  CAPTURE(result.err);
  return json::parse(result.out).at("tables").at(0);
}

TEST_CASE(
    "table1 on the CPU from plan to table, again from the database, and the same from resume") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(reproduce(folder, "table1", "64,96", {"--retention", "1,1/3", "--format", "json"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const json table = first_table(result);
  CHECK(contains(table.at("title"), "ours on "));
  CHECK(contains(table.at("title"), "published on 8 x H100 (80 GB each), SGLang"));
  std::vector<std::string> seen;
  for (const json& row : table.at("rows")) {
    seen.push_back(fmt::format("{} {} {}", row.at("quantity").get<std::string>(),
                               row.at("context_tokens").get<int>(),
                               row.at("pattern").get<std::string>()));
    CHECK(row.at("outcome") == "ok");
    CHECK(row.at("ours") > 0.0);
    CHECK(row.at("speedup") > 0.0);
    CHECK(row.at("published").is_null());
    CHECK(row.at("ratio").is_null());
  }
  CHECK(seen == std::vector<std::string>{"prefill 64 FFF", "prefill 64 FSS", "prefill 96 FFF",
                                         "prefill 96 FSS", "decode 64 FFF", "decode 64 FSS",
                                         "decode 96 FFF", "decode 96 FSS", "decode_full 64 FFF",
                                         "decode_full 64 FSS", "decode_full 96 FFF",
                                         "decode_full 96 FSS"});
  CHECK(contains(table.at("notes").dump(), "nothing is compared"));
  CHECK(json::parse(result.out).at("tables").at(1).at("title") == "Speed");

  const RunResults run = test::last_run(folder / "runs.db");
  CHECK(reproduced_table(run.run) == "table1");
  CHECK(run.plan.size() == 12);
  const auto print = [&](const std::string& table_name) {
    return call_cli(
        {"reproduce", table_name, "--run", "last", "--db", folder / "runs.db", "--format", "json"});
  };
  CHECK(first_table(print("table1")) == table);
  const json profile = first_table(print("profile"));
  REQUIRE(profile.at("rows").size() == 4);
  for (const json& row : profile.at("rows")) {
    CHECK((row.at("ours") > 0.0 && row.at("ours") < 100.0));
    CHECK(row.at("published").is_null());
  }
  const CliResult resumed =
      call_cli({"resume", "last", "--db", folder / "runs.db", "--format", "json"});
  CHECK(resumed.code == 0);
  CHECK(first_table(resumed) == table);
}

TEST_CASE("a run that the time limit stopped is gone on with, and its table then complete") {
  const ScratchFolder folder;
  const CliResult stopped =
      call_cli(reproduce(folder, "table1", "64", {"--retention", "1", "--time-limit", "0.0001s"}));
  CAPTURE(stopped.err);
  CHECK(stopped.code == 3);
  CHECK(contains(stopped.err, "to go on: dsabench resume "));
  CHECK(contains(stopped.out, "not run"));
  const CliResult resumed = call_cli({"resume", "last", "--new-machine", "--no-ceilings", "--db",
                                      folder / "runs.db", "--format", "json"});
  REQUIRE(resumed.code == 0);
  const json table = first_table(resumed);
  CHECK(contains(table.at("title"), "Table 1"));
  REQUIRE(table.at("rows").size() == 3);
  for (const json& row : table.at("rows")) CHECK(row.at("state") == "ok");
}

TEST_CASE("profile measures the all-F cells alone") {
  const ScratchFolder folder;
  const CliResult result = call_cli(reproduce(folder, "profile", "64", {"--format", "json"}));
  REQUIRE(result.code == 0);
  const json table = first_table(result);
  CHECK(table.at("rows").size() == 2);
  CHECK(contains(table.at("notes").dump(), "would be 7.7 s, and Table 1 has 10.7 s"));
  const RunResults run = test::last_run(folder / "runs.db");
  REQUIRE(run.plan.size() == 2);
  CHECK(run.plan[0].cell.pattern == "FFF");
  // It has no figures for Table 1.
  const CliResult refused =
      call_cli({"reproduce", "table1", "--run", "last", "--db", folder / "runs.db"});
  CHECK(refused.code == 2);
  CHECK(test::is_error_line(refused.err, "it was made for profile"));
}

TEST_CASE("the plan of the 30B shape has the paper's contexts, retentions and searched patterns") {
  const CliResult result = call_cli({"reproduce", "table1", "--device", "cpu", "--dry-run",
                                     "--format", "json", "--db", "/no/such/runs.db"});
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const json table = first_table(result);
  std::map<std::string, int> patterns;
  std::set<int> contexts;
  for (const json& row : table.at("rows")) {
    ++patterns[row.at("pattern")];
    contexts.insert(row.at("context").get<int>());
  }
  CHECK(table.at("rows").size() == 84);  // 4 contexts, 7 patterns, prefill and decode and decode
  CHECK(contexts == std::set<int>{10'000, 60'000, 120'000, 200'000});
  CHECK(patterns.size() == 7);
  for (const published::SearchedPattern& known : published::index_cache().patterns) {
    if (known.model == "30B") CHECK(patterns[known.pattern] == 12);
  }
  const CliResult fewer =
      call_cli({"reproduce", "table1", "--device", "cpu", "--dry-run", "--format", "json",
                "--context", "10k", "--retention", "1,0.25", "--db", "/no/such/runs.db"});
  CHECK(first_table(fewer).at("rows").size() == 9);
}

TEST_CASE("the paper's model has published figures beside it, another one of its name has not") {
  for (const bool same : {true, false}) {
    RunPlan plan;
    plan.model.model = "glm-4.7-flash-dsa";
    if (!same) plan.model.overrides = {{"index_topk", "1024"}};
    plan.reproduction = kTable1;
    SweepText asked;
    asked.contexts = {{"10k", ""}};
    asked.retentions = {{"1,1/4", ""}};
    const ModelConfig config = resolve_model_config(plan.model);
    plan.sweep = make_sweep_plan(config, reproduction_axes(kTable1, asked, config, plan.model));
    RunResults results;
    results.run.plan_json = plan_json(plan);
    results.plan = to_records(plan.sweep);
    CHECK(parse_plan_json(results.run.plan_json).reproduction == kTable1);
    const json table =
        json::parse(render_json({reproduction_table(kTable1, results)})).at("tables").at(0);
    REQUIRE(table.at("rows").size() == 9);
    const double seconds[] = {0.57, 0.45, 0.45};
    for (std::size_t i = 0; i < 3; ++i) {
      const json& published = table.at("rows").at(i).at("published");
      CHECK(published == (same ? json(seconds[i]) : json()));
    }
    CHECK(contains(table.at("notes").dump(), "nothing is compared") != same);
  }
}

TEST_CASE("table4 is printed as published, with where it is from and that it is not ours") {
  const CliResult result = call_cli({"reproduce", "table4"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  for (const char* part : {"as published", "cannot be run here", "second-hand", "97.6"}) {
    CHECK(contains(result.out, part));
  }
}

TEST_CASE("every format prints every table") {
  const ScratchFolder folder;
  REQUIRE(call_cli(reproduce(folder, "table1", "64", {"--retention", "1"})).code == 0);
  for (const char* format : {"md", "csv", "json", "jsonl", "sql", "junit", "github"}) {
    for (const char* table : {"table1", "profile"}) {
      const CliResult result = call_cli(
          {"reproduce", table, "--run", "last", "--db", folder / "runs.db", "--format", format});
      CAPTURE(format, table, result.err);
      CHECK(result.code == 0);
      CHECK(contains(result.out, "prefill"));
    }
    const CliResult result = call_cli({"reproduce", "table4", "--format", format});
    CHECK(result.code == 0);
    CHECK(contains(result.out, "66.2"));
  }
}

TEST_CASE("what cannot be reproduced is refused in one line, before anything is written") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"reproduce"}, "table"},
      {{"reproduce", "table6"},
       "there are: table1, profile, table2, table3, table5, overlap, table4"},
      {{"reproduce", "table3", "--trained", "1/2=x", "--db", db}, "give --model, a trained"},
      {{"reproduce", "table3", "--model", "demo", "--db", db}, "give --trained 1/2=DIR"},
      {{"reproduce", "table3", "--model", "demo", "--trained", "demo", "--db", db},
       "--trained: expected retention=folder"},
      {{"reproduce", "table3", "--model", "demo", "--control", "1/2=/nowhere", "--db", db},
       "/nowhere"},
      {{"reproduce", "table3", "--model", "demo", "--trained", "2=demo", "--db", db}, "2"},
      {{"reproduce", "table3", "--model", "demo", "--calibration-samples", "1"},
       "--calibration-samples has no effect, nothing is searched"},
      {{"reproduce", "table2", "--model", "demo", "--trained", "1/2=demo"},
       "--trained has no effect, models are named so for table3"},
      {{"reproduce", "table2", "--db", db}, "give --model, a trained checkpoint"},
      {{"reproduce", "table5", "--db", db}, "give --model, a trained checkpoint"},
      {{"reproduce", "table2", "--model", "demo", "--decode-tokens", "4", "--db", db},
       "--decode-tokens has no effect, it is a table of answers"},
      {{"reproduce", "table1", "--suite", "facts", "--tasks", "kv", "--db", db},
       "--suite, --tasks have no effect, it is a table of times"},
      {{"reproduce", "table2", "--model", "demo", "--suite", "speed", "--db", db}, "speed"},
      {{"reproduce", "table2", "--model", "demo", "--retention", "1", "--db", db}, "--retention"},
      {{"reproduce", "table2", "--model", "demo", "--context", "1Mi", "--db", db}, "1048576"},
      {{"reproduce", "table2", "--model", "demo", "--device", "cuda:all", "--db", db}, "cuda:all"},
      {{"reproduce", "overlap", "--db", db}, "give --model, a trained checkpoint"},
      {{"reproduce", "overlap", "--model", "demo", "--retention", "1/2", "--repeat", "2"},
       "--retention, --repeat have no effect, layers are looked at"},
      {{"reproduce", "overlap", "--model", "demo", "--context", "64", "--db", db}, "--context"},
      {{"reproduce", "overlap", "--model", "demo", "--device", "cuda:all"}, "cuda:all"},
      {{"reproduce", "table1", "--model", "demo", "--device", "cpu", "--db", db},
       "--context: 60000 + 16 decode tokens exceed the 32768 positions of demo"},
      {{"reproduce", "table1", "--model", "demo", "--context", "64", "--retention", "2"}, "2"},
      {{"reproduce", "table1", "--model", "demo", "--context", "64", "--time-limit", "9"},
       "--time-limit"},
      {{"reproduce", "table1", "--device", "cuda:99"}, "cuda:99"},
      {{"reproduce", "table4", "--model", "demo"}, "--model has no effect"},
      {{"reproduce", "table4", "--run", "last"}, "--run has no effect"},
      {{"reproduce", "table1", "--run", "last", "--context", "64", "--repeat", "2"},
       "--context, --repeat have no effect"},
  };
  for (const auto& [arguments, part] : cases) {
    const CliResult result = call_cli(arguments);
    CAPTURE(arguments, result.err);
    CHECK(result.code == 2);
    CHECK(test::is_error_line(result.err, part));
    CHECK(result.out.empty());
  }
  CHECK_FALSE(std::filesystem::exists(db));
  CHECK(call_cli({"reproduce", "table1", "--run", "last", "--db", db}).code == 8);
}

/// `reproduce table` of answers, on few questions.
std::vector<std::string> reproduce_quality(const ScratchFolder& folder, const std::string& table,
                                           const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"reproduce", table, "--model", "demo", "--no-ceilings"};
  for (const auto& [key, value] : test::tiny_overrides()) {
    arguments.insert(arguments.end(), {"--set", key + "=" + value});
  }
  for (const char* word : {"--tasks", "kv", "--samples-per-task", "2", "--device", "cpu",
                           "--progress", "plain", "--db"}) {
    arguments.push_back(word);
  }
  arguments.push_back(folder / "runs.db");
  if (table != "table3") arguments.insert(arguments.end(), {"--calibration-samples", "1"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_CASE("table2 searches, asks dense, uniform and searched alike, and prints again") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(reproduce_quality(folder, "table2", {"--retention", "1,1/3", "--format", "json"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const json table = first_table(result);
  std::vector<std::string> kinds;
  for (const json& row : table.at("rows")) {
    kinds.push_back(row.at("kind"));
    CHECK(row.at("items") == 2);
    CHECK(row.at("state") == "ok");
  }
  // Of three layers with one Full there is one pattern: found by search too, and measured once.
  CHECK(kinds == std::vector<std::string>{"dense", "DSA", "uniform"});
  CHECK(contains(result.err, "searched pattern 1/3 gives the same pattern as retention 1/3"));
  CHECK(contains(table.at("notes").dump(), "no task is solved"));

  const ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_only);
  REQUIRE(store.list_runs().size() == 2);
  const auto search = store.load_search(store.list_runs().at(1).run_id);
  REQUIRE(search.has_value());
  CHECK(search->patterns.back().method == "greedy");
  const CliResult again = call_cli(
      {"reproduce", "table2", "--run", "last", "--db", folder / "runs.db", "--format", "json"});
  CHECK(first_table(again) == table);
  const CliResult other =
      call_cli({"reproduce", "table1", "--run", "last", "--db", folder / "runs.db"});
  CHECK(other.code == 2);
  CHECK(test::is_error_line(other.err, "made for table2"));
}

/// `reproduce overlap` of the miniature with eight layers.
std::vector<std::string> reproduce_overlap(const ScratchFolder& folder,
                                           const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"reproduce", "overlap", "--model", "demo"};
  for (const auto& [key, value] : test::tiny_overrides()) {
    arguments.insert(arguments.end(),
                     {"--set", key + "=" + (key == "num_hidden_layers" ? "8" : value)});
  }
  for (const char* word : {"--tasks", "kv", "--samples-per-task", "1", "--context", "512",
                           "--device", "cpu", "--progress", "plain", "--db"}) {
    arguments.push_back(word);
  }
  arguments.push_back(folder / "runs.db");
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_CASE("overlap is held against the published ranges and the patterns that a search found") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  const CliResult result = call_cli(reproduce_overlap(folder, {"--format", "json"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const json tables = json::parse(result.out).at("tables");
  REQUIRE(tables.size() == 3);  // no pattern is known yet
  CHECK(contains(tables[0].at("notes").dump(), "dsabench search finds some"));
  const json& matrix = tables[1].at("rows");
  double sum = 0;
  for (std::size_t l = 0; l < 7; ++l) {
    sum += matrix.at(l).at("layer_" + std::to_string(l + 1)).get<double>();
  }
  const json& neighbours = tables[0].at("rows").at(0);
  CHECK(std::abs(neighbours.at("mean").get<double>() - 100 * sum / 7) <= 1e-6);
  CHECK(neighbours.at("published_least") == 70);
  CHECK(call_cli({"reproduce", "overlap", "--run", "last", "--db", db, "--format", "json"}).out ==
        result.out);

  std::vector<std::string> search = reproduce_overlap(folder);
  search.erase(search.begin(), search.begin() + 2);
  search.insert(search.begin(), "search");
  search.insert(search.end(), {"--retention", "1/2", "--method", "greedy"});
  const CliResult found = call_cli(search);
  CAPTURE(found.err);
  REQUIRE(found.code == 0);
  const json again = json::parse(
      call_cli({"reproduce", "overlap", "--run", "last", "--db", db, "--format", "json"}).out);
  REQUIRE(again.at("tables").size() == 4);
  const json& block = again.at("tables").at(3).at("rows").at(0);
  CHECK(block.at("asked") == "searched pattern 1/2");
  CHECK(block.at("full_layers") == 4);
  CHECK(again.at("tables").at(1).at("rows") == tables[1].at("rows"));
  const CliResult other = call_cli({"reproduce", "table1", "--run", "last", "--db", db});
  CHECK(other.code == 2);
}

TEST_CASE("a searched pattern that is none of the uniform ones has a row of its own") {
  const ScratchFolder folder;
  const CliResult result =
      call_cli(reproduce_quality(folder, "table5", {"--retention", "1,2/3", "--format", "json"}));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const ResultStore store = ResultStore::open(folder / "runs.db", ResultStore::Mode::read_only);
  const auto search = store.load_search(store.list_runs().at(1).run_id);
  REQUIRE(search.has_value());
  std::string found;
  for (const SearchedPattern& pattern : search->patterns) {
    if (pattern.method == "similarity") found = pattern.pattern;
  }
  REQUIRE(std::count(found.begin(), found.end(), 'F') == 2);
  std::set<std::string> patterns;
  const json table = first_table(result);
  for (const json& row : table.at("rows")) patterns.insert(row.at("pattern"));
  CHECK(patterns.contains(found));
}

TEST_CASE("table3 asks each model under its own pattern, against the base model's all F") {
  const ScratchFolder folder;
  const std::string db = folder / "runs.db";
  const std::vector<std::string> models = {
      "--trained", "1/3=demo,2/3=demo", "--control", "1/3=demo", "--retention",
      "1,1/2",     "--format",          "json"};
  const CliResult result = call_cli(reproduce_quality(folder, "table3", models));
  CAPTURE(result.err);
  REQUIRE(result.code == 0);
  const json table = first_table(result);
  std::vector<std::string> kinds, retentions;
  for (const json& row : table.at("rows")) {
    kinds.push_back(row.at("kind"));
    retentions.push_back(row.at("nominal_retention"));
    CHECK(row.at("items") == 2);
    CHECK(row.at("state") == "ok");
    const bool has_base = row.at("kind") != "DSA";
    CHECK(row.at("difference").is_null() != has_base);
  }
  CHECK(kinds ==
        std::vector<std::string>{"dense", "DSA", "uniform", "trained", "trained", "control"});
  CHECK(retentions == std::vector<std::string>{"1", "1", "1/2", "1/3", "2/3", "1/3"});
  const ResultStore store = ResultStore::open(db, ResultStore::Mode::read_only);
  const std::vector<RunRecord> runs = store.list_runs();
  REQUIRE(runs.size() == 4);
  const CliResult again = call_cli({"reproduce", "table3", "--run", "last~3,last~2,last~1,last",
                                    "--db", db, "--format", "json"});
  CHECK(first_table(again) == table);
  // One of them alone is a part of the table.
  CHECK(first_table(
            call_cli({"reproduce", "table3", "--run", "last", "--db", db, "--format", "json"}))
            .at("rows")
            .size() == 1);
  const CliResult several = call_cli({"reproduce", "table2", "--run", "last,last~1", "--db", db});
  CHECK(test::is_error_line(several.err, "made for table3"));
}

TEST_CASE("the plan of a table of answers shows without searching") {
  const ScratchFolder folder;
  const CliResult result = call_cli(reproduce_quality(folder, "table2", {"--dry-run"}));
  CAPTURE(result.err);
  CHECK(result.code == 0);
  CHECK(contains(result.out + result.err, "added to these once they are known"));
  CHECK_FALSE(std::filesystem::exists(folder / "runs.db"));
}

TEST_CASE("another verb's run is no reproduction, and its plan has no word of one") {
  const ScratchFolder folder;
  REQUIRE(call_cli(test::with_tiny_model(
                       "run", {"--db", folder / "runs.db", "--context", "64", "--phase", "prefill",
                               "--max-samples", "1", "--min-samples", "1", "--progress", "off"}))
              .code == 0);
  CHECK_FALSE(contains(test::last_run(folder / "runs.db").run.plan_json, "reproduction"));
  const CliResult result =
      call_cli({"reproduce", "table1", "--run", "last", "--db", folder / "runs.db"});
  CHECK(result.code == 2);
  CHECK(test::is_error_line(result.err, "another verb than reproduce"));
}

}  // namespace
}  // namespace dsabench
