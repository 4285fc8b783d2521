// Any text either is refused with an error of ours or gives a valid config, which is written and
// read back alike and resolves, or is refused, under every dialect.
#include <cstdlib>
#include <string>

#include "engine/model/layer_pattern.h"
#include "engine/model/model_config.h"
#include "kernels/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace dsabench;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const ModelConfig config = parse_model_config(text, "fuzz/config.json");
    const std::string canonical = to_json(config);
    ModelConfig again;
    try {
      again = parse_model_config(canonical, "again");
    } catch (const Error&) {  // what was accepted once must be accepted again
      std::abort();
    }
    if (to_json(again) != canonical || config.num_parameters() <= 0) std::abort();
    for (const Dialect dialect : {Dialect::automatic, Dialect::paper, Dialect::hf, Dialect::vllm,
                                  Dialect::sglang, Dialect::atom}) {
      try {
        const LayerPattern pattern = LayerPattern::from_config(config, dialect);
        if (pattern.num_layers() != config.num_layers || !pattern.is_full(0)) std::abort();
      } catch (const InvalidArgument&) {  // this dialect refuses the keys
      }
    }
  } catch (const InvalidArgument&) {
  } catch (const ParseError&) {
  }
  return 0;
}
