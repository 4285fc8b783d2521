#pragma once
#include <string_view>

namespace dsabench {

/// How the indexer computes (docs/MODEL.md). exact: f32. fp8: queries and keys quantised to e4m3
/// with power-of-two scales. fp8_hadamard: the same after a Hadamard transform, as in the DeepSeek
/// reference and SGLang.
enum class IndexerMode { exact, fp8, fp8_hadamard };
const char* indexer_mode_name(IndexerMode mode);
/// Throws InvalidArgument for another name.
IndexerMode parse_indexer_mode(std::string_view name);

}  // namespace dsabench
