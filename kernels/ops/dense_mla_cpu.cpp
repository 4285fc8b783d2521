#include <algorithm>
#include <vector>

#include "kernels/ops/dense_mla.h"
#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/mla_softmax.h"
#include "kernels/ops/threads.h"

namespace dsabench::ops::detail {
namespace {

constexpr std::int64_t kKeyTile = 256;
/// (query, head) rows attended together: queries, sums and scores stay in the second-level cache.
constexpr std::int64_t kTileRows = 192;
/// Calls of fewer tokens (decoding) give each query to several threads, in at most kMaxSplits
/// shares of its keys. The rule looks at the call alone: the same call sums in the same order on
/// any machine.
constexpr std::int64_t kSplitBelowTokens = 8;
constexpr std::int64_t kMinSplitKeys = 8 * kKeyTile;
constexpr std::int64_t kMaxSplits = 32;

constexpr std::int64_t kLine = 16;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Neighbouring queries of one sequence over keys [key_begin, key_end).
struct Task {
  const LatentSequence* sequence;
  std::int64_t row, position, rows;
  std::int64_t key_begin, key_end;
  std::int64_t splits = 1, split = 0;
};

struct Plan {
  explicit Plan(const DenseMlaArgs& args)
      : heads(args.q_latent.dim(1)), latent(args.q_latent.dim(2)), rope(args.q_rope.dim(2)) {
    query_tile = std::clamp<std::int64_t>(kTileRows / std::max<std::int64_t>(heads, 1), 1, 32);
    std::int64_t tokens = 0;
    for (const LatentSequence& sequence : args.sequences) tokens += sequence.span.num_rows;
    const bool split = tokens < kSplitBelowTokens;
    if (split) query_tile = 1;
    for (const LatentSequence& sequence : args.sequences) add_tasks(sequence, split);
    // Later queries have more keys: the longest tasks go first, so that none is left for the end.
    if (!split) {
      std::stable_sort(tasks.begin(), tasks.end(),
                       [](const Task& a, const Task& b) { return a.key_end > b.key_end; });
    }
    query_floats = round_up(query_tile * heads * (latent + rope), kLine);
    gather_floats = round_up(kKeyTile * (latent + rope), kLine);
    score_floats = round_up(query_tile * heads * kKeyTile, kLine);
    state_floats = round_up(MlaState::floats(query_tile * heads, latent), kLine);
    num_shares = split ? static_cast<std::int64_t>(tasks.size()) : 0;
    thread_floats = query_floats + gather_floats + score_floats + state_floats;
  }

  void add_tasks(const LatentSequence& sequence, bool split) {
    const SequenceSpan& span = sequence.span;
    for (std::int64_t i = 0; i < span.num_rows; i += query_tile) {
      Task task{&sequence,
                span.row_begin + i,
                span.first_position + i,
                std::min(query_tile, span.num_rows - i),
                0,
                0};
      const std::int64_t keys = task.position + task.rows;
      const std::int64_t length =
          split ? std::max(kMinSplitKeys, round_up((keys + kMaxSplits - 1) / kMaxSplits, kKeyTile))
                : keys;
      task.splits = (keys + length - 1) / length;
      for (task.split = 0; task.split < task.splits; ++task.split) {
        task.key_begin = task.split * length;
        task.key_end = std::min(keys, task.key_begin + length);
        tasks.push_back(task);
      }
    }
  }

  std::int64_t heads, latent, rope, query_tile;
  std::int64_t query_floats, gather_floats, score_floats, state_floats, thread_floats, num_shares;
  std::vector<Task> tasks;
};

/// Keys [begin, begin + count): in place where f32 rows follow each other, else brought together,
/// which changes no bit of a product.
MlaKeys tile_keys(const VectorMath& math, const Plan& plan, const LatentSequence& sequence,
                  std::int64_t begin, std::int64_t count, float* gathered) {
  const ConstTensorView& latents = sequence.latents;
  const std::int64_t key_dim = plan.latent + plan.rope;
  const BlockTable table(sequence.block_table);
  if (latents.dtype() == DType::f32 && table.stretch_end(begin, begin + count) == begin + count) {
    return {latents.row<float>(table.row(begin)), latents.stride(0), count};
  }
  for (std::int64_t j = 0; j < count; ++j) {
    load_latents(math, latents, table.row(begin + j), plan.latent, plan.rope,
                 gathered + j * key_dim);
  }
  return {gathered, key_dim, count};
}

void attend_task(const VectorMath& math, const Plan& plan, const DenseMlaArgs& args,
                 const Task& task, float* scratch, MlaState& state) {
  const std::int64_t key_dim = plan.latent + plan.rope;
  for (std::int64_t i = 0; i < task.rows * plan.heads; ++i) {
    const std::int64_t row = task.row + i / plan.heads, h = i % plan.heads;
    load_mla_query(math, args.q_latent.row<float>(row) + h * args.q_latent.stride(1), plan.latent,
                   args.q_rope.row<float>(row) + h * args.q_rope.stride(1), plan.rope, args.scale,
                   scratch + i * key_dim);
  }
  state.reset();
  float* gathered = scratch + plan.query_floats;
  const MlaTile tile{&math, scratch, key_dim, gathered + plan.gather_floats};
  for (std::int64_t begin = task.key_begin; begin < task.key_end; begin += kKeyTile) {
    const std::int64_t count = std::min(kKeyTile, task.key_end - begin);
    tile.attend(state, tile_keys(math, plan, *task.sequence, begin, count, gathered),
                task.position + 1 - begin, plan.heads);
  }
}

void write_task(const VectorMath& math, const Plan& plan, const DenseMlaArgs& args,
                const Task& task, const MlaState& state) {
  for (std::int64_t i = 0; i < task.rows * plan.heads; ++i) {
    float* out = args.out.row<float>(task.row + i / plan.heads);
    state.write_row(math, i, true, out + i % plan.heads * args.out.stride(1));
  }
}

}  // namespace

void dense_mla_cpu(const Context& ctx, const DenseMlaArgs& args) {
  const VectorMath& math = vector_math();
  const Plan plan(args);
  const std::int64_t threads = max_threads();
  const auto num_tasks = static_cast<std::int64_t>(plan.tasks.size());
  float* scratch =
      ctx.workspace.take_floats(threads * plan.thread_floats + plan.num_shares * plan.state_floats);
  float* shares = scratch + threads * plan.thread_floats;

#pragma omp parallel for schedule(dynamic)
  for (std::int64_t t = 0; t < num_tasks; ++t) {
    const Task& task = plan.tasks[static_cast<std::size_t>(t)];
    float* own = scratch + thread_number() * plan.thread_floats;
    float* memory = plan.num_shares > 0 ? shares + t * plan.state_floats
                                        : own + plan.thread_floats - plan.state_floats;
    MlaState state(memory, task.rows * plan.heads, plan.latent);
    attend_task(math, plan, args, task, own, state);
    if (plan.num_shares == 0) write_task(math, plan, args, task, state);
  }
  for (std::int64_t t = 0; t < plan.num_shares;) {
    const Task& task = plan.tasks[static_cast<std::size_t>(t)];
    MlaState state(shares + t * plan.state_floats, task.rows * plan.heads, plan.latent);
    for (std::int64_t split = 1; split < task.splits; ++split) {
      state.merge(math, {shares + (t + split) * plan.state_floats, state.rows, plan.latent});
    }
    write_task(math, plan, args, task, state);
    t += task.splits;
  }
}

}  // namespace dsabench::ops::detail
