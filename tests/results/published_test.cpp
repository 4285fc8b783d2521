/// The figures that ship are those of the paper: held against sums, speedups and shares that were
/// worked out from the printed tables by hand, not from the file.
#include <algorithm>
#include <array>
#include <cmath>

#include "results/published/index_cache.h"
#include "tests/support/catch.h"

namespace dsabench {
namespace {

using published::index_cache;
using published::Quantity;

constexpr std::int64_t kContexts[] = {10'000, 60'000, 120'000, 200'000};

double sum_of(Quantity quantity, const char* retention) {
  double sum = 0;
  for (const std::int64_t context : kContexts) {
    sum += index_cache().speed_of(quantity, context, retention).value();
  }
  return sum;
}

TEST_CASE("Table 1 is complete, and its columns and rows add up to the printed ones") {
  CHECK(index_cache().speed.size() == 36);
  const std::pair<Quantity, std::array<double, 3>> columns[] = {
      {Quantity::prefill, {32.02, 23.6, 19.4}},
      {Quantity::decode, {261.5, 314.5, 354.5}},
      {Quantity::decode_full, {3851, 4504, 4945}}};
  for (const auto& [quantity, sums] : columns) {
    CHECK(sum_of(quantity, "1") == Approx(sums[0]).epsilon(1e-9));
    CHECK(sum_of(quantity, "1/2") == Approx(sums[1]).epsilon(1e-9));
    CHECK(sum_of(quantity, "1/4") == Approx(sums[2]).epsilon(1e-9));
  }
  const std::pair<Quantity, std::array<double, 4>> rows[] = {
      {Quantity::prefill, {1.49, 8.83, 20.8, 43.9}},
      {Quantity::decode, {249, 236.5, 228, 217}},
      {Quantity::decode_full, {9080, 2203, 1270, 747}}};
  for (const auto& [quantity, sums] : rows) {
    for (std::size_t i = 0; i < 4; ++i) {
      double sum = 0;
      for (const char* retention : {"1", "1/2", "1/4"}) {
        sum += index_cache().speed_of(quantity, kContexts[i], retention).value();
      }
      CHECK(sum == Approx(sums[i]).epsilon(1e-9));
    }
  }
  CHECK_FALSE(index_cache().speed_of(Quantity::prefill, 10'000, "1/8"));
  CHECK_FALSE(index_cache().speed_of(Quantity::prefill, 10'240, "1"));
}

TEST_CASE("fewer indexers are faster in every figure, the more so the longer the context") {
  for (const Quantity quantity : {Quantity::prefill, Quantity::decode, Quantity::decode_full}) {
    double previous = 1;
    for (const std::int64_t context : kContexts) {
      const auto figure = [&](const char* retention) {
        return index_cache().speed_of(quantity, context, retention).value();
      };
      const auto speedup = [&](const char* retention) {
        const double ratio = figure(retention) / figure("1");
        return quantity == Quantity::prefill ? 1 / ratio : ratio;
      };
      CAPTURE(quantity_name(quantity), context);
      CHECK(speedup("1/2") > 1.1);
      CHECK(speedup("1/4") > speedup("1/2"));
      // Rounding of the printed figures: 0.57 / 0.45 and 3.38 / 2.59 are within a percent or two.
      CHECK(speedup("1/4") > 0.97 * previous);
      previous = speedup("1/4");
    }
  }
}

TEST_CASE("the shares that Table 1 implies are not the published ones") {
  const double published_prefill[] = {27, 50, 68, 81}, implied_prefill[] = {28, 31, 46, 61};
  const double published_decode[] = {27, 31, 38, 41}, implied_decode[] = {26, 34, 38, 44};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t context = kContexts[i];
    CHECK(index_cache().share_of(Quantity::prefill, context) == published_prefill[i]);
    CHECK(index_cache().share_of(Quantity::decode, context) == published_decode[i]);
    CHECK(std::abs(*index_cache().implied_share(Quantity::prefill, context) - implied_prefill[i]) <
          0.6);
    CHECK(std::abs(*index_cache().implied_share(Quantity::decode, context) - implied_decode[i]) <
          0.6);
  }
  CHECK(index_cache().shares.size() == 8);
  CHECK_FALSE(index_cache().implied_share(Quantity::prefill, 4096));
}

TEST_CASE("the searched patterns have the layers of their models and begin with F") {
  const std::array<std::int64_t, 5> layers = {47, 47, 47, 78, 78}, full = {24, 12, 7, 40, 22};
  REQUIRE(index_cache().patterns.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    const std::string& letters = index_cache().patterns[i].pattern;
    CHECK(std::int64_t(letters.size()) == layers[i]);
    CHECK(std::count(letters.begin(), letters.end(), 'F') == full[i]);
    CHECK(letters.front() == 'F');
    CHECK(letters.find_first_not_of("FS") == std::string::npos);
  }
  for (const auto& [retention, count] : index_cache().full_layers) {
    CAPTURE(retention);
    CHECK((retention == "1" ? count == 47 : retention == "1/2" ? count == 24 : count == 12));
  }
}

TEST_CASE("Table 4 is complete, and its columns add up to the printed ones") {
  const std::array<double, 6> sums = {385.9, 352.8, 438.9, 321.5, 486.4, 330.2};
  REQUIRE(index_cache().large.rows.size() == 5);
  REQUIRE(index_cache().large.suites.size() == 6);
  for (std::size_t suite = 0; suite < 6; ++suite) {
    double sum = 0;
    for (const published::QualityRow& row : index_cache().large.rows) sum += row.scores.at(suite);
    CHECK(sum == Approx(sums[suite]).epsilon(1e-9));
  }
}

TEST_CASE("Table 2 is complete, and its averages are those of its suites") {
  const published::QualityTable& table = index_cache().training_free;
  REQUIRE(table.suites.size() == 11);
  REQUIRE(table.rows.size() == 7);
  for (const published::QualityRow& row : table.rows) {
    CAPTURE(row.name, row.retention);
    REQUIRE(row.scores.size() == 11);
    double of_long = 0, of_general = 0;
    for (std::size_t i = 2; i < 7; ++i) of_long += row.scores[i] / 5;
    for (std::size_t i = 7; i < 11; ++i) of_general += row.scores[i] / 4;
    CHECK(std::abs(row.scores[0] - of_long) < 0.051);
    CHECK(std::abs(row.scores[1] - of_general) < 0.051);
  }
  CHECK(table.row_of("searched", "1/4")->scores.front() == 49.9);
  CHECK(table.row_of("searched", "1") == nullptr);
  CHECK(index_cache().similarity.row_of("similarity", "1/2")->scores == std::vector<double>{49.8});
}

TEST_CASE("every table says where it stands and how it was read") {
  for (const published::Origin* origin :
       {&index_cache().speed_origin, &index_cache().share_origin, &index_cache().patterns_origin,
        &index_cache().training_free.origin, &index_cache().similarity.origin,
        &index_cache().large.origin}) {
    CHECK_FALSE(origin->source.empty());
    const bool told =
        origin->reading.starts_with("checked") || origin->reading.starts_with("second-hand");
    CHECK(told);
  }
  CHECK(index_cache().setting.hardware == "8 x H100");
  CHECK(index_cache().setting.gpu_memory_bytes == 80'000'000'000);
}

}  // namespace
}  // namespace dsabench
