#include "engine/search/calibration_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/engine_runs.h"

namespace dsabench::test {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

std::vector<CalibrationText> random_texts(Random& random, const ModelConfig& config) {
  std::vector<CalibrationText> texts(std::size_t(random.integer(2, 6)));
  for (CalibrationText& text : texts) {
    const std::int64_t length =
        std::min(config.max_positions, config.index_top_k + random.integer(2, 20));
    text.tokens = random_tokens(random, config, length);
    text.num_answer = random.integer(1, std::min<std::int64_t>(4, length - 1));
  }
  return texts;
}

/// Of an engine that has the pattern, one whole pass a batch, whose answers are of one token: so
/// that the pass gives the same rows' logits.
double plain_loss(const RandomModel& model, const LayerPattern& pattern,
                  const std::vector<CalibrationText>& texts, std::size_t batch_size) {
  Engine engine = make_engine(model, pattern, one_shot());
  double sum = 0.0;
  for (std::size_t begin = 0; begin < texts.size(); begin += batch_size) {
    const std::size_t end = std::min(texts.size(), begin + batch_size);
    std::vector<SequenceTokens> batch;
    for (std::size_t i = begin; i < end; ++i) {
      const std::span<const std::int32_t> all(texts[i].tokens);
      batch.push_back({engine.add_sequence(0), all.first(all.size() - 1)});
    }
    Tensor logits = logits_tensor(engine, std::ssize(batch));
    engine.forward(batch, LogitRows::last, logits);
    double batch_sum = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      const float* row = logits.view().row<float>(std::int64_t(i - begin));
      batch_sum +=
          cross_entropy({row, std::size_t(model.config->vocab_size)}, texts[i].tokens.back());
    }
    sum += batch_sum;
  }
  return sum / double(texts.size());
}

/// The mean over all answer tokens, of logits of whole passes' every row.
double loss_of_all_rows(const RandomModel& model, const LayerPattern& pattern,
                        const std::vector<CalibrationText>& texts) {
  Engine engine = make_engine(model, pattern, one_shot());
  double sum = 0.0;
  std::int64_t tokens = 0;
  for (const CalibrationText& text : texts) {
    const Tensor logits = prefill_all(engine, text.tokens);
    for (std::int64_t at = std::ssize(text.tokens) - text.num_answer; at < logits.dim(0); ++at) {
      sum +=
          cross_entropy({logits.view().row<float>(at - 1), std::size_t(model.config->vocab_size)},
                        text.tokens[std::size_t(at)]);
      ++tokens;
    }
  }
  return sum / double(tokens);
}

/// Edges of the tree that the patterns' letters make.
std::int64_t num_prefixes(const std::vector<LayerPattern>& patterns) {
  std::set<std::string> prefixes;
  for (const auto& pattern : patterns) {
    const std::string letters = pattern.letters();
    for (std::size_t length = 1; length <= letters.size(); ++length) {
      prefixes.insert(letters.substr(0, length));
    }
  }
  return std::ssize(prefixes);
}

TEST_CASE("cross-entropy is minus the log of a softmax") {
  DSABENCH_SEEDED(random);
  std::vector<float> logits(std::size_t(random.integer(1, 50)));
  for (float& logit : logits) logit = float(random.normal(3.0));
  double total = 0.0;
  for (std::size_t target = 0; target < logits.size(); ++target) {
    const double loss = cross_entropy(logits, std::int32_t(target));
    CHECK(loss >= 0.0);
    total += std::exp(-loss);
  }
  CHECK(std::abs(total - 1.0) <= 1e-12);
  for (float& logit : logits) logit += 1e4f;  // nothing overflows
  CHECK(std::isfinite(cross_entropy(logits, 0)));
  CHECK(cross_entropy(std::vector<float>{-1000.f, 1000.f}, 0) == 2000.0);
  CHECK(cross_entropy(std::vector<float>{-1000.f, 1000.f}, 1) == 0.0);
  logits.back() = std::nanf("");
  CHECK(std::isnan(cross_entropy(logits, 0)));
}

