#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/mla_softmax.h"
#include "kernels/ops/sparse_mla.h"
#include "kernels/ops/threads.h"

namespace dsabench::ops::detail {
namespace {

/// Keys gathered at a time: with the heads of one query few enough for OpenBLAS's kernels that do
/// not pack, which pays for itself while a tile meets a few dozen heads.
constexpr std::int64_t kPickTile = 64;
/// Calls of fewer tokens (decoding) give each query to several threads, in shares of this many
/// picks. The rule looks at the call alone: the same call sums in the same order on any machine.
constexpr std::int64_t kSplitBelowTokens = 8;
constexpr std::int64_t kSplitPicks = 512;

constexpr std::int64_t kLine = 16;

std::int64_t round_up(std::int64_t value) { return (value + kLine - 1) / kLine * kLine; }

struct Query {
  const LatentSequence* sequence;
  std::int64_t row;
};

struct Shape {
  explicit Shape(const SparseMlaArgs& args)
      : heads(args.q_latent.dim(1)),
        latent(args.q_latent.dim(2)),
        rope(args.q_rope.dim(2)),
        top_k(args.indices.dim(1)),
        split_picks(top_k) {
    for (const LatentSequence& sequence : args.sequences) {
      for (std::int64_t i = 0; i < sequence.span.num_rows; ++i) {
        queries.push_back({&sequence, sequence.span.row_begin + i});
      }
    }
    if (std::cmp_less(queries.size(), kSplitBelowTokens)) {
      split_picks = std::min(top_k, kSplitPicks);
    }
    splits = top_k == 0 ? 1 : (top_k + split_picks - 1) / split_picks;
    query_floats = round_up(heads * (latent + rope));
    gather_floats = round_up(kPickTile * (latent + rope));
    score_floats = round_up(heads * kPickTile);
    state_floats = round_up(MlaState::floats(heads, latent));
    thread_floats = query_floats + gather_floats + score_floats + state_floats;
  }

  std::int64_t heads, latent, rope, top_k, split_picks, splits = 1;
  std::int64_t query_floats, gather_floats, score_floats, state_floats, thread_floats;
  std::vector<Query> queries;
};

/// Feeds picks [begin, end) of one query to `state`.
void attend_picks(const VectorMath& math, const Shape& shape, const SparseMlaArgs& args,
                  const Query& query, std::int64_t begin, std::int64_t end, float* scratch,
                  MlaState& state) {
  const std::int64_t key_dim = shape.latent + shape.rope;
  float* queries = scratch;
  float* gathered = queries + shape.query_floats;
  const MlaTile tile{&math, queries, key_dim, gathered + shape.gather_floats};
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    load_mla_query(math, args.q_latent.row<float>(query.row) + h * args.q_latent.stride(1),
                   shape.latent, args.q_rope.row<float>(query.row) + h * args.q_rope.stride(1),
                   shape.rope, args.scale, queries + h * key_dim);
  }
  state.reset();
  const auto* picks = args.indices.row<std::int32_t>(query.row);
  const BlockTable table(query.sequence->block_table);
  std::int64_t count = 0;
  for (std::int64_t j = begin; j < end; ++j) {
    if (picks[j] >= 0) {
      load_latents(math, query.sequence->latents, table.row(picks[j]), shape.latent, shape.rope,
                   gathered + count * key_dim);
      ++count;
    }
    if (count == kPickTile || (count > 0 && j + 1 == end)) {
      tile.attend(state, {gathered, key_dim, count}, count, shape.heads);
      count = 0;
    }
  }
}

void write_query(const VectorMath& math, const Shape& shape, const SparseMlaArgs& args,
                 const Query& query, const MlaState& state) {
  const auto* picks = args.indices.row<std::int32_t>(query.row);
  const bool selects =
      std::any_of(picks, picks + shape.top_k, [](std::int32_t pick) { return pick >= 0; });
  for (std::int64_t h = 0; h < shape.heads; ++h) {
    state.write_row(math, h, selects, args.out.row<float>(query.row) + h * args.out.stride(1));
  }
}

}  // namespace

void sparse_mla_cpu(const Context& ctx, const SparseMlaArgs& args) {
  const VectorMath& math = vector_math();
  const Shape shape(args);
  const std::int64_t threads = max_threads();
  const auto num_queries = static_cast<std::int64_t>(shape.queries.size());
  const std::int64_t num_shares = shape.splits > 1 ? num_queries * shape.splits : 0;
  float* scratch =
      ctx.workspace.take_floats(threads * shape.thread_floats + num_shares * shape.state_floats);
  float* shares = scratch + threads * shape.thread_floats;

#pragma omp parallel for schedule(dynamic)
  for (std::int64_t t = 0; t < num_queries * shape.splits; ++t) {
    const Query& query = shape.queries[static_cast<std::size_t>(t / shape.splits)];
    const std::int64_t begin = t % shape.splits * shape.split_picks;
    const std::int64_t end = std::min(shape.top_k, begin + shape.split_picks);
    float* own = scratch + thread_number() * shape.thread_floats;
    float* memory = shape.splits > 1 ? shares + t * shape.state_floats
                                     : own + shape.thread_floats - shape.state_floats;
    MlaState state(memory, shape.heads, shape.latent);
    attend_picks(math, shape, args, query, begin, end, own, state);
    if (shape.splits == 1) write_query(math, shape, args, query, state);
  }
  for (std::int64_t t = 0; t < num_shares; t += shape.splits) {
    MlaState state(shares + t * shape.state_floats, shape.heads, shape.latent);
    for (std::int64_t split = 1; split < shape.splits; ++split) {
      state.merge(math, {shares + (t + split) * shape.state_floats, shape.heads, shape.latent});
    }
    write_query(math, shape, args, shape.queries[static_cast<std::size_t>(t / shape.splits)],
                state);
  }
}

}  // namespace dsabench::ops::detail
