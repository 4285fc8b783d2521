#include "harness/cli/cli.h"

#include <nlohmann/json.hpp>

#include "harness/cli/exit_codes.h"
#include "tests/harness/cli_calls.h"

namespace dsabench {
namespace {

using test::call_cli;
using test::CliResult;
using test::contains;
using test::is_error_line;
using test::ScratchFolder;

const std::string kGoldens = DSABENCH_TEST_DATA "/golden/";

TEST_CASE("errors map to the documented exit codes") {
  CHECK(exit_code_of(InvalidArgument("")) == ExitCode::usage);
  CHECK(exit_code_of(ParseError("", "")) == ExitCode::usage);
  CHECK(exit_code_of(IoError("")) == ExitCode::usage);
  CHECK(exit_code_of(UnsupportedDevice("")) == ExitCode::usage);
  CHECK(exit_code_of(OutOfMemory("", 1)) == ExitCode::run_failed);
  CHECK(exit_code_of(std::runtime_error("")) == ExitCode::run_failed);
  CHECK(exit_code_of(VerificationError("")) == ExitCode::incorrect);
  CHECK(exit_code_of(StoreError("")) == ExitCode::database);
  CHECK(exit_code_of(Interrupted("")) == ExitCode::interrupted);

  CHECK(exit_code_of(RunSummary{"", "done", 3, 0, 0}) == ExitCode::pass);
  CHECK(exit_code_of(RunSummary{"", "done", 3, 0, 1}) == ExitCode::run_failed);
  CHECK(exit_code_of(RunSummary{"", "done", 3, 1, 1}) == ExitCode::incorrect);
  CHECK(exit_code_of(RunSummary{"", "interrupted", 3, 0, 0}) == ExitCode::interrupted);
  CHECK(exit_code_of(RunSummary{"", "done", 3, 0, 0, 1}) == ExitCode::untrusted);
  CHECK(exit_code_of(RunSummary{"", "done", 3, 0, 1, 1}) == ExitCode::run_failed);
  CHECK(exit_code_of(RunSummary{"", "done", 3, 1, 0, 1}) == ExitCode::incorrect);
  CHECK(static_cast<int>(ExitCode::untrusted) == 4);
  CHECK(exit_code_of(RunSummary{"", "interrupted", 3, 1, 1, 1, true}) == ExitCode::inconclusive);
  CHECK(static_cast<int>(ExitCode::inconclusive) == 3);
}

TEST_CASE("usage errors are one line and exit with 2") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "subcommand"},
      {{"fly"}, "fly"},
      {{"run"}, "--model"},
      {{"run", "--model", "no-such"}, "no-such"},
      {{"run", "--model", "demo", "--wings", "2"}, "--wings"},
      {{"run", "--model", "demo", "--suite", "no-such"}, "no-such"},
      {{"run", "--model", "demo", "--context", "4x"}, "4x"},
      {{"run", "--model", "demo", "--context", "1Mi"}, "1048576"},
      {{"run", "--model", "demo", "--retention", "2"}, "2"},
      {{"run", "--model", "demo", "--pattern", "FSSS"}, "FSSS"},
      {{"run", "--model", "demo", "--phase", "rest"}, "rest"},
      {{"run", "--model", "demo", "--indexer-mode", "guess"}, "guess"},
      {{"run", "--model", "demo", "--dialect", "klingon", "--retention", "1"}, "klingon"},
      {{"run", "--model", "demo", "--set", "hidden_size"}, "hidden_size"},
      {{"run", "--model", "demo", "--set", "no_such_key=1"}, "no_such_key"},
      {{"run", "--model", "demo", "--picks", "lucky"}, "lucky"},
      {{"run", "--model", "demo", "--format", "xml"}, "xml"},
      {{"run", "--model", "demo", "--device", "cuda:99"}, "cuda:99"},
      {{"run", "--model", "demo", "--dtype", "bf16"}, "dtype bf16"},
      {{"run", "--model", "demo", "--dtype", "f64"}, "f64"},
      {{"run", "--model", "demo", "--device", "tpu"}, "tpu"},
      {{"run", "--model", "demo", "--time-limit", "9"}, "--time-limit"},
      {{"resume", "last", "--time-limit", "soon"}, "soon"},
      {{"run", "--model", "demo", "--output", "/no/such/folder/x", "--dry-run"}, "/no/such/folder"},
      {{"list", "cats"}, "cats"},
      {{"pattern", "--freq", "4"}, "--layers"},
      {{"pattern", "--layers", "8"}, "--freq"},
      {{"pattern", "--layers", "8", "--offset", "2", "--retention", "1"}, "--offset"},
      {{"pattern", "--pattern", "SF"}, "SF"},
      {{"verify", "/no/such", "--golden", "/no/such"}, "/no/such"},
  };
  for (const auto& [arguments, part] : cases) {
    const CliResult result = call_cli(arguments);
    CAPTURE(arguments, result.err);
    CHECK(result.code == 2);
    CHECK(is_error_line(result.err, part));
    CHECK(result.out.empty());
  }
}

