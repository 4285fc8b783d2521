#include "harness/run/overlap_tables.h"

#include <fmt/format.h>

#include <map>

#include "engine/search/clusters.h"

namespace dsabench {
namespace {

std::string percent_or_dash(const std::optional<double>& share) {
  return share ? fmt::format("{:.1f} %", 100.0 * *share) : std::string("unknown");
}

Table matrix_table(const OverlapSummary& summary, const OverlapHeading& heading) {
  Table table;
  table.title = fmt::format("Shared indices of layers: {}, {} at {} tokens", heading.model,
                            heading.suite, heading.context_tokens);
  table.name = "overlap";
  table.columns = {{"layer", "Layer", "", 2, Shown::everywhere, Role::identity}};
  const std::size_t layers = summary.full_layers.size();
  for (const std::int64_t layer : summary.full_layers) {
    table.columns.push_back({fmt::format("layer_{}", layer), fmt::format("{}", layer), "", 2});
  }
  for (std::size_t a = 0; a < layers; ++a) {
    std::vector<Field> row{summary.full_layers[a]};
    for (std::size_t b = 0; b < layers; ++b) row.push_back(summary.layer_matrix[a * layers + b]);
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back(
      fmt::format("share of the {} indices that two layers have in common, mean over {} rows with "
                  "at least twice as many keys; all layers Full",
                  heading.top_k, summary.sampled_pairs));
  table.notes.push_back(fmt::format("neighbour layers {}, neighbour queries {}, chance {}",
                                    percent_or_dash(summary.neighbour_full_layers),
                                    percent_or_dash(summary.neighbour_queries),
                                    percent_or_dash(summary.chance)));
  if (heading.synthetic_weights) {
    table.notes.push_back("the weights are synthetic: so are their choices (--picks)");
  }
  return table;
}

/// "0, 3-6" of ascending layers.
std::string layers_text(const std::vector<std::int64_t>& layers) {
  std::string text;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::int64_t first = layers[i];
    while (i + 1 < layers.size() && layers[i + 1] == layers[i] + 1) ++i;
    text += text.empty() ? "" : ", ";
    text += layers[i] == first ? fmt::format("{}", first) : fmt::format("{}-{}", first, layers[i]);
  }
  return text;
}

Table cluster_table(const std::vector<std::int64_t>& clusters, double threshold) {
  Table table;
  table.title = "Clusters";
  table.columns = {{"cluster", "Cluster", "", 2, Shown::everywhere, Role::identity},
                   {"num_layers", "Layers", ""},
                   {"layers", "Which", ""}};
  std::map<std::int64_t, std::vector<std::int64_t>> members;
  for (std::size_t layer = 0; layer < clusters.size(); ++layer) {
    members[clusters[layer]].push_back(std::int64_t(layer));
  }
  for (const auto& [cluster, layers] : members) {
    table.rows.push_back({cluster, std::int64_t(std::ssize(layers)), layers_text(layers)});
  }
  table.notes.push_back(fmt::format(
      "a chain of layers that share {:.0f} % or more leads from each layer of a cluster to each "
      "other",
      100.0 * threshold));
  return table;
}

/// "3, 7": Full layers of a pattern whose cluster a layer below them is in: there the pattern parts
/// what the matrix joins.
std::string parted(const std::vector<std::int64_t>& clusters, const LayerPattern& pattern) {
  std::vector<std::int64_t> layers;
  for (std::int64_t layer = 1; layer < pattern.num_layers(); ++layer) {
    const auto at = std::size_t(layer);
    if (pattern.is_full(layer) && clusters[at] == clusters[at - 1]) layers.push_back(layer);
  }
  return layers_text(layers);
}

/// Shared layers whose source is in another cluster.
std::string joined(const std::vector<std::int64_t>& clusters, const LayerPattern& pattern) {
  std::vector<std::int64_t> layers;
  for (std::int64_t layer = 1; layer < pattern.num_layers(); ++layer) {
    const auto source = std::size_t(pattern.source_layer(layer));
    if (clusters[source] != clusters[std::size_t(layer)]) layers.push_back(layer);
  }
  return layers_text(layers);
}

Table block_table(const OverlapSummary& summary, const std::vector<std::int64_t>& clusters,
                  const std::vector<PatternChoice>& patterns) {
  Table table;
  table.title = "Clusters against the blocks of patterns";
  table.name = "overlap_blocks";
  table.columns = {{"asked", "Asked as", "", 2, Shown::everywhere, Role::identity},
                   {"full_layers", "F layers", ""},
                   {"kept", "Kept by reuse", "", 3},
                   {"rand_index", "Rand index", "", 3},
                   {"parted", "F within a cluster", ""},
                   {"joined", "S of another cluster", ""},
                   {"pattern", "Pattern", ""}};
  for (const PatternChoice& choice : patterns) {
    const LayerPattern& pattern = choice.pattern;
    table.rows.push_back({asked_as(choice), pattern.num_full(),
                          mean_kept(pattern, summary.layer_matrix),
                          rand_index(clusters, blocks_of_pattern(pattern)),
                          parted(clusters, pattern), joined(clusters, pattern), pattern.letters()});
  }
  table.notes.push_back(
      "kept: mean overlap of Shared layers with the layer whose indices they use; Rand index: "
      "share of pairs of layers that clusters and blocks both join or both part");
  return table;
}

}  // namespace

std::vector<Table> overlap_tables(const OverlapSummary& summary,
                                  const std::vector<PatternChoice>& patterns,
                                  const OverlapHeading& heading) {
  const std::vector<std::int64_t> clusters =
      single_linkage(std::ssize(summary.full_layers), summary.layer_matrix, heading.threshold);
  std::vector<Table> tables{matrix_table(summary, heading),
                            cluster_table(clusters, heading.threshold)};
  if (!patterns.empty()) tables.push_back(block_table(summary, clusters, patterns));
  return tables;
}

}  // namespace dsabench
