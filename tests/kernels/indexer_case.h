#pragma once
/// A random call of indexer_topk: ragged sequences, packed with rows between them that belong to
/// no sequence, poisoned outputs.
#include <cmath>
#include <optional>
#include <set>
#include <vector>

#include "kernels/base/float_formats.h"
#include "kernels/ops/indexer_topk.h"
#include "kernels/reference/indexer.h"
#include "tests/kernels/scattered_cache.h"
#include "tests/support/random.h"

namespace dsabench::test {

struct IndexerCase {
  /// Rows of one sequence: where it starts and how many.
  struct Piece {
    std::int64_t first_position, rows;
  };
  static constexpr std::int64_t kGap = 2;
  /// Bytes of unwritten indices: neither a position nor -1.
  static constexpr unsigned char kGuard = 0x7e;

  IndexerCase(Random& random, std::int64_t heads, std::int64_t dim, std::int64_t k,
              const std::vector<Piece>& pieces, bool fp8 = false)
      : top_k(k) {
    std::int64_t tokens = kGap;
    for (const Piece& piece : pieces) {
      spans.push_back({tokens, piece.rows, piece.first_position});
      tokens += piece.rows + kGap;
    }
    q = values(random, {tokens, heads, dim}, fp8);
    head_weights = random.normal_tensor({tokens, heads});
    for (const ops::SequenceSpan& span : spans) {
      keys.push_back(values(random, {span.end_position() + 3, dim}, fp8));
      Tensor scale;
      if (fp8) {
        scale = Tensor(DType::f32, {span.end_position() + 3});
        for (std::int64_t i = 0; i < scale.dim(0); ++i) {
          scale.data<float>()[i] = std::ldexp(1.0f, static_cast<int>(random.integer(-2, 2)));
        }
      }
      scales.push_back(std::move(scale));
    }
    indices = Tensor(DType::i32, {tokens, top_k});
    margins = Tensor(DType::f32, {tokens});
  }

  static Tensor values(Random& random, std::vector<std::int64_t> shape, bool fp8) {
    Tensor exact = random.normal_tensor(shape);
    if (!fp8) return exact;
    Tensor codes(DType::f8_e4m3, shape);
    for (std::int64_t i = 0; i < exact.view().num_elements(); ++i) {
      codes.data<std::uint8_t>()[i] = f32_to_e4m3(exact.data<float>()[i]);
    }
    return codes;
  }

  /// From here on the operator reads the keys out of shuffled blocks.
  void scatter(Random& random) {
    scattered.emplace(random, end_positions(spans));
    pool_keys = scattered->pool(keys);
    pool_scales = scales[0].empty() ? Tensor() : scattered->pool(scales);
  }

  /// From here on rows stand where `positions` say: the last of a sequence at its end, the others
  /// anywhere before.
  void place(Random& random) {
    positions = Tensor(DType::i32, {q.dim(0)});
    positions.fill_bytes(kGuard);
    for (const ops::SequenceSpan& span : spans) {
      for (std::int64_t i = 0; i < span.num_rows; ++i) {
        const std::int64_t last = span.end_position() - 1;
        positions.data<std::int32_t>()[span.row_begin + i] =
            static_cast<std::int32_t>(i + 1 == span.num_rows ? last : random.integer(0, last));
      }
    }
  }
  std::int64_t position(const ops::SequenceSpan& span, std::int64_t row) const {
    return positions.empty() ? span.first_position + row
                             : positions.data<std::int32_t>()[span.row_begin + row];
  }

  std::vector<ops::IndexerSequence> sequences() const {
    std::vector<ops::IndexerSequence> list;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (scattered) {
        list.push_back({spans[i], pool_keys, pool_scales, scattered->table(i)});
      } else {
        list.push_back({spans[i], keys[i], scales[i]});
      }
    }
    return list;
  }

  void run(const Context& ctx, bool with_margins = true) {
    indices.fill_bytes(kGuard);
    margins.poison();
    const std::vector<ops::IndexerSequence> list = sequences();
    ops::IndexerTopkArgs args{.q = q.view(),
                              .head_weights = head_weights.view(),
                              .sequences = list,
                              .top_k = top_k,
                              .indices = indices.view(),
                              .margins = {},
                              .run_counter = &runs};
    if (with_margins) args.margins = margins.view();
    if (!positions.empty()) args.positions = positions.view();
    ops::indexer_topk(ctx, args);
  }

