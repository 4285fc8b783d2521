#pragma once
/// What the IndexCache paper reports, as far as this tool prints it beside its own numbers. Shipped
/// with the program (index_cache.json); nothing here was measured by us.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dsabench::published {

/// A table: where it stands in the paper, and how its figures came here.
struct Origin {
  std::string source;   ///< "Table 1"
  std::string reading;  ///< "checked against the authors' plots", "second-hand: ..."
};

/// On what Table 1 and the shares were measured.
struct Setting {
  std::string model, hardware, software;
  std::string preset;  ///< the model's architecture as a preset of ours
  std::int64_t gpu_memory_bytes = 0;
};

enum class Quantity {
  prefill,      ///< of one prompt, s
  decode,       ///< of one request, token/s
  decode_full,  ///< with as many sequences as the caches hold, token/s and GPU
};
const char* quantity_name(Quantity quantity);  ///< "prefill", "decode", "decode_full"

/// One figure of Table 1.
struct SpeedFigure {
  Quantity quantity;
  std::int64_t context_tokens = 0;
  std::string retention;  ///< nominal: "1", "1/2", "1/4"
  double value = 0;       ///< s or token/s, by the quantity
};

/// The indexers' share of time where every layer runs its own.
struct ShareFigure {
  Quantity quantity;  ///< prefill or decode
  std::int64_t context_tokens = 0;
  double percent = 0;
};

/// A row of a table of scores.
struct QualityRow {
  std::string name;       ///< "DSA" (all layers Full), "uniform", "searched", "similarity";
                          ///< "trained" for a uniform pattern, "control": without its loss
  std::string retention;  ///< nominal
  std::vector<double> scores;
};

/// Scores by suite; a table's first column is its average.
struct QualityTable {
  Origin origin;
  std::string setting;  ///< of what model: "GLM-5 (744B), training-free"
  std::vector<std::string> suites;
  std::vector<QualityRow> rows;

  /// Null where there is none.
  const QualityRow* row_of(std::string_view name, std::string_view retention) const;
};

/// The share of indices that layers choose in common.
struct OverlapFigures {
  Origin origin;
  std::int64_t context_tokens = 0;
  double neighbours_least_percent = 0, neighbours_greatest_percent = 0;
  double early_late_greatest_percent = 0;
};

/// A pattern that the paper found by search.
struct SearchedPattern {
  std::string model;      ///< "30B", "GLM-5"
  std::string retention;  ///< nominal
  std::string pattern;    ///< F/S letters
};

struct IndexCache {
  std::string paper;
  Setting setting;
  Origin speed_origin, share_origin, patterns_origin;
  std::vector<SpeedFigure> speed;
  std::vector<ShareFigure> shares;
  OverlapFigures overlap;
  QualityTable training_free;  ///< Table 2
  QualityTable trained;        ///< Table 3
  QualityTable similarity;     ///< Table 5
  QualityTable large;          ///< Table 4: the 744B model
  std::vector<SearchedPattern> patterns;
  /// F layers of Table 1's model at a nominal retention.
  std::vector<std::pair<std::string, std::int64_t>> full_layers;

  /// A figure of Table 1; empty where there is none.
  std::optional<double> speed_of(Quantity quantity, std::int64_t context_tokens,
                                 std::string_view retention) const;
  /// A published share, in percent.
  std::optional<double> share_of(Quantity quantity, std::int64_t context_tokens) const;
  /// The share that Table 1 implies, in percent: what the indexers of the layers that are Shared at
  /// 1/4 took, (1 - time at 1/4 / time at 1), scaled to all layers. Prefill and decode.
  std::optional<double> implied_share(Quantity quantity, std::int64_t context_tokens) const;
};

/// Read once.
const IndexCache& index_cache();

}  // namespace dsabench::published
