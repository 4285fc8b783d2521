#include "tests/support/clean_case.h"

namespace dsabench::test {
namespace {

/// Far above the rounding of f32 scores of order 1, and small enough that cases are not rare.
constexpr double kSafeMargin = 2e-5;

std::int64_t prompt_length(Random& random, std::int64_t top_k, std::size_t prompt) {
  if (prompt == 0) return top_k + random.integer(12, 30);
  switch (random.integer(0, 3)) {
    case 0:
      return random.integer(1, top_k);
    case 1:
      return top_k;
    case 2:
      return top_k + 1;
    default:
      return top_k + random.integer(2, 24);
  }
}

}  // namespace

ops::RopeLayout family_indexer_rope(ModelFamily family) {
  return family == ModelFamily::glm_moe_dsa ? ops::RopeLayout::interleaved
                                            : ops::RopeLayout::half_split;
}

CleanCase clean_case(Random& random, std::size_t num_prompts) {
  constexpr int kTries = 200;
  for (int tried = 0; tried < kTries; ++tried) {
    const ModelFamily family = random_family(random);
    RandomModel model = random_model(random, family);
    LayerPattern pattern = random_pattern(random, model.config->num_layers);
    ReferenceOptions options;
    options.indexer_rope = family_indexer_rope(family);
    CleanCase found{std::move(model), std::move(pattern), {}, {}};
    bool clean = true;
    for (std::size_t p = 0; clean && p < num_prompts; ++p) {
      const ModelConfig& config = *found.model.config;
      found.prompts.push_back(
          random_tokens(random, config, prompt_length(random, config.index_top_k, p)));
      found.references.push_back(reference_forward(config, *found.model.weights, found.pattern,
                                                   found.prompts.back(), options));
      clean = found.references.back().index_margin > kSafeMargin &&
              found.references.back().router_margin > kSafeMargin;
    }
    if (clean) return found;
  }
  throw Error(fmt::format("no case without near-ties in {} draws", kTries));
}

}  // namespace dsabench::test
