#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/gemm_cpu.h"
#include "kernels/ops/indexer_topk.h"
#include "kernels/ops/threads.h"
#include "kernels/ops/topk_candidates.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {
namespace {

constexpr std::int64_t kKeyTile = TopkCandidates::kMaxPush;
/// (query, head) rows of one product: with kKeyTile columns its result takes 256 KiB and stays in
/// the second-level cache until the sum over heads has read it.
constexpr std::int64_t kProductRows = 256;
/// A range of keys shorter than this is not worth a task of its own.
constexpr std::int64_t kMinPartKeys = 8 * kKeyTile;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Neighbouring queries of one sequence, scored together over keys [key_begin, key_end).
struct Task {
  const IndexerSequence* sequence = nullptr;
  std::int64_t row = 0;       ///< first packed row
  std::int64_t position = 0;  ///< of the first row
  std::int64_t rows = 0;
  std::int64_t key_begin = 0, key_end = 0;
  std::int64_t part = 0, parts = 1;  ///< this task's share of its queries' keys
  std::int64_t slot = -1;            ///< where a share leaves its candidates
};

/// The sizes of one call and the layout of its scratch, in floats.
struct Plan {
  Plan(const IndexerTopkArgs& args, std::int64_t num_threads);

  std::int64_t heads, dim, top_k, keep, query_tile;
  bool fp8;
  std::int64_t query_floats, key_floats, product_floats, candidate_floats;
  std::int64_t thread_floats, slot_floats;
  std::int64_t threads, num_slots = 0;
  std::vector<Task> tasks;
};

/// Rows whose causal keys all fit in the selection: nothing is scored.
std::int64_t count_identity_rows(const SequenceSpan& span, std::int64_t top_k) {
  return std::clamp<std::int64_t>(top_k - span.first_position, 0, span.num_rows);
}

/// Splits tasks over ranges of keys where there are too few to keep every thread busy (decoding).
/// Ranges end on tile borders, so that a split changes no score and no selection.
std::vector<Task> split_tasks(const std::vector<Task>& tasks, std::int64_t threads,
                              std::int64_t& num_slots) {
  const auto count = static_cast<std::int64_t>(tasks.size());
  const std::int64_t wanted =
      count < 2 * threads ? 2 * threads / std::max<std::int64_t>(count, 1) : 1;
  std::vector<Task> split;
  for (Task task : tasks) {
    const std::int64_t keys = task.key_end;
    const std::int64_t parts = std::clamp<std::int64_t>(keys / kMinPartKeys, 1, wanted);
    const std::int64_t length = round_up((keys + parts - 1) / parts, kKeyTile);
    task.parts = (keys + length - 1) / length;
    for (task.part = 0; task.part < task.parts; ++task.part) {
      task.key_begin = task.part * length;
      task.key_end = std::min(keys, task.key_begin + length);
      task.slot = task.parts > 1 ? num_slots++ : -1;
      split.push_back(task);
    }
  }
  return split;
}

Plan::Plan(const IndexerTopkArgs& args, std::int64_t num_threads)
    : heads(args.q.dim(1)),
      dim(args.q.dim(2)),
      top_k(args.top_k),
      keep(args.top_k + (args.margins.empty() ? 0 : 1)),
      query_tile(std::clamp<std::int64_t>(kProductRows / heads, 1, 32)),
      fp8(args.q.dtype() == DType::f8_e4m3),
      threads(num_threads) {
  std::vector<Task> whole;
  for (const IndexerSequence& sequence : args.sequences) {
    const SequenceSpan& span = sequence.span;
    const std::int64_t scored_from = count_identity_rows(span, top_k);
    for (std::int64_t row = scored_from; row < span.num_rows; row += query_tile) {
      Task task{.sequence = &sequence,
                .row = span.row_begin + row,
                .position = span.first_position + row,
                .rows = std::min(query_tile, span.num_rows - row)};
      task.key_end = task.position + task.rows;
      whole.push_back(task);
    }
  }
  // Later queries have more keys: the longest tasks go first, so that none is left for the end.
  std::stable_sort(whole.begin(), whole.end(),
                   [](const Task& a, const Task& b) { return a.key_end > b.key_end; });
  tasks = split_tasks(whole, threads, num_slots);

  constexpr std::int64_t kLine = 16;
  query_floats = round_up(query_tile * heads * dim, kLine);
  key_floats = kKeyTile * dim;
  product_floats = query_tile * heads * kKeyTile;
  candidate_floats = 2 * TopkCandidates::capacity(keep);
  thread_floats =
      query_floats + key_floats + product_floats + kKeyTile + (query_tile + 1) * candidate_floats;
  thread_floats = round_up(thread_floats, kLine);
  slot_floats = round_up(2 * query_tile * keep + query_tile, kLine);
}

/// Scores one task's queries tile by tile and keeps each one's best candidates.
class TaskScorer {
 public:
  TaskScorer(const VectorMath& math, const Plan& plan, const IndexerTopkArgs& args, float* scratch)
      : math_(math), plan_(plan), args_(args), queries_(scratch) {
    keys_ = queries_ + plan.query_floats;
    products_ = keys_ + plan.key_floats;
    scores_ = products_ + plan.product_floats;
    auto* ranked = reinterpret_cast<RankedKey*>(scores_ + kKeyTile);
    const std::int64_t capacity = plan.candidate_floats / 2;
    for (std::int64_t i = 0; i < plan.query_tile; ++i) {
      memory_.push_back(ranked + (i + 1) * capacity);
    }
    shared_ = ranked;
  }

