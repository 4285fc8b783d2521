#include "harness/run/stopping_rule.h"

#include <cmath>

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/error_message.h"

namespace dsabench {
namespace {

SamplingLimits limits() {
  SamplingLimits limits;
  limits.noise_target = 0.02;
  limits.min_samples = 5;
  limits.max_samples = 12;
  limits.max_seconds = 10.0;
  limits.max_warmups = 4;
  return limits;
}

/// Feeds samples, `gap_ns` apart beside their own time, until the rule stops; how many it took.
std::pair<std::int64_t, std::string> feed(StoppingRule& rule,
                                          const std::vector<std::int64_t>& samples,
                                          std::int64_t gap_ns = 0) {
  std::int64_t elapsed = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    elapsed += samples[i] + gap_ns;
    rule.add(samples[i], elapsed);
    if (rule.reason()) return {static_cast<std::int64_t>(i) + 1, *rule.reason()};
  }
  return {-1, ""};
}

using Stop = std::pair<std::int64_t, std::string>;

TEST_CASE("quiet samples stop at the smallest count") {
  MedianNoiseRule rule(limits());
  CHECK_FALSE(rule.reason());
  CHECK(feed(rule, {1000, 1001, 999, 1000, 1002, 1000, 1000}) == Stop{5, "noise"});
}

TEST_CASE("noisy samples go on until the interval is narrow or the count is reached") {
  MedianNoiseRule noisy(limits());
  CHECK(feed(noisy, {100, 200, 150, 120, 180, 110, 190, 130, 170, 140, 160, 155, 145}) ==
        Stop{12, "count"});
  // One outlier: the distribution-free interval spans it until there are samples enough.
  MedianNoiseRule outlier(limits());
  const auto [count, reason] =
      feed(outlier, {1500, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000});
  CHECK(reason == "noise");
  CHECK(count > 5);
}

TEST_CASE("the time cap counts what lies between samples and wins over the smallest count") {
  MedianNoiseRule rule(limits());
  CHECK(feed(rule, {1000, 1000, 1000, 1000}, 4'000'000'000) == Stop{3, "time"});
  MedianNoiseRule slow(limits());
  CHECK(feed(slow, {20'000'000'000}) == Stop{1, "time"});
}

TEST_CASE("warm-up ends when runs no longer get faster") {
  WarmupRule steady(limits());
  steady.add(1000);
  CHECK_FALSE(steady.done());
  steady.add(990);
  CHECK(steady.done());
  CHECK(steady.count() == 2);

  WarmupRule falling(limits());
  for (const std::int64_t sample : {1000, 900, 800}) {
    falling.add(sample);
    CHECK_FALSE(falling.done());
  }
  falling.add(700);
  CHECK(falling.done());  // the limit of four

  WarmupRule slow(limits());
  slow.add(4'000'000'000);
  CHECK(slow.done());  // a third of the time cap
}

TEST_CASE("noise is half the interval of the median, as a share of it") {
  SamplingLimits six = limits();
  six.min_samples = 6;
  six.max_samples = 100;
  for (const double target : {0.041, 0.039}) {
    CAPTURE(target);
    six.noise_target = target;
    MedianNoiseRule rule(six);
    // Of six samples the interval takes in all: 96 to 104.
    for (const std::int64_t sample : {96, 100, 100, 100, 100, 104}) rule.add(sample, 0);
    CHECK(rule.reason().value_or("") == (target > 0.04 ? "noise" : ""));
  }
}

TEST_CASE("limits out of range are named") {
  const auto refusal = [](auto change) {
    SamplingLimits wrong = limits();
    change(wrong);
    return test::message_of<InvalidArgument>([&] { validate(wrong); });
  };
  CHECK(test::contains(refusal([](auto& l) { l.noise_target = -0.1; }), "--noise"));
  CHECK(test::contains(refusal([](auto& l) { l.noise_target = std::nan(""); }), "--noise"));
  CHECK(test::contains(refusal([](auto& l) { l.min_samples = 0; }), "--min-samples"));
  CHECK(test::contains(refusal([](auto& l) { l.max_samples = 4; }), "--max-samples"));
  CHECK(test::contains(refusal([](auto& l) { l.max_seconds = 0; }), "--max-seconds"));
  CHECK(test::contains(refusal([](auto& l) { l.max_warmups = 0; }), "--max-warmups"));
  CHECK(refusal([](auto&) {}).empty());
}

}  // namespace
}  // namespace dsabench
