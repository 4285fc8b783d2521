#pragma once
/// A random call of either attention.
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/ops/dense_mla.h"
#include "kernels/ops/fp8_latents.h"
#include "kernels/ops/sparse_mla.h"
#include "kernels/reference/attention.h"
#include "kernels/reference/fp8.h"
#include "tests/kernels/scattered_cache.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace dsabench::test {

/// A random batch of ragged sequences for either attention, with rows between them that belong to
/// none, and a random selection with -1 strewn in.
struct MlaCase {
  static constexpr std::int64_t kGap = 1;

  MlaCase(Random& random, std::int64_t heads, std::int64_t latent, std::int64_t rope,
          std::int64_t top_k, const std::vector<std::pair<std::int64_t, std::int64_t>>& pieces) {
    std::int64_t tokens = kGap;
    for (const auto& [first, rows] : pieces) {
      spans.push_back({tokens, rows, first});
      tokens += rows + kGap;
      latents.push_back(random.normal_tensor({first + rows + 2, latent + rope}));
    }
    q_latent = random.normal_tensor({tokens, heads, latent});
    q_rope = random.normal_tensor({tokens, heads, rope});
    out = Tensor(DType::f32, {tokens, heads, latent});
    indices = Tensor(DType::i32, {tokens, top_k});
    indices.fill_bytes(0x7e);
    scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(latent + rope)));
    for (const ops::SequenceSpan& span : spans) {
      for (std::int64_t i = 0; i < span.num_rows; ++i) pick(random, span, i);
    }
  }

  void pick(Random& random, const ops::SequenceSpan& span, std::int64_t i) {
    std::vector<std::int32_t> keys = reference::causal_positions(
        positions.empty() ? span.first_position + i
                          : positions.data<std::int32_t>()[span.row_begin + i]);
    for (std::size_t j = keys.size(); j > 1; --j) {
      std::swap(
          keys[j - 1],
          keys[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(j) - 1))]);
    }
    auto* row = indices.view().row<std::int32_t>(span.row_begin + i);
    std::size_t next = 0;
    for (std::int64_t j = 0; j < indices.dim(1); ++j) {
      const bool empty = next == keys.size() || random.integer(0, 9) == 0;
      row[j] = empty ? -1 : keys[next++];
    }
  }

  /// From here on rows stand where `positions` say, anywhere among their sequences' keys, and
  /// select among those.
  void place(Random& random) {
    positions = Tensor(DType::i32, {q_latent.dim(0)});
    positions.fill_bytes(0x7e);
    for (const ops::SequenceSpan& span : spans) {
      for (std::int64_t i = 0; i < span.num_rows; ++i) {
        positions.data<std::int32_t>()[span.row_begin + i] =
            static_cast<std::int32_t>(random.integer(0, span.end_position() - 1));
        pick(random, span, i);
      }
    }
  }

  /// From here on the operators read rows of the fp8 cache, and `latents` are the values that these
  /// hold.
  void quantise() {
    const std::int64_t latent = q_latent.dim(2), rope = q_rope.dim(2);
    for (Tensor& values : latents) {
      Tensor codes(DType::u8, {values.dim(0), ops::Fp8LatentRow{latent, rope}.bytes()});
      for (std::int64_t t = 0; t < values.dim(0); ++t) {
        float* row = values.view().row<float>(t);
        const auto coded =
            reference::fp8_latent_row({row, static_cast<std::size_t>(values.dim(1))}, latent);
        std::copy(coded.begin(), coded.end(), codes.view().row<std::uint8_t>(t));
        const auto left = reference::fp8_latent_values(coded, latent, rope);
        std::copy(left.begin(), left.end(), row);
      }
      fp8_rows.push_back(std::move(codes));
    }
  }
  const std::vector<Tensor>& rows() const { return fp8_rows.empty() ? latents : fp8_rows; }

  /// From here on the operators read the latents out of shuffled blocks.
  void scatter(Random& random) {
    scattered.emplace(random, end_positions(spans));
    pool = scattered->pool(rows());
  }

  std::vector<ops::LatentSequence> sequences() const {
    std::vector<ops::LatentSequence> list;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      if (scattered) {
        list.push_back({spans[i], pool, scattered->table(i)});
      } else {
        list.push_back({spans[i], rows()[i]});
      }
    }
    return list;
  }

  void run_sparse(const Context& ctx) {
    out.poison();
    const std::vector<ops::LatentSequence> list = sequences();
    ops::sparse_mla(ctx, {.q_latent = q_latent.view(),
                          .q_rope = q_rope.view(),
                          .indices = indices.view(),
                          .sequences = list,
                          .out = out.view(),
                          .scale = scale,
                          .positions = positions.empty() ? ConstTensorView() : positions.view()});
  }
  void run_dense(const Context& ctx) {
    out.poison();
    const std::vector<ops::LatentSequence> list = sequences();
    ops::dense_mla(ctx, {.q_latent = q_latent.view(),
                         .q_rope = q_rope.view(),
                         .sequences = list,
                         .out = out.view(),
                         .scale = scale});
  }

  /// Compares with the reference over the selection, or over every causal key where `dense`.
  void check(bool dense, double tolerance = 3e-6) const {
    struct Row {
      std::size_t sequence;
      std::int64_t row, position;
      std::vector<double> expected;
    };
    std::vector<Row> rows;
    std::vector<bool> covered(static_cast<std::size_t>(out.dim(0)), false);
    for (std::size_t s = 0; s < spans.size(); ++s) {
      for (std::int64_t i = 0; i < spans[s].num_rows; ++i) {
        rows.push_back({s, spans[s].row_begin + i, spans[s].first_position + i, {}});
        covered[static_cast<std::size_t>(rows.back().row)] = true;
      }
    }
    const std::int64_t count = std::ssize(rows);
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t r = 0; r < count; ++r) {
      Row& at = rows[static_cast<std::size_t>(r)];
      const auto* begin = indices.view().row<std::int32_t>(at.row);
      std::vector<std::int32_t> selected(begin, begin + indices.dim(1));
      if (dense) selected = reference::causal_positions(at.position);
      at.expected = reference::attention_row(q_latent.view(), q_rope.view(), at.row,
                                             latents[at.sequence].view(), selected, double(scale));
    }
    for (const Row& at : rows) {
      INFO("sequence " << at.sequence << " row " << at.row << " at " << at.position);
      check_close(out.view().rows(at.row, 1), at.expected, tolerance);
    }
    for (std::int64_t row = 0; row < out.dim(0); ++row) {
      if (!covered[static_cast<std::size_t>(row)]) {
        CHECK(std::isnan(out.view().row<float>(row)[0]));
      }
    }
  }

  std::vector<ops::SequenceSpan> spans;
  Tensor q_latent, q_rope, indices, out, positions;
  std::vector<Tensor> latents, fp8_rows;
  std::optional<ScatteredCache> scattered;
  Tensor pool;
  float scale = 1.0f;
};

inline MlaCase random_mla_case(Random& random, std::int64_t max_rows) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pieces;
  for (std::int64_t s = random.integer(1, 3); s > 0; --s) {
    pieces.emplace_back(random.integer(0, 700), random.integer(1, max_rows));
  }
  return {random,
          random.choice<std::int64_t>({1, 3, 8, 20}),
          random.choice<std::int64_t>({4, 32, 65}),
          random.choice<std::int64_t>({2, 8}),
          random.choice<std::int64_t>({1, 7, 64, 300, 600}),
          pieces};
}

}  // namespace dsabench::test