  std::vector<double> reference_scores(std::size_t sequence, std::int64_t row) const {
    const ops::SequenceSpan& span = spans[sequence];
    ConstTensorView scale;
    if (!scales[sequence].empty()) scale = scales[sequence].view();
    return reference::indexer_scores_row(q.view(), head_weights.view(), span.row_begin + row,
                                         keys[sequence].view(), scale, position(span, row) + 1);
  }

  /// The selection of a packed row without its padding.
  std::vector<std::int32_t> picked(std::int64_t row) const {
    const auto* begin = indices.view().row<std::int32_t>(row);
    return {begin, std::find(begin, begin + top_k, -1)};
  }

  std::int64_t top_k;
  std::vector<ops::SequenceSpan> spans;
  Tensor q, head_weights, indices, margins, positions;
  std::vector<Tensor> keys, scales;
  std::optional<ScatteredCache> scattered;
  Tensor pool_keys, pool_scales;
  std::uint64_t runs = 0;
};

inline double largest_magnitude(const std::vector<double>& values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

/// Judges every row by the reference: ascending positions, then -1; the reference's set wherever
/// its margin is above rounding, and never a pick that is worse than the k-th best by more; the
/// margin; rows of no sequence untouched. `max_skipped` is the share of rows whose margin is
/// expected to be too small to compare sets, at most; a batch may lie three standard deviations
/// above it.
inline void check_indexer_case(const IndexerCase& c, double tolerance = 3e-6,
                               double max_skipped = 0.1) {
  std::int64_t skipped = 0, rows = 0;
  std::set<std::int64_t> covered;
  for (std::size_t s = 0; s < c.spans.size(); ++s) {
    for (std::int64_t i = 0; i < c.spans[s].num_rows; ++i, ++rows) {
      const std::int64_t row = c.spans[s].row_begin + i;
      covered.insert(row);
      const std::vector<double> scores = c.reference_scores(s, i);
      const std::vector<std::int32_t> expected = reference::topk_positions(scores, c.top_k);
      const std::vector<std::int32_t> actual = c.picked(row);
      const double margin = reference::topk_margin(scores, c.top_k);
      const double rounding = tolerance * largest_magnitude(scores);
      INFO("sequence " << s << " row " << i << " keys " << scores.size() << " margin " << margin);
      REQUIRE(actual.size() == expected.size());
      REQUIRE(std::is_sorted(actual.begin(), actual.end()));
      const auto* padding = c.indices.view().row<std::int32_t>(row);
      REQUIRE(std::all_of(padding + actual.size(), padding + c.top_k,
                          [](std::int32_t index) { return index == -1; }));
      if (margin <= 2 * rounding) {
        if (margin > 0) ++skipped;
        double worst = std::numeric_limits<double>::infinity();
        for (const std::int32_t at : expected) worst = std::min(worst, scores[at]);
        for (const std::int32_t at : actual) {
          REQUIRE(at >= 0);
          REQUIRE(at < static_cast<std::int32_t>(scores.size()));
          REQUIRE(scores[at] >= worst - 2 * rounding);
        }
      } else {
        REQUIRE(actual == expected);
      }
      const double got = c.margins.view().row<float>(row)[0];
      if (std::isinf(margin)) {
        REQUIRE(got == static_cast<double>(ops::kNoMargin));
      } else {
        REQUIRE(std::fabs(got - margin) <= 2 * rounding);
      }
    }
  }
  INFO(skipped << " of " << rows << " rows have a margin within rounding");
  const double expected_skips = max_skipped * static_cast<double>(rows);
  REQUIRE(static_cast<double>(skipped) <=
          std::max(1.0, expected_skips + 3 * std::sqrt(expected_skips)));
  for (std::int64_t row = 0; row < c.indices.dim(0); ++row) {
    if (covered.count(row) != 0) continue;
    const auto* bytes =
        reinterpret_cast<const unsigned char*>(c.indices.view().row<std::int32_t>(row));
    const bool intact = std::all_of(bytes, bytes + c.top_k * 4,
                                    [](unsigned char byte) { return byte == IndexerCase::kGuard; });
    REQUIRE(intact);
    REQUIRE(std::isnan(c.margins.view().row<float>(row)[0]));
  }
}

}  // namespace dsabench::test
