#include "engine/search/overlap.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "kernels/base/error.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

/// A forward pass made of given selections.
class FakePass {
 public:
  FakePass(std::int64_t rows, std::int64_t top_k) : rows_(rows), top_k_(top_k) {}

  void begin(OverlapObserver& observer, std::vector<ForwardRows> rows) {
    observer.on_forward(rows, {});
  }
  /// `choose(row)` gives the ascending positions of a row.
  template <class Choose>
  void layer(OverlapObserver& observer, std::int64_t layer, bool is_full, const Choose& choose) {
    Tensor indices(DType::i32, {rows_, top_k_});
    std::fill_n(indices.data<std::int32_t>(), rows_ * top_k_, -1);
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::vector<std::int32_t> chosen = choose(row);
      std::copy(chosen.begin(), chosen.end(), indices.view().row<std::int32_t>(row));
    }
    LayerTrace trace;
    trace.layer = layer;
    trace.is_full = is_full;
    trace.indices = indices;
    observer.on_layer(trace);
  }
  void end(OverlapObserver& observer) { observer.on_final_norm({}); }

 private:
  std::int64_t rows_, top_k_;
};

std::vector<std::int32_t> window(std::int64_t begin, std::int64_t count) {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(count));
  std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(begin));
  return positions;
}

}  // namespace

TEST_CASE("overlap of sliding windows is known") {
  const std::int64_t top_k = 8, rows = 40;
  FakePass pass(rows, top_k);
  OverlapObserver observer(1000);
  pass.begin(observer, {{0, 0, rows, 0}});
  pass.layer(observer, 0, true, [top_k](std::int64_t row) {
    return window(std::max<std::int64_t>(0, row + 1 - top_k), std::min(row + 1, top_k));
  });
  pass.layer(observer, 1, false, [](std::int64_t) { return window(0, top_k); });  // must not count
  pass.layer(observer, 2, true, [top_k](std::int64_t row) {
    return window(std::max<std::int64_t>(0, row - 1 - top_k), std::min(row + 1, top_k));
  });
  pass.end(observer);
  const OverlapSummary summary = observer.summary();
  // Rows from 2k - 1 on have 2k causal keys; the last has no neighbour after it.
  CHECK(summary.sampled_pairs == rows - 1 - (2 * top_k - 1));
  CHECK(*summary.neighbour_queries == Approx(7.0 / 8.0));
  CHECK(*summary.neighbour_full_layers == Approx(6.0 / 8.0));
  CHECK(summary.full_layers == std::vector<std::int64_t>{0, 2});
  CHECK(summary.layer_matrix.at(0) == Approx(1.0));
  CHECK(summary.layer_matrix.at(1) == Approx(0.75));
  CHECK(summary.layer_matrix.at(2) == Approx(0.75));
  CHECK(*summary.chance > 8.0 / 40.0);
  CHECK(*summary.chance < 8.0 / 16.0);
}

TEST_CASE("overlap agrees with sets on random selections") {
  DSABENCH_SEEDED(random);
  constexpr std::int64_t kTopK = 20, kRows = 12, kFirst = 100;
  std::vector<std::vector<std::int32_t>> chosen;
  for (std::int64_t row = 0; row < kRows; ++row) {
    std::set<std::int32_t> picks;
    while (std::ssize(picks) < kTopK) {
      picks.insert(static_cast<std::int32_t>(random.integer(0, kFirst + row)));
    }
    chosen.emplace_back(picks.begin(), picks.end());
  }
  double expected = 0;
  for (std::int64_t row = 0; row + 1 < kRows; ++row) {
    const auto& a = chosen[std::size_t(row)];
    const auto& b = chosen[std::size_t(row) + 1];
    expected += double(std::count_if(
                    a.begin(), a.end(),
                    [&](std::int32_t p) { return std::find(b.begin(), b.end(), p) != b.end(); })) /
                double(kTopK * (kRows - 1));
  }
  FakePass pass(kRows, kTopK);
  OverlapObserver observer(kRows);
  pass.begin(observer, {{0, 0, kRows, kFirst}});
  pass.layer(observer, 0, true, [&](std::int64_t row) { return chosen[std::size_t(row)]; });
  pass.end(observer);
  const OverlapSummary summary = observer.summary();
  CHECK(summary.sampled_pairs == kRows - 1);
  CHECK(*summary.neighbour_queries == Approx(expected));
  CHECK_FALSE(summary.neighbour_full_layers.has_value());
}

TEST_CASE("overlap takes no pair across sequences and none where nothing is cut") {
  FakePass pass(6, 4);
  OverlapObserver observer;
  // Short contexts, then two decode rows of different sequences far beyond 2k.
  pass.begin(observer, {{0, 0, 4, 0}, {1, 4, 1, 500}, {2, 5, 1, 900}});
  pass.layer(observer, 0, true, [](std::int64_t) { return window(0, 4); });
  pass.end(observer);
  CHECK(observer.summary().sampled_pairs == 0);
  CHECK_FALSE(observer.summary().neighbour_queries.has_value());
  CHECK_FALSE(observer.summary().chance.has_value());
  CHECK(observer.summary().layer_matrix.empty());
}

TEST_CASE("overlap samples at most the pairs asked for and refuses a changed pattern") {
  FakePass pass(64, 4);
  OverlapObserver observer(3);
  const auto choose = [](std::int64_t) { return window(0, 4); };
  for (int i = 0; i < 2; ++i) {
    pass.begin(observer, {{0, 0, 64, 64 * i}});
    pass.layer(observer, 0, true, choose);
    pass.layer(observer, 1, true, choose);
    pass.end(observer);
  }
  CHECK(observer.summary().sampled_pairs == 6);
  CHECK(*observer.summary().neighbour_full_layers == Approx(1.0));
  pass.begin(observer, {{0, 0, 64, 128}});
  pass.layer(observer, 0, true, choose);
  CHECK_THROWS_AS(pass.end(observer), InvalidArgument);
}

}  // namespace dsabench
