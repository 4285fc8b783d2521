#include "harness/run/verification_pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/search/overlap.h"

namespace dsabench {
namespace {

/// Tells two observers of one pass.
class ObserverPair final : public ForwardObserver {
 public:
  ObserverPair(ForwardObserver& first, ForwardObserver& second) : first_(first), second_(second) {}
  void on_forward(std::span<const ForwardRows> rows, HostView embedding) override {
    first_.on_forward(rows, embedding);
    second_.on_forward(rows, embedding);
  }
  void on_layer(const LayerTrace& trace) override {
    first_.on_layer(trace);
    second_.on_layer(trace);
  }
  void on_final_norm(HostView final_norm) override {
    first_.on_final_norm(final_norm);
    second_.on_final_norm(final_norm);
  }

 private:
  ForwardObserver& first_;
  ForwardObserver& second_;
};

std::int64_t parts_per_million(double ratio) { return std::llround(ratio * 1e6); }

void add_ratio(TrialRecord& record, const char* name, const std::optional<double>& ratio) {
  if (ratio) record.metrics.push_back({name, "ppm", "exact", {parts_per_million(*ratio)}});
}

/// Rows of the busiest expert over the mean, the worst layer's; empty without mixture layers.
std::optional<double> expert_imbalance(const Engine& engine) {
  const HostView load = engine.expert_load();
  std::optional<double> worst;
  for (std::int64_t layer = 0; layer < (load.empty() ? 0 : load.dim(0)); ++layer) {
    const std::int64_t* begin = load.row<std::int64_t>(layer);
    const std::int64_t* end = begin + load.dim(1);
    const auto sum = static_cast<double>(std::accumulate(begin, end, std::int64_t{0}));
    if (sum == 0) continue;
    const double ratio = double(*std::max_element(begin, end)) * double(load.dim(1)) / sum;
    worst = std::max(worst.value_or(0.0), ratio);
  }
  return worst;
}

}  // namespace

struct VerificationPass::State {
  State(const Engine& the_engine, const LoadedModel& model, std::vector<CheckedRow> rows)
      : engine(the_engine), verifier(the_engine, *model.host_attention, std::move(rows)) {}
  const Engine& engine;
  CellVerifier verifier;
  OverlapObserver overlap;
  ObserverPair both{verifier, overlap};
};

VerificationPass::VerificationPass(const Engine& engine, const LoadedModel& model,
                                   std::vector<CheckedRow> rows)
    : state_(std::make_unique<State>(engine, model, std::move(rows))) {}
VerificationPass::~VerificationPass() = default;

ForwardObserver* VerificationPass::observer() { return &state_->both; }

void VerificationPass::finish(TrialRecord& record) {
  const OverlapSummary overlap = state_->overlap.summary();
  add_ratio(record, "topk_overlap_neighbour_queries_ppm", overlap.neighbour_queries);
  add_ratio(record, "topk_overlap_neighbour_layers_ppm", overlap.neighbour_full_layers);
  add_ratio(record, "topk_overlap_chance_ppm", overlap.chance);
  add_ratio(record, "expert_load_max_over_mean_ppm", expert_imbalance(state_->engine));
  const VerificationReport& report = state_->verifier.report();
  record.verification_json = report.to_json();
  if (report.passed()) return;
  throw VerificationError(report.failure.empty() ? "no row could be verified" : report.failure);
}

}  // namespace dsabench
