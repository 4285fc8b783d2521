/// Arms as the command line names them, and what must hold of two.
#include "harness/cli/arm_words.h"

#include <filesystem>

#include "kernels/base/error.h"
#include "tests/harness/scripted_arms.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"
#include "tests/support/scratch_folder.h"

namespace dsabench {
namespace {

using test::contains;
using test::message_of;
using Words = std::vector<std::string>;

Words split(const std::string& text) { return split_words("--base-args", text); }

TEST_CASE("words are split as a shell splits them") {
  CHECK(split("").empty());
  CHECK(split("  \t\n ").empty());
  CHECK(split("--context 2048  --batch\t1 ") == Words{"--context", "2048", "--batch", "1"});
  CHECK(split("--model 'a folder/x' \"b c\"d") == Words{"--model", "a folder/x", "b cd"});
  CHECK(split("'' \"\" x") == Words{"", "", "x"});
  CHECK(split(R"(a\ b "c\"d" 'e\f')") == Words{"a b", "c\"d", "e\\f"});
  CHECK(split("$(rm -rf /) ; `x` | &") == Words{"$(rm", "-rf", "/)", ";", "`x`", "|", "&"});
  for (const char* open : {"'", "\"", "a 'b", "\"a", "a\\", "'a\""}) {
    CAPTURE(open);
    CHECK(contains(message_of<InvalidArgument>([&] { split(open); }), "--base-args"));
  }
}

TEST_CASE("quoted words come back as they were") {
  DSABENCH_SEEDED(random);
  for (int i = 0; i < 200; ++i) {
    Words words;
    std::string text;
    for (std::int64_t n = random.integer(0, 4); n > 0; --n) {
      std::string word, quoted = "'";
      for (std::int64_t length = random.integer(0, 8); length > 0; --length) {
        const char c = static_cast<char>(random.integer(1, 255));
        word += c;
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
      }
      words.push_back(word);
      text += quoted + "' ";
    }
    CHECK(split(text) == words);
  }
}

TEST_CASE("options that are the comparison's own are refused in an arm") {
  for (const char* word : {"--db", "--db=x", "--progress", "--progress=off", "--output=a",
                           "--dry-run", "--time-limit", "--help", "-h", "--format=csv"}) {
    CAPTURE(word);
    const std::string message = message_of<InvalidArgument>([&] {
      check_run_options("after --", {"--model", word});
    });
    CHECK(contains(message, "after --: "));
    CHECK(contains(message, "is not for an arm"));
  }
  CHECK_NOTHROW(check_run_options("after --", {"--model", "--dbx", "--no-ceilings", "db"}));
}

AbVerbOptions with_args(const std::string& base, const std::string& candidate) {
  AbVerbOptions options;
  options.base_args = base;
  options.candidate_args = candidate;
  options.run_options = {"--model", "demo"};
  return options;
}

TEST_CASE("arms are the shared options with each one's own behind them") {
  const std::string self = "/proc/self/exe";
  AbVerbOptions options = with_args("--context 2048", "--context 2112");
  options.patterns = "FFF,FSS";
  std::vector<ArmPlan> arms = make_arms(options, self);
  REQUIRE(arms.size() == 2);
  CHECK(arms[0].arm == Arm::base);
  CHECK(arms[0].arguments == Words{"--model", "demo", "--context", "2048", "--pattern", "FFF"});
  CHECK(arms[1].arguments == Words{"--model", "demo", "--context", "2112", "--pattern", "FSS"});
  CHECK(arms[0].label == "--context 2048 --pattern FFF");
  CHECK(arms[0].binary == std::filesystem::canonical(self));
  CHECK(arms[1].binary == arms[0].binary);
  CHECK(to_record(arms[1]).arguments_json ==
        R"(["--model","demo","--context","2112","--pattern","FSS"])");

  options = with_args("", "");
  options.candidate = "/bin/sh";
  arms = make_arms(options, self);
  CHECK(arms[1].label == "/bin/sh");
  CHECK(arms[0].arguments == arms[1].arguments);

  const auto refusal = [&] {
    return message_of<InvalidArgument>([&] { make_arms(options, self); });
  };
  options.candidate.clear();
  CHECK(contains(refusal(), "both arms are the same command"));
  options.patterns = "FFF";
  CHECK(contains(refusal(), "--pattern: expected two that differ"));
  options.patterns = "FFF,FFF";
  CHECK(contains(refusal(), "--pattern"));
  options.patterns = "FFF,FSS,FFS";
  CHECK(contains(refusal(), "--pattern"));
  options.patterns.clear();
  options.retentions = "1,";
  CHECK(contains(refusal(), "--retention"));
  options.retentions.clear();
  options.candidate = "/nonexistent/dsabench";
  CHECK(contains(refusal(), "--candidate: /nonexistent/dsabench"));
  options.candidate = "/tmp";
  CHECK(contains(refusal(), "is no program that can be run"));
  options.candidate = "/etc/passwd";
  CHECK(contains(refusal(), "/etc/passwd"));
  options.candidate.clear();
  options.candidate_args = "--db x";
  CHECK(contains(refusal(), "--candidate-args: --db"));
}

std::vector<PlannedCell> plan_of(const std::vector<Cell>& cells) {
  return test::scripted_run(1, cells).plan;
}

TEST_CASE("what sets arms apart is found in their cells") {
  Cell a = test::scripted_cell(2048), b = test::scripted_cell(2112);
  CHECK(differing_keys(plan_of({a}), plan_of({a})).empty());
  CHECK(differing_keys(plan_of({a}), plan_of({b})) == Words{"context_tokens"});
  b.pattern = "FFFF";
  CHECK(differing_keys(plan_of({a}), plan_of({b})) == Words{"context_tokens", "pattern"});
  // A field at its default is left out of the canonical form.
  Cell c = a;
  c.chunk_tokens = 512;
  CHECK(differing_keys(plan_of({a}), plan_of({c})) == Words{"chunk_tokens"});
  // Two cells each, which still pair one to one.
  Cell d = c, a_decode = a;
  d.phase = a_decode.phase = Phase::decode;
  CHECK(differing_keys(plan_of({a, a_decode}), plan_of({c, d})) == Words{"chunk_tokens"});

  const auto refusal = [](const std::vector<Cell>& base, const std::vector<Cell>& candidate) {
    return message_of<InvalidArgument>([&] { differing_keys(plan_of(base), plan_of(candidate)); });
  };
  CHECK(contains(refusal({a}, {a, b}), "do not pair one to one: 1 of the base, 2"));
  Cell longer = a, longest = a;
  longer.context_tokens = 4096;
  longest.context_tokens = 8192;
  CHECK(contains(refusal({a, longer}, {a, longest}), "context_tokens"));
  CHECK(contains(refusal({}, {a}), "do not pair"));
}

TEST_CASE("arms of two machines or devices are refused") {
  RunRecord base, candidate;
  base.machine_id = "m1";
  base.machine_json = R"({"cpu_model":"x","threads":2,"kernel":"k"})";
  candidate = base;
  CHECK_NOTHROW(check_comparable(base, candidate));
  candidate.machine_id = "m2";
  candidate.machine_json = R"({"cpu_model":"x","threads":4,"isa":"avx2","kernel":"k"})";
  const std::string message =
      message_of<InvalidArgument>([&] { check_comparable(base, candidate); });
  CHECK(contains(message, "m1 and m2"));
  CHECK(contains(message, "differ in isa, threads"));

  candidate = base;
  base.plan_json = R"({"model":{"device":"cuda:0"}})";
  candidate.plan_json = R"({"model":{"device":"cuda:1"}})";
  CHECK(contains(message_of<InvalidArgument>([&] { check_comparable(base, candidate); }),
                 "cuda:0 and cuda:1"));
  candidate.plan_json = "not json";
  CHECK(contains(message_of<InvalidArgument>([&] { check_comparable(base, candidate); }),
                 "cuda:0 and cpu"));
  base.plan_json = candidate.plan_json = R"({"model":{"device":"cuda:all"}})";
  CHECK(contains(message_of<InvalidArgument>([&] { check_comparable(base, candidate); }),
                 "name one GPU"));
}

TEST_CASE("an arm that becomes another under the comparison is an error") {
  RunRecord first;
  first.machine_id = "m";
  first.build_id = "b";
  first.model_id = "w";
  CHECK_NOTHROW(check_unchanged("round 2, B", first, first));
  for (std::string RunRecord::*id :
       {&RunRecord::machine_id, &RunRecord::build_id, &RunRecord::model_id}) {
    RunRecord now = first;
    now.*id = "other";
    CHECK(contains(message_of<Error>([&] { check_unchanged("round 2, B", first, now); }),
                   "round 2, B: its "));
  }
}

}  // namespace
}  // namespace dsabench