  /// The candidates of row i are then `candidates()[i]`, valid until the next call.
  void run(const Task& task) {
    candidates_.clear();
    for (std::int64_t i = 0; i < task.rows; ++i) {
      candidates_.emplace_back(math_, memory_[static_cast<std::size_t>(i)], shared_, plan_.keep);
    }
    load_queries(task);
    for (std::int64_t begin = task.key_begin; begin < task.key_end; begin += kKeyTile) {
      score_tile(task, begin, std::min(kKeyTile, task.key_end - begin));
    }
    for (TopkCandidates& row : candidates_) row.finish();
  }

  const std::vector<TopkCandidates>& candidates() const { return candidates_; }
  RankedKey* shared_scratch() const { return shared_; }

 private:
  void load_queries(const Task& task) {
    const std::int64_t heads = plan_.heads, dim = plan_.dim;
    for (std::int64_t i = 0; i < task.rows; ++i) {
      for (std::int64_t h = 0; h < heads; ++h) {
        float* to = queries_ + (i * heads + h) * dim;
        const std::int64_t offset = h * args_.q.stride(1);
        if (plan_.fp8) {
          math_.e4m3_to_f32(to, args_.q.row<std::uint8_t>(task.row + i) + offset, dim);
        } else {
          std::copy_n(args_.q.row<float>(task.row + i) + offset, dim, to);
        }
      }
    }
  }

  void score_tile(const Task& task, std::int64_t begin, std::int64_t count) {
    const ConstTensorView& keys = task.sequence->keys;
    const BlockTable table(task.sequence->block_table);
    const std::int64_t end = begin + kKeyTile;
    const bool in_place = count == kKeyTile && !plan_.fp8 && table.stretch_end(begin, end) == end;
    if (!in_place) load_keys(keys, table, begin, count);
    gemm_cpu(task.rows * plan_.heads, kKeyTile, plan_.dim, queries_, plan_.dim,
             in_place ? keys.row<float>(table.row(begin)) : keys_,
             in_place ? keys.stride(0) : plan_.dim, GemmWeight::rows_are_outputs, products_,
             kKeyTile);
    for (std::int64_t i = 0; i < task.rows; ++i) {
      const std::int64_t causal = std::min(count, task.position + i + 1 - begin);
      if (causal > 0) offer_row(task, i, begin, causal);
    }
  }

  /// Fills a tile, with zeros where keys end: a product of another width may round its last columns
  /// in another order, and equal keys would no longer tie.
  void load_keys(const ConstTensorView& keys, const BlockTable& table, std::int64_t begin,
                 std::int64_t count) {
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t row = table.row(begin + j);
      float* to = keys_ + j * plan_.dim;
      if (plan_.fp8) {
        math_.e4m3_to_f32(to, keys.row<std::uint8_t>(row), plan_.dim);
      } else {
        std::copy_n(keys.row<float>(row), plan_.dim, to);
      }
    }
    std::fill_n(keys_ + count * plan_.dim, (kKeyTile - count) * plan_.dim, 0.0f);
  }

  void offer_row(const Task& task, std::int64_t i, std::int64_t begin, std::int64_t count) {
    math_.relu_weighted_sum(scores_, products_ + i * plan_.heads * kKeyTile, kKeyTile,
                            args_.head_weights.row<float>(task.row + i), plan_.heads, count);
    if (plan_.fp8) {
      const float* scales = task.sequence->key_scales.data<float>();
      const BlockTable table(task.sequence->block_table);
      for (std::int64_t j = 0; j < count; ++j) scores_[j] *= scales[table.row(begin + j)];
    }
    candidates_[static_cast<std::size_t>(i)].push(scores_, begin, count);
  }

