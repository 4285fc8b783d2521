#pragma once
#include <vector>

#include "engine/engine.h"
#include "tests/support/random_model.h"
#include "tests/support/reference_forward.h"

namespace dsabench::test {

/// A random model, pattern and prompts on which no selection of keys and no choice of experts rests
/// on a gap that rounding could close: two computations of the same pass must then agree in every
/// index set, so that their values may be compared.
struct CleanCase {
  RandomModel model;
  LayerPattern pattern;
  std::vector<std::vector<std::int32_t>> prompts;
  std::vector<ReferenceResult> references;  ///< of each prompt, in double precision
};

/// Prompt lengths below, at and above index_top_k, the first prompt well above. Throws where no
/// clean case turns up in many draws.
CleanCase clean_case(Random& random, std::size_t num_prompts);

/// The indexer's rope layout that the engine must choose for a family when nothing overrides it.
ops::RopeLayout family_indexer_rope(ModelFamily family);

}  // namespace dsabench::test
