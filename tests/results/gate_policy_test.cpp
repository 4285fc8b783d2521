/// gate.json: what it says, and where it is wrong.
#include "kernels/base/error.h"
#include "results/gate.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"
#include "tests/support/scratch_folder.h"

namespace dsabench::test {
namespace {

TEST_CASE("a policy says what is judged and how surely") {
  const GatePolicy policy = parse_gate_policy(R"({
    "alpha": 0.005, "confidence": 0.9, "noise_factor": 2, "require_calibration": true, "seed": 7,
    "metrics": [
      {"metric": "prefill", "kind": "time", "margin": 0.03,
       "where": {"context_tokens": 4096, "pattern": "FSSF", "dense_attention": true}},
      {"metric": "score", "kind": "quality", "margin": 1.5, "required": false},
      {"metric": "tokens", "kind": "exact"}]})",
                                              "gate.json");
  CHECK(policy.alpha == 0.005);
  CHECK(policy.confidence == 0.9);
  CHECK(policy.noise_factor == 2);
  CHECK(policy.require_calibration);
  CHECK(policy.seed == 7);
  REQUIRE(policy.metrics.size() == 3);
  const GatedMetric& prefill = policy.metrics[0];
  CHECK(prefill.metric == "prefill");
  CHECK(prefill.kind == MetricKind::time);
  CHECK(prefill.margin == 0.03);
  CHECK(prefill.required);
  CHECK(prefill.where ==
        std::vector<std::pair<std::string, std::string>>{
            {"context_tokens", "4096"}, {"dense_attention", "true"}, {"pattern", "FSSF"}});
  CHECK(policy.metrics[1].kind == MetricKind::quality);
  CHECK_FALSE(policy.metrics[1].required);
  CHECK(policy.metrics[2].kind == MetricKind::exact);
}

TEST_CASE("what a policy leaves out is at its defaults") {
  const GatePolicy policy =
      parse_gate_policy(R"({"metrics": [{"metric": "exact", "kind": "exact"}]})", "gate.json");
  const GatePolicy usual = default_gate_policy();
  CHECK(policy.alpha == usual.alpha);
  CHECK(policy.confidence == usual.confidence);
  CHECK(policy.noise_factor == usual.noise_factor);
  CHECK(policy.require_calibration == usual.require_calibration);
  CHECK(policy.seed == usual.seed);
  CHECK(usual.metrics.size() == 5);
}

TEST_CASE("the policy of the ready workflow is the default, with what must be there") {
  const std::string path = DSABENCH_SOURCE_DIR "/docs/ci/gate.json";
  const GatePolicy policy = parse_gate_policy(read_text(path), path);
  const GatePolicy usual = default_gate_policy();
  CHECK(policy.alpha == usual.alpha);
  CHECK(policy.noise_factor == usual.noise_factor);
  REQUIRE(policy.metrics.size() == usual.metrics.size());
  for (std::size_t i = 0; i < usual.metrics.size(); ++i) {
    CHECK(policy.metrics[i].metric == usual.metrics[i].metric);
    CHECK(policy.metrics[i].kind == usual.metrics[i].kind);
    CHECK(policy.metrics[i].margin == usual.metrics[i].margin);
  }
}