  const VectorMath& math_;
  const Plan& plan_;
  const IndexerTopkArgs& args_;
  float* queries_;
  float* keys_;
  float* products_;
  float* scores_;
  RankedKey* shared_ = nullptr;
  std::vector<RankedKey*> memory_;
  std::vector<TopkCandidates> candidates_;
};

void write_row(const IndexerTopkArgs& args, std::int64_t row, const RankedKey* keys,
               std::int64_t count) {
  const float margin =
      write_selection(keys, count, args.top_k, args.indices.row<std::int32_t>(row));
  if (!args.margins.empty()) args.margins.row<float>(row)[0] = margin;
}

void write_identity_rows(const IndexerTopkArgs& args, const SequenceSpan& span) {
  const std::int64_t rows = count_identity_rows(span, args.top_k);
  for (std::int64_t i = 0; i < rows; ++i) {
    auto* indices = args.indices.row<std::int32_t>(span.row_begin + i);
    const std::int64_t keys = span.first_position + i + 1;
    for (std::int64_t j = 0; j < keys; ++j) indices[j] = static_cast<std::int32_t>(j);
    std::fill(indices + keys, indices + args.top_k, -1);
    if (!args.margins.empty()) args.margins.row<float>(span.row_begin + i)[0] = kNoMargin;
  }
}

/// What the shares of split tasks leave for the merge: per row a count and up to `keep` candidates.
struct Slot {
  Slot(const Plan& plan, float* memory, std::int64_t slot)
      : keep(plan.keep),
        keys(reinterpret_cast<RankedKey*>(memory + slot * plan.slot_floats)),
        counts(reinterpret_cast<std::int32_t*>(keys + plan.query_tile * plan.keep)) {}

  void store(const std::vector<TopkCandidates>& rows) const {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      counts[i] = static_cast<std::int32_t>(rows[i].count());
      std::copy_n(rows[i].keys(), counts[i], row(static_cast<std::int64_t>(i)));
    }
  }
  RankedKey* row(std::int64_t i) const { return keys + i * keep; }

  std::int64_t keep;
  RankedKey* keys;
  std::int32_t* counts;
};

/// Joins the shares of one row, two at a time: each join is an exact cut to `keep`.
void merge_row(const Plan& plan, const IndexerTopkArgs& args, const Task& first, std::int64_t i,
               float* slots, RankedKey* joined, RankedKey* scratch) {
  std::int64_t count = 0;
  for (std::int64_t part = 0; part < first.parts; ++part) {
    const Slot slot(plan, slots, first.slot + part);
    std::copy_n(slot.row(i), slot.counts[i], joined + count);
    count += slot.counts[i];
    if (count > plan.keep) {
      keep_best(joined, count, plan.keep, scratch);
      count = plan.keep;
    }
  }
  write_row(args, first.row + i, joined, count);
}

}  // namespace

void indexer_topk_cpu(const Context& ctx, const IndexerTopkArgs& args) {
  const VectorMath& math = vector_math();
  const Plan plan(args, max_threads());
  float* scratch = ctx.workspace.take_floats(plan.threads * plan.thread_floats +
                                             plan.num_slots * plan.slot_floats);
  float* slots = scratch + plan.threads * plan.thread_floats;
  const auto num_tasks = static_cast<std::int64_t>(plan.tasks.size());
  for (const IndexerSequence& sequence : args.sequences) write_identity_rows(args, sequence.span);

#pragma omp parallel num_threads(static_cast <int>(plan.threads))
  {
    TaskScorer scorer(math, plan, args, scratch + thread_number() * plan.thread_floats);
#pragma omp for schedule(dynamic)
    for (std::int64_t t = 0; t < num_tasks; ++t) {
      const Task& task = plan.tasks[static_cast<std::size_t>(t)];
      scorer.run(task);
      if (task.parts > 1) {
        Slot(plan, slots, task.slot).store(scorer.candidates());
        continue;
      }
      for (std::int64_t i = 0; i < task.rows; ++i) {
        const TopkCandidates& row = scorer.candidates()[static_cast<std::size_t>(i)];
        write_row(args, task.row + i, row.keys(), row.count());
      }
    }
  }
  for (const Task& task : plan.tasks) {
    if (task.parts == 1 || task.part != 0) continue;
    auto* joined = reinterpret_cast<RankedKey*>(scratch);
    for (std::int64_t i = 0; i < task.rows; ++i) {
      merge_row(plan, args, task, i, slots, joined, joined + plan.candidate_floats / 2);
    }
  }
  ++*args.run_counter;
}

}  // namespace dsabench::ops::detail
