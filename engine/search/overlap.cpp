#include "engine/search/overlap.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// The selected positions of one row: ascending, without the -1 that pads them.
std::vector<std::int32_t> selection(const HostView& indices, std::int64_t row) {
  const std::int32_t* begin = indices.row<std::int32_t>(row);
  const std::int32_t* end = std::find(begin, begin + indices.dim(1), -1);
  return {begin, end};
}

std::int64_t num_common(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  std::int64_t common = 0;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    common += *x == *y ? 1 : 0;
    const bool advance_y = *y <= *x;
    if (*x <= *y) ++x;
    if (advance_y) ++y;
  }
  return common;
}

}  // namespace

void OverlapObserver::on_forward(std::span<const ForwardRows> rows, HostView /*embedding*/) {
  rows_.assign(rows.begin(), rows.end());
  pairs_.clear();
  pass_.clear();
  top_k_ = 0;
}

void OverlapObserver::choose_pairs(std::int64_t top_k) {
  top_k_ = top_k;
  std::vector<Pair> eligible;
  for (const ForwardRows& rows : rows_) {
    const std::int64_t first = std::max<std::int64_t>(0, 2 * top_k - 1 - rows.first_position);
    for (std::int64_t i = first; i + 1 < rows.num_rows; ++i) {
      eligible.push_back({rows.row_begin + i, rows.first_position + i});
    }
  }
  const auto count = std::ssize(eligible);
  const std::int64_t wanted = std::min<std::int64_t>(pairs_per_pass_, count);
  for (std::int64_t i = 0; i < wanted; ++i) {
    pairs_.push_back(eligible[std::size_t((2 * i + 1) * count / (2 * wanted))]);
  }
}

void OverlapObserver::on_layer(const LayerTrace& trace) {
  if (!trace.is_full || trace.indices.empty()) return;
  if (top_k_ == 0) choose_pairs(trace.indices.dim(1));
  LayerSelections& layer = pass_.emplace_back();
  layer.layer = trace.layer;
  for (const Pair& pair : pairs_) {
    layer.first.push_back(selection(trace.indices, pair.row));
    layer.second.push_back(selection(trace.indices, pair.row + 1));
  }
}

void OverlapObserver::on_final_norm(HostView /*final_norm*/) {
  if (!pairs_.empty()) add_pass();
}

void OverlapObserver::add_pass() {
  const std::size_t full = pass_.size();
  std::vector<std::int64_t> layers;
  for (const LayerSelections& layer : pass_) layers.push_back(layer.layer);
  if (full_layers_.empty()) {
    full_layers_ = layers;
    layer_sums_.assign(full * full, 0.0);
  }
  if (layers != full_layers_) {
    throw InvalidArgument(
        fmt::format("overlap: a pass ran the indexers of layers {}, an earlier one those of {}",
                    fmt::join(layers, ","), fmt::join(full_layers_, ",")));
  }
  for (std::size_t p = 0; p < pairs_.size(); ++p) {
    chance_sum_ += double(top_k_) / double(pairs_[p].position + 1);
    for (std::size_t a = 0; a < full; ++a) {
      const auto& row = pass_[a].first[p];
      query_sum_ +=
          double(num_common(row, pass_[a].second[p])) / double(top_k_ * std::int64_t(full));
      for (std::size_t b = a; b < full; ++b) {
        const double share = double(num_common(row, pass_[b].first[p])) / double(top_k_);
        layer_sums_[a * full + b] += share;
        if (a != b) layer_sums_[b * full + a] += share;
      }
    }
  }
  sampled_pairs_ += std::ssize(pairs_);
}

OverlapSummary OverlapObserver::summary() const {
  OverlapSummary result;
  result.sampled_pairs = sampled_pairs_;
  if (sampled_pairs_ == 0) return result;
  const double pairs = double(sampled_pairs_);
  result.neighbour_queries = query_sum_ / pairs;
  result.chance = chance_sum_ / pairs;
  result.full_layers = full_layers_;
  result.layer_matrix = layer_sums_;
  for (double& value : result.layer_matrix) value /= pairs;

  const std::size_t full = full_layers_.size();
  if (full < 2) return result;
  double neighbours = 0.0;
  for (std::size_t a = 0; a + 1 < full; ++a) neighbours += result.layer_matrix[a * full + a + 1];
  result.neighbour_full_layers = neighbours / double(full - 1);
  return result;
}

}  // namespace dsabench
