#include "results/published/index_cache.h"

#include <array>
#include <nlohmann/json.hpp>

#include "kernels/base/error.h"
#include "published_figures.h"

namespace dsabench::published {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 3> kQuantities = {"prefill", "decode", "decode_full"};
constexpr std::array<const char*, 3> kTable1Retentions = {"1", "1/2", "1/4"};

Quantity quantity_of(const std::string& name) {
  for (std::size_t i = 0; i < kQuantities.size(); ++i) {
    if (name == kQuantities[i]) return static_cast<Quantity>(i);
  }
  throw InvalidArgument("index_cache.json: unknown quantity " + name);
}

Origin origin_of(const json& table) { return {table.at("source"), table.at("reading")}; }

void read_speed(const json& table, IndexCache& paper) {
  paper.speed_origin = origin_of(table);
  for (const char* retention : kTable1Retentions) {
    paper.full_layers.emplace_back(retention, table.at("full_layers").at(retention));
    for (const json& row : table.at("rows")) {
      paper.speed.push_back(
          {quantity_of(row.at("quantity")), row.at("context"), retention, row.at(retention)});
    }
  }
}

void read_shares(const json& table, IndexCache& paper) {
  paper.share_origin = origin_of(table);
  for (const json& row : table.at("rows")) {
    paper.shares.push_back({quantity_of(row.at("quantity")), row.at("context"), row.at("percent")});
  }
}

OverlapFigures overlap_of(const json& figures) {
  return {origin_of(figures), figures.at("context"), figures.at("neighbours_least_percent"),
          figures.at("neighbours_greatest_percent"), figures.at("early_late_greatest_percent")};
}

QualityTable quality_of(const json& table) {
  QualityTable quality{origin_of(table), table.at("setting"), table.at("suites"), {}};
  for (const json& row : table.at("rows")) {
    quality.rows.push_back({row.at("name"), row.at("retention"), row.at("scores")});
  }
  return quality;
}

IndexCache read(const json& document) {
  IndexCache paper;
  paper.paper = document.at("paper");
  const json& setting = document.at("setting");
  paper.setting = {setting.at("model"), setting.at("hardware"), setting.at("software"),
                   setting.at("preset"), setting.at("gpu_memory_bytes")};
  read_speed(document.at("speed"), paper);
  read_shares(document.at("indexer_share"), paper);
  paper.overlap = overlap_of(document.at("overlap"));
  paper.training_free = quality_of(document.at("quality_training_free"));
  paper.trained = quality_of(document.at("quality_trained"));
  paper.similarity = quality_of(document.at("quality_similarity"));
  paper.large = quality_of(document.at("quality_744b"));
  const json& patterns = document.at("patterns");
  paper.patterns_origin = origin_of(patterns);
  for (const json& row : patterns.at("rows")) {
    paper.patterns.push_back({row.at("model"), row.at("retention"), row.at("pattern")});
  }
  return paper;
}

/// Of a figure of Table 1, in any unit of time.
double time_of(Quantity quantity, double value) {
  return quantity == Quantity::prefill ? value : 1.0 / value;
}

}  // namespace

const char* quantity_name(Quantity quantity) {
  return kQuantities.at(static_cast<std::size_t>(quantity));
}

const QualityRow* QualityTable::row_of(std::string_view name, std::string_view retention) const {
  for (const QualityRow& row : rows) {
    if (row.name == name && row.retention == retention) return &row;
  }
  return nullptr;
}

std::optional<double> IndexCache::speed_of(Quantity quantity, std::int64_t context_tokens,
                                           std::string_view retention) const {
  for (const SpeedFigure& figure : speed) {
    if (figure.quantity == quantity && figure.context_tokens == context_tokens &&
        figure.retention == retention) {
      return figure.value;
    }
  }
  return std::nullopt;
}

std::optional<double> IndexCache::share_of(Quantity quantity, std::int64_t context_tokens) const {
  for (const ShareFigure& figure : shares) {
    if (figure.quantity == quantity && figure.context_tokens == context_tokens) {
      return figure.percent;
    }
  }
  return std::nullopt;
}

std::optional<double> IndexCache::implied_share(Quantity quantity,
                                                std::int64_t context_tokens) const {
  const std::optional<double> all = speed_of(quantity, context_tokens, "1");
  const std::optional<double> quarter = speed_of(quantity, context_tokens, "1/4");
  if (!all || !quarter) return std::nullopt;
  const auto layers = static_cast<double>(full_layers.front().second);
  const auto left = static_cast<double>(full_layers.back().second);
  const double saved = 1.0 - time_of(quantity, *quarter) / time_of(quantity, *all);
  return 100.0 * saved / (1.0 - left / layers);
}

const IndexCache& index_cache() {
  static const IndexCache paper = read(json::parse(embedded::published_figures::kFiles[0].content));
  return paper;
}

}  // namespace dsabench::published
