#include "kernels/reference/indexer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/reference/parallel.h"

namespace dsabench::reference {
namespace {

double e4m3_value(std::uint8_t bits) {
  const int sign = (bits >> 7) != 0 ? -1 : 1;
  const int exponent = (bits >> 3) & 15;
  const int fraction = bits & 7;
  if (exponent == 15 && fraction == 7) return std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::pow(2.0, -6) * (fraction / 8.0);
  return sign * std::pow(2.0, exponent - 7) * (1.0 + fraction / 8.0);
}

/// `count` elements of an f32 or e4m3 tensor, from `offset` on.
void read_elements(const ConstTensorView& view, std::int64_t offset, std::int64_t count,
                   double* to) {
  static const std::vector<double> codes = [] {
    std::vector<double> values;
    for (int bits = 0; bits < 256; ++bits) {
      values.push_back(e4m3_value(static_cast<std::uint8_t>(bits)));
    }
    return values;
  }();
  if (view.dtype() == DType::f32) {
    std::copy_n(view.data<float>() + offset, count, to);
    return;
  }
  const std::uint8_t* from = view.data<std::uint8_t>() + offset;
  std::transform(from, from + count, to,
                 [values = codes.data()](std::uint8_t code) { return values[code]; });
}

/// The heads of a query in groups whose products with a key run side by side: one after another
/// each sum waits for itself, and rows of 200,000 keys take four times as long.
class HeadGroups {
 public:
  static constexpr std::int64_t kSize = 8;
  using Dots = std::array<double, kSize>;

  HeadGroups(const ConstTensorView& q, std::int64_t row) : dim_(q.dim(2)) {
    const std::int64_t heads = q.dim(1);
    values_.resize(static_cast<std::size_t>((heads + kSize - 1) / kSize * dim_), Dots{});
    std::vector<double> head(static_cast<std::size_t>(dim_));
    for (std::int64_t h = 0; h < heads; ++h) {
      read_elements(q, row * q.stride(0) + h * q.stride(1), dim_, head.data());
      for (std::int64_t d = 0; d < dim_; ++d) {
        at(h / kSize, d)[static_cast<std::size_t>(h % kSize)] = head[static_cast<std::size_t>(d)];
      }
    }
  }
  /// Of the group that begins with head `first`; zeros behind the last head.
  Dots dots(std::int64_t first, const std::vector<double>& key) const {
    Dots sums{};
    const Dots* values = &values_[static_cast<std::size_t>(first / kSize * dim_)];
    for (const double element : key) {
      const Dots& value = *values++;
#pragma omp simd
      for (std::size_t j = 0; j < kSize; ++j) sums[j] += value[j] * element;
    }
    return sums;
  }

 private:
  Dots& at(std::int64_t group, std::int64_t d) {
    return values_[static_cast<std::size_t>(group * dim_ + d)];
  }
  std::int64_t dim_;
  std::vector<Dots> values_;  ///< [group, dim]
};

/// Descending, NaN last. A strict weak order, as the sort needs it.
bool better(double a, double b) {
  if (std::isnan(b)) return !std::isnan(a);
  return a > b;
}

/// The best `count` positions, all where there are fewer; equal scores by lower position.
std::vector<std::int32_t> best_first(std::span<const double> scores, std::size_t count) {
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(order.begin(), end, order.end(), [&](std::int32_t a, std::int32_t b) {
    const double left = scores[static_cast<std::size_t>(a)];
    const double right = scores[static_cast<std::size_t>(b)];
    if (better(left, right)) return true;
    return !better(right, left) && a < b;
  });
  order.resize(count);
  return order;
}

}  // namespace

std::vector<double> indexer_scores_row(const ConstTensorView& q,
                                       const ConstTensorView& head_weights, std::int64_t row,
                                       const ConstTensorView& keys,
                                       const ConstTensorView& key_scales, std::int64_t num_keys) {
  if (row < 0 || row >= q.dim(0) || num_keys < 0 || num_keys > keys.dim(0)) {
    throw InvalidArgument(fmt::format("indexer reference: row {} and {} keys of q {} and keys {}",
                                      row, num_keys, q.shape_string(), keys.shape_string()));
  }
  const std::int64_t heads = q.dim(1), dim = q.dim(2);
  const HeadGroups queries(q, row);
  std::vector<double> scores(static_cast<std::size_t>(num_keys));
  std::vector<double> key(static_cast<std::size_t>(dim));
#pragma omp parallel for schedule(static) \
    firstprivate(key) if (num_keys * heads * dim > kMinParallelProducts)
  for (std::int64_t s = 0; s < num_keys; ++s) {
    read_elements(keys, s * keys.stride(0), dim, key.data());
    double sum = 0.0;
    for (std::int64_t first = 0; first < heads; first += HeadGroups::kSize) {
      const HeadGroups::Dots dots = queries.dots(first, key);
      for (std::int64_t h = first; h < std::min(heads, first + HeadGroups::kSize); ++h) {
        const double dot = dots[static_cast<std::size_t>(h - first)];
        const double relu = dot < 0.0 ? 0.0 : dot;  // a NaN stays a NaN
        sum += static_cast<double>(head_weights.row<float>(row)[h]) * relu;
      }
    }
    if (!key_scales.empty()) sum *= static_cast<double>(key_scales.row<float>(s)[0]);
    scores[static_cast<std::size_t>(s)] = sum;
  }
  return scores;
}

std::vector<std::int32_t> topk_positions(std::span<const double> scores, std::int64_t top_k) {
  std::vector<std::int32_t> order = best_first(scores, static_cast<std::size_t>(top_k));
  std::sort(order.begin(), order.end());
  return order;
}

double topk_margin(std::span<const double> scores, std::int64_t top_k) {
  if (std::cmp_less_equal(scores.size(), top_k)) return std::numeric_limits<double>::infinity();
  const auto cut = static_cast<std::size_t>(top_k);
  const std::vector<std::int32_t> order = best_first(scores, cut + 1);
  const double last_in = scores[static_cast<std::size_t>(order[cut - 1])];
  const double first_out = scores[static_cast<std::size_t>(order[cut])];
  if (last_in == first_out || std::isnan(last_in)) return 0.0;
  if (std::isnan(first_out)) return std::numeric_limits<double>::infinity();
  return last_in - first_out;
}

}  // namespace dsabench::reference
