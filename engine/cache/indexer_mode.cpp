#include "engine/cache/indexer_mode.h"

#include <fmt/format.h>

#include "kernels/base/error.h"

namespace dsabench {

const char* indexer_mode_name(IndexerMode mode) {
  switch (mode) {
    case IndexerMode::exact:
      return "exact";
    case IndexerMode::fp8:
      return "fp8";
    case IndexerMode::fp8_hadamard:
      return "fp8_hadamard";
  }
  return "?";
}

IndexerMode parse_indexer_mode(std::string_view name) {
  for (const auto mode : {IndexerMode::exact, IndexerMode::fp8, IndexerMode::fp8_hadamard}) {
    if (name == indexer_mode_name(mode)) return mode;
  }
  throw InvalidArgument(
      fmt::format("indexer mode '{}' is not one of exact, fp8, fp8_hadamard", name));
}

}  // namespace dsabench