TEST_CASE("losses of patterns that share layers are those of whole passes, bit for bit") {
  DSABENCH_SEEDED(random);
  for (int round = 0; round < 4; ++round) {
    const RandomModel model = random_model(random, random_family(random));
    const std::int64_t layers = model.config->num_layers;
    auto texts = random_texts(random, *model.config);
    const bool one_token = round % 2 == 0;
    if (one_token) {
      for (CalibrationText& text : texts) text.num_answer = 1;
    }
    Engine engine = make_engine(model, LayerPattern::all_full(layers), one_shot());
    std::vector<LayerPattern> patterns;
    for (std::int64_t i = random.integer(1, 7); i > 0; --i) {
      patterns.push_back(random_pattern(random, layers));
    }
    patterns.push_back(patterns.front());  // asked for twice
    CAPTURE(round, layers, texts.size(), patterns.size());
    const bool one_pass = random.integer(0, 1) == 0;
    const std::size_t batch = one_pass ? texts.size() : 1;
    std::int64_t begun = 0;
    CalibrationLoss calibration(
        engine, texts,
        {one_pass ? std::int64_t{1} << 40 : 1, [&](std::int64_t at, std::int64_t passes) {
           CHECK(at == begun++);
           CHECK(passes == (one_pass ? 1 : std::ssize(texts)));
         }});
    const auto losses = calibration.losses(patterns, kNoLimit);
    REQUIRE(losses.size() == patterns.size());
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      CAPTURE(patterns[i].letters());
      if (one_token) CHECK(losses[i].value == plain_loss(model, patterns[i], texts, batch));
      if (!one_pass) {  // as the reference runs them: the layers round alike
        const double near = loss_of_all_rows(model, patterns[i], texts);
        CHECK_FALSE(!(std::abs(losses[i].value - near) <= 1e-5 * near));
      }
      // Alone, in an engine that is Shared where the pattern is.
      Engine own = make_engine(model, patterns[i], one_shot());
      CalibrationLoss alone(own, texts, {one_pass ? std::int64_t{1} << 40 : 1, {}});
      CHECK(losses[i].value == alone.losses({&patterns[i], 1}, kNoLimit)[0].value);
      CHECK_FALSE(losses[i].given_up);
    }
    const std::int64_t passes = one_pass ? 1 : std::ssize(texts);
    CHECK(begun == passes);
    CHECK(calibration.work().patterns == std::ssize(patterns));
    CHECK(calibration.work().layers_run == passes * num_prefixes(patterns));
    CHECK(calibration.work().layers_plain == passes * layers * std::ssize(patterns));
    CHECK(engine.num_forwards() == 0);
    CHECK(engine.cache_bytes() == 0);  // no sequence is left
  }
}

TEST_CASE("a pattern above the limit is given up before the texts end, others are not touched") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  auto texts = random_texts(random, *model.config);
  Engine engine = make_engine(model, LayerPattern::all_full(layers), one_shot());
  std::vector<LayerPattern> patterns;
  for (int i = 0; i < 5; ++i) patterns.push_back(random_pattern(random, layers));
  CalibrationLoss calibration(engine, texts, {1, {}});
  const auto exact = calibration.losses(patterns, kNoLimit);
  const std::int64_t layers_run = calibration.work().layers_run;
  std::vector<double> values;
  for (const auto& loss : exact) values.push_back(loss.value);
  std::sort(values.begin(), values.end());
  for (const double limit : {values.front() / double(8 * texts.size()), values[2], values.back()}) {
    CAPTURE(limit);
    const std::int64_t before = calibration.work().given_up;
    const auto limited = calibration.losses(patterns, limit);
    std::int64_t given_up = 0;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (limited[i].given_up) {
        ++given_up;
        CHECK(limited[i].value > limit);
        CHECK(limited[i].value <= exact[i].value);
      } else {
        CHECK(limited[i].value == exact[i].value);
      }
      if (exact[i].value <= limit) CHECK_FALSE(limited[i].given_up);
    }
    CHECK(calibration.work().given_up - before == given_up);
  }
  // A limit below one text's share: nothing beyond the first pass is run.
  CalibrationLoss other(engine, texts, {1, {}});
  const auto none = other.losses(patterns, -1.0);
  for (const auto& loss : none) CHECK(loss.given_up);
  CHECK(other.work().layers_run == 0);
  const auto tiny = other.losses(patterns, 0.0);
  for (const auto& loss : tiny) CHECK(loss.given_up);
  CHECK(other.work().layers_run * std::ssize(texts) == layers_run);
}

TEST_CASE("calibration refuses texts without an answer and patterns that do not fit") {
  DSABENCH_SEEDED(random);
  const RandomModel model = random_model(random, random_family(random));
  const std::int64_t layers = model.config->num_layers;
  Engine engine = make_engine(model, LayerPattern::all_full(layers), one_shot());
  const auto make = [&](std::vector<CalibrationText> texts) {
    return refusal([&] { CalibrationLoss(engine, std::move(texts), {}); });
  };
  CHECK(contains(make({}), "no texts"));
  CHECK(contains(make({{{1, 2, 3}, 0}}), "text 0 of 3 tokens has an answer of 0"));
  CHECK(contains(make({{{1, 2, 3}, 1}, {{1, 2}, 2}}), "text 1 of 2 tokens has an answer of 2"));
  CalibrationLoss calibration(engine, {{{0, 0, 0}, 1}}, {});
  const std::vector<LayerPattern> longer{LayerPattern::all_full(layers + 1)};
  CHECK(contains(refusal([&] { calibration.losses(longer, kNoLimit); }), "letters"));
  CHECK(calibration.losses({}, kNoLimit).empty());
}

}  // namespace
}  // namespace dsabench::test