TEST_CASE("messages carry no control characters to the terminal") {
  const CliResult result = call_cli({"run", "--model", "evil\x1b[31m\nname"});
  CHECK(result.code == 2);
  CHECK(is_error_line(result.err, "evil"));
  CHECK(result.err.find('\x1b') == std::string::npos);
}

TEST_CASE("a database that is none exits with 8") {
  const ScratchFolder folder;
  test::write_text(folder / "text.db", "this is not a database, and long enough to look at\n");
  CHECK(call_cli({"list", "runs", "--db", folder / "text.db"}).code == 8);
  CHECK(call_cli({"list", "runs", "--db", folder / "missing.db"}).code == 8);
}

TEST_CASE("the version names commit and compiler") {
  const CliResult result = call_cli({"--version"});
  CHECK(result.code == 0);
  CHECK(result.out.starts_with("dsabench "));
  const bool names_compiler = contains(result.out, "GNU") || contains(result.out, "Clang");
  CHECK(names_compiler);
}

TEST_CASE("the GLM-5.2 schedule is 21 indexers, and 22 under atom") {
  const CliResult result =
      call_cli({"pattern", "--layers", "78", "--freq", "4", "--offset", "3", "--format", "json"});
  REQUIRE(result.code == 0);
  const auto rows = nlohmann::json::parse(result.out).at("tables").at(0).at("rows");
  std::map<std::string, nlohmann::json> by_dialect;
  for (const auto& row : rows) by_dialect[row.at("dialect")] = row;
  CHECK(by_dialect.at("hf").at("full_layers") == 21);
  CHECK(by_dialect.at("vllm").at("full_layers") == 21);
  CHECK(by_dialect.at("vllm").at("differs") == "same");
  CHECK(by_dialect.at("atom").at("full_layers") == 22);
  CHECK(contains(by_dialect.at("atom").at("differs"), "3"));
  CHECK(by_dialect.at("hf").at("pattern").get<std::string>().starts_with("FFFSSSFSSSF"));
}

TEST_CASE("patterns of a config, of a retention and of letters are compared") {
  const CliResult model = call_cli({"pattern", "--model", kGoldens + "glm_moe_dsa_pattern"});
  CHECK(model.code == 0);
  CHECK(contains(model.out, "FSSFSS"));
  const CliResult letters =
      call_cli({"pattern", "--pattern", "FSSF,FSFF", "--retention", "1/2", "--layers", "4"});
  CHECK(letters.code == 0);
  CHECK(contains(letters.out, "FSFS"));
  const CliResult refused = call_cli({"pattern", "--layers", "8", "--retention", "3/8"});
  CHECK(refused.code == 0);
  CHECK(contains(refused.out, "refused: "));
}

TEST_CASE("verify passes a checkpoint on its own outputs and fails it on another's") {
  const std::string good = kGoldens + "glm_moe_dsa_tiny";
  const CliResult pass = call_cli({"verify", good, "--golden", good, "--format", "json"});
  CAPTURE(pass.out, pass.err);
  CHECK(pass.code == 0);
  const auto report = nlohmann::json::parse(pass.out);
  for (const char* key : {"model", "max_abs_logit_diff", "topk_rows_checked",
                          "topk_rows_mismatched", "decode_tokens_equal", "pass"}) {
    CHECK(report.contains(key));
  }
  CHECK(report.at("pass") == true);
  CHECK(pass.err.empty());

  const ScratchFolder folder;
  std::filesystem::copy(good, folder / "changed");
  std::filesystem::remove(folder / "changed/config.json");
  std::string config = test::read_text(good + "/config.json");
  const std::string key = "\"routed_scaling_factor\": ";
  const std::size_t at = config.find(key);
  REQUIRE(at != std::string::npos);
  config.insert(at + key.size(), 1, '1');
  test::write_text(folder / "changed/config.json", config);
  const CliResult fail = call_cli({"verify", folder / "changed", "--golden", good});
  CAPTURE(fail.out, fail.err);
  CHECK(fail.code == 6);
  CHECK(contains(fail.out, "FAIL"));
}

}  // namespace
}  // namespace dsabench
