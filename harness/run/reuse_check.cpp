#include "harness/run/reuse_check.h"

#include <fmt/format.h>

namespace dsabench {

ReuseCheck::ReuseCheck(LayerPattern pattern, bool dense_attention, std::vector<LayerRuns>& records)
    : pattern_(std::move(pattern)), dense_attention_(dense_attention), records_(&records) {
  records_->clear();
  for (std::int64_t layer = 0; layer < pattern_.num_layers(); ++layer) {
    records_->push_back({layer, 0, 0});
  }
}

void ReuseCheck::take(const Engine& engine, std::int64_t expected_forwards) {
  const std::span<const std::uint64_t> runs = engine.indexer_runs();
  if (runs.size() != records_->size()) {
    throw VerificationError(fmt::format("the engine counts indexer runs of {} layers, not of {}",
                                        runs.size(), records_->size()));
  }
  for (LayerRuns& record : *records_) {
    const bool runs_indexer = !dense_attention_ && pattern_.is_full(record.layer);
    record.runs += static_cast<std::int64_t>(runs[static_cast<std::size_t>(record.layer)]);
    record.expected += runs_indexer ? expected_forwards : 0;
  }
  if (engine.num_forwards() != expected_forwards) {
    throw VerificationError(fmt::format("{} forward passes ran where {} were due",
                                        engine.num_forwards(), expected_forwards));
  }
  const std::string failure =
      check_indexer_runs(pattern_, expected_forwards, runs, dense_attention_);
  if (!failure.empty()) throw VerificationError(failure);
}

}  // namespace dsabench
