#include "kernels/ops/indexer_topk.h"

#include <vector>

#include "kernels/base/check.h"
#include "kernels/ops/check_span.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops {
namespace {

constexpr std::string_view kName = "indexer_topk";

void check_sequence(const Context& ctx, const IndexerTopkArgs& args, std::size_t index) {
  const IndexerSequence& sequence = args.sequences[index];
  const DType dtype = args.q.dtype();
  if (sequence.span.num_rows == 0) return;
  check_tensor(ctx, kName, fmt::format("keys of sequence {}", index), sequence.keys, dtype,
               {kAnySize, args.q.dim(2)});
  const std::int64_t cached = sequence.keys.dim(0);
  check_cached(ctx, kName, index, sequence.span, args.q.dim(0), sequence.block_table, cached);
  if (dtype != DType::f8_e4m3) {
    if (!sequence.key_scales.empty()) {
      throw InvalidArgument(fmt::format("{}: sequence {} has key_scales beside {} keys", kName,
                                        index, dtype_name(dtype)));
    }
    return;
  }
  check_tensor(ctx, kName, fmt::format("key_scales of sequence {}", index), sequence.key_scales,
               DType::f32, {kAnySize});
  const std::int64_t scales = sequence.block_table.empty() ? sequence.span.end_position() : cached;
  if (sequence.key_scales.dim(0) < scales) {
    throw InvalidArgument(fmt::format("{}: sequence {} needs {} key_scales, has {}", kName, index,
                                      scales, sequence.key_scales.dim(0)));
  }
}

/// Every row a sequence of its own, where `positions` says that it stands.
std::vector<IndexerSequence> placed_rows(const IndexerTopkArgs& args) {
  std::vector<IndexerSequence> rows;
  for (const IndexerSequence& sequence : args.sequences) {
    const SequenceSpan& span = sequence.span;
    for (std::int64_t i = 0; i < span.num_rows; ++i) {
      rows.push_back(sequence);
      rows.back().span = {span.row_begin + i, 1, checked_position(kName, args.positions, span, i)};
    }
  }
  return rows;
}

}  // namespace

void indexer_topk(const Context& ctx, const IndexerTopkArgs& args) {
  const DType dtype =
      args.q.dtype() == DType::f8_e4m3 ? DType::f8_e4m3 : activation_dtype(ctx, args.q);
  check_tensor(ctx, kName, "q", args.q, dtype, {kAnySize, kAnySize, kAnySize});
  const std::int64_t tokens = args.q.dim(0), heads = args.q.dim(1);
  if (args.top_k < 1) throw InvalidArgument(fmt::format("{}: top_k is {}", kName, args.top_k));
  if (heads < 1 || args.q.dim(2) < 1) {
    throw InvalidArgument(fmt::format("{}: q has no heads: {}", kName, args.q.shape_string()));
  }
  check_tensor(ctx, kName, "head_weights", args.head_weights, DType::f32, {tokens, heads});
  check_tensor(ctx, kName, "indices", args.indices, DType::i32, {tokens, args.top_k});
  if (!args.margins.empty()) {
    check_tensor(ctx, kName, "margins", args.margins, DType::f32, {tokens});
  }
  if (args.run_counter == nullptr) throw InvalidArgument("indexer_topk: run_counter is null");
  for (std::size_t i = 0; i < args.sequences.size(); ++i) check_sequence(ctx, args, i);

  if (!args.positions.empty()) {
    check_tensor(ctx, kName, "positions", args.positions, DType::i32, {tokens});
  }
  if (ctx.device.is_cpu()) {
    if (args.positions.empty()) return detail::indexer_topk_cpu(ctx, args);
    const std::vector<IndexerSequence> rows = placed_rows(args);
    IndexerTopkArgs placed = args;
    placed.sequences = rows;
    return detail::indexer_topk_cpu(ctx, placed);
  }
  detail::indexer_topk_cuda(ctx, args);
}

}  // namespace dsabench::ops