TEST_CASE("a wrong policy is refused with the place and the value") {
  struct Wrong {
    const char *text, *message;
  };
  const auto wrong = GENERATE(values<Wrong>({
      {"", "gate.json:1:1: "},
      {"{\n  \"metrics\": [,]}", "gate.json:2:15: "},
      {"[]", "gate.json:1:1: expected an object, got []"},
      {"{}", "gate.json:1:1: the key \"metrics\" is missing"},
      {"{\"metrics\": []}",
       "gate.json:1:13: /metrics: expected a list of 1 to 1000 metrics, got []"},
      {"{\"metrics\": 5}", "/metrics: expected a list"},
      {"{\"alpha\": 1}", "gate.json:1:11: /alpha: expected a number between 0 and 0.5, got 1"},
      {"{\"alpha\": \"x\"}", "/alpha: expected a number between 0 and 0.5, got \"x\""},
      {"{\"alpha\": 0}", "/alpha: expected"},
      {"{\"confidence\": 1}", "/confidence: expected a number between 0 and 1, got 1"},
      {"{\"noise_factor\": -1}", "/noise_factor: expected a number from 0 to 100, got -1"},
      {"{\"noise_factor\": 1e999}", "gate.json:1:"},
      {"{\"require_calibration\": 1}", "/require_calibration: expected true or false, got 1"},
      {"{\"seed\": -1}", "/seed: expected a whole number from 0, got -1"},
      {"{\"seed\": 0.5}", "/seed: expected a whole number from 0, got 0.5"},
      {"{\"alfa\": 1}", "gate.json:1:10: /alfa: unknown key; there are: metrics, alpha, "},
      {"{\"seed\": 1, \"seed\": 2}", "gate.json:1:13: key given twice: \"seed\""},
      {"{\"metrics\": [7]}", "gate.json:1:14: /metrics/0: expected an object, got 7"},
      {"{\"metrics\": [{}]}", "/metrics/0: the key \"metric\" is missing"},
      {R"({"metrics": [{"metric": ""}]})", "/metrics/0/metric: expected a text, got \"\""},
      {R"({"metrics": [{"metric": "a"}]})", "/metrics/0: the key \"kind\" is missing"},
      {R"({"metrics": [{"metric": "a", "kind": "fast"}]})",
       "/metrics/0/kind: expected time, exact or quality, got \"fast\""},
      {R"({"metrics": [{"metric": "a", "kind": "time"}]})",
       "/metrics/0: the key \"margin\" is missing"},
      {R"({"metrics": [{"metric": "a", "kind": "time", "margin": 2}]})",
       "/metrics/0/margin: expected a fraction from 0 to 1, such as 0.02 for 2 %, got 2"},
      {R"({"metrics": [{"metric": "score", "kind": "quality", "margin": 101}]})",
       "/metrics/0/margin: expected points of 100, from 0 to 100, got 101"},
      {R"({"metrics": [{"metric": "a", "kind": "exact", "margin": 0}]})",
       "/metrics/0/margin: expected no margin: it is exact, got 0"},
      {R"({"metrics": [{"metric": "a", "kind": "quality", "margin": 1}]})",
       "/metrics/0/kind: expected quality for score, and for nothing else, got \"quality\""},
      {R"({"metrics": [{"metric": "score", "kind": "time", "margin": 1}]})",
       "/metrics/0/kind: expected quality for score"},
      {R"({"metrics": [{"metric": "tokens", "kind": "time", "margin": 1}]})",
       "/metrics/0/kind: expected exact, which tokens is, got \"time\""},
      {R"({"metrics": [{"metric": "a", "kind": "exact", "where": {}}]})",
       "/metrics/0/where: expected an object of fields and values, got {}"},
      {R"({"metrics": [{"metric": "a", "kind": "exact", "where": {"batch": [1]}}]})",
       "/metrics/0/where/batch: expected a text, a number, true or false, got [1]"},
      {R"({"metrics": [{"metric": "a", "kind": "exact", "required": "no"}]})",
       "/metrics/0/required: expected true or false, got \"no\""},
      {R"({"metrics": [{"metric": "a", "kind": "exact", "margn": 1}]})",
       "/metrics/0/margn: unknown key; there are: metric, kind, margin, where, required"},
  }));
  CAPTURE(wrong.text);
  const auto message = message_of<Error>([&] { parse_gate_policy(wrong.text, "gate.json"); });
  CAPTURE(message);
  CHECK(message.rfind("gate.json:", 0) == 0);
  CHECK(contains(message, wrong.message));
}

}  // namespace
}  // namespace dsabench::test
