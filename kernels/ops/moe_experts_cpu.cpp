#include <algorithm>
#include <vector>

#include "kernels/ops/detail_cpu.h"
#include "kernels/ops/gemm_cpu.h"
#include "kernels/ops/moe_experts.h"
#include "kernels/ops/threads.h"
#include "kernels/simd/vector_math.h"

namespace dsabench::ops::detail {
namespace {

/// Scratch that a call may take: more tokens than fit are worked off in groups.
constexpr std::int64_t kMaxScratchFloats = 16 << 20;
constexpr std::int64_t kMinGroupTokens = 64;
/// Size of one task: rows of one expert times outputs.
constexpr std::int64_t kRowBlock = 256;
constexpr std::int64_t kColumnBlock = 512;

/// The (token, slot) pairs of some tokens, sorted by expert: rows [begin[e], begin[e + 1]) of the
/// gathered matrices belong to expert e, in order of token.
struct Assignment {
  Assignment(const MoeExpertsArgs& args, std::int64_t first, std::int64_t count)
      : first_token(first), tokens(count), top_n(args.experts.dim(1)) {
    const auto num_experts = static_cast<std::size_t>(args.down.dim(0));
    begin.assign(num_experts + 1, 0);
    token_of.resize(static_cast<std::size_t>(count * top_n));
    row_of.resize(token_of.size());
    for (std::int64_t i = 0; i < count * top_n; ++i) ++begin[expert_of(args, i) + 1];
    for (std::size_t e = 0; e < num_experts; ++e) begin[e + 1] += begin[e];
    std::vector<std::int64_t> next(begin.begin(), begin.end() - 1);
    for (std::int64_t i = 0; i < count * top_n; ++i) {
      const std::int64_t row = next[expert_of(args, i)]++;
      token_of[static_cast<std::size_t>(row)] = first + i / top_n;
      row_of[static_cast<std::size_t>(i)] = row;
    }
  }

  std::size_t expert_of(const MoeExpertsArgs& args, std::int64_t pair) const {
    return static_cast<std::size_t>(
        args.experts.row<std::int32_t>(first_token + pair / top_n)[pair % top_n]);
  }
  std::int64_t rows() const { return tokens * top_n; }

  std::int64_t first_token, tokens, top_n;
  std::vector<std::int64_t> begin;     ///< [num_experts + 1]
  std::vector<std::int64_t> token_of;  ///< [rows]
  std::vector<std::int64_t> row_of;    ///< [tokens * top_n]
};

struct Task {
  std::int64_t expert, row, rows, column, columns;
};

/// Blocks of every expert's rows times blocks of `outputs` columns. The blocks are the same however
/// many threads share them.
std::vector<Task> block_tasks(const Assignment& assignment, std::int64_t outputs) {
  std::vector<Task> tasks;
  for (std::size_t e = 0; e + 1 < assignment.begin.size(); ++e) {
    const std::int64_t end = assignment.begin[e + 1];
    for (std::int64_t row = assignment.begin[e]; row < end; row += kRowBlock) {
      for (std::int64_t column = 0; column < outputs; column += kColumnBlock) {
        tasks.push_back({static_cast<std::int64_t>(e), row, std::min(kRowBlock, end - row), column,
                         std::min(kColumnBlock, outputs - column)});
      }
    }
  }
  return tasks;
}

/// active[row, column..] = silu(gate x) * up x for one block; `scratch` holds both products.
void gate_up_block(const VectorMath& math, const MoeExpertsArgs& args, const Task& task,
                   const float* gathered, float* active, float* scratch) {
  const std::int64_t hidden = args.x.dim(1), intermediate = args.down.dim(2);
  const float* weight = args.gate_up.row<float>(task.expert);
  const std::int64_t stride = args.gate_up.stride(1);
  float* gate = scratch;
  float* up = scratch + kRowBlock * kColumnBlock;
  const float* x = gathered + task.row * hidden;
  gemm_cpu(task.rows, task.columns, hidden, x, hidden, weight + task.column * stride, stride,
           GemmWeight::rows_are_outputs, gate, task.columns);
  gemm_cpu(task.rows, task.columns, hidden, x, hidden,
           weight + (intermediate + task.column) * stride, stride, GemmWeight::rows_are_outputs, up,
           task.columns);
  for (std::int64_t i = 0; i < task.rows; ++i) {
    math.silu_mul(active + (task.row + i) * intermediate + task.column, gate + i * task.columns,
                  up + i * task.columns, task.columns);
  }
}

void down_block(const MoeExpertsArgs& args, const Task& task, const float* active, float* results) {
  const std::int64_t hidden = args.x.dim(1), intermediate = args.down.dim(2);
  const std::int64_t stride = args.down.stride(1);
  gemm_cpu(task.rows, task.columns, intermediate, active + task.row * intermediate, intermediate,
           args.down.row<float>(task.expert) + task.column * stride, stride,
           GemmWeight::rows_are_outputs, results + task.row * hidden + task.column, hidden);
}

void combine(const VectorMath& math, const MoeExpertsArgs& args, const Assignment& assignment,
             const float* results, std::int64_t token) {
  const std::int64_t hidden = args.x.dim(1), top_n = assignment.top_n;
  const std::int64_t first_pair = (token - assignment.first_token) * top_n;
  float* out = args.out.row<float>(token);
  std::fill_n(out, hidden, 0.0f);
  for (std::int64_t n = 0; n < top_n; ++n) {
    const std::int64_t row = assignment.row_of[static_cast<std::size_t>(first_pair + n)];
    math.axpy(out, args.weights.row<float>(token)[n], results + row * hidden, hidden);
  }
}

/// Scratch of a group: gathered inputs, which the results then overwrite, and activations; beside
/// them two products for each thread.
void run_group(const VectorMath& math, const MoeExpertsArgs& args, const Assignment& assignment,
               float* scratch) {
  const std::int64_t hidden = args.x.dim(1), intermediate = args.down.dim(2);
  const std::int64_t rows = assignment.rows();
  float* gathered = scratch;
  float* active = gathered + rows * hidden;
  float* products = active + rows * intermediate;
  const std::vector<Task> up_tasks = block_tasks(assignment, intermediate);
  const std::vector<Task> down_tasks = block_tasks(assignment, hidden);
#pragma omp parallel
  {
    float* own = products + thread_number() * 2 * kRowBlock * kColumnBlock;
#pragma omp for
    for (std::int64_t row = 0; row < rows; ++row) {
      std::copy_n(args.x.row<float>(assignment.token_of[static_cast<std::size_t>(row)]), hidden,
                  gathered + row * hidden);
    }
#pragma omp for schedule(dynamic)
    for (std::size_t t = 0; t < up_tasks.size(); ++t) {
      gate_up_block(math, args, up_tasks[t], gathered, active, own);
    }
#pragma omp for schedule(dynamic)
    for (std::size_t t = 0; t < down_tasks.size(); ++t) {
      down_block(args, down_tasks[t], active, gathered);
    }
#pragma omp for
    for (std::int64_t t = 0; t < assignment.tokens; ++t) {
      combine(math, args, assignment, gathered, assignment.first_token + t);
    }
  }
}

}  // namespace

void moe_experts_cpu(const Context& ctx, const MoeExpertsArgs& args) {
  const VectorMath& math = vector_math();
  const std::int64_t tokens = args.x.dim(0), top_n = args.experts.dim(1);
  const std::int64_t row_floats = args.x.dim(1) + args.down.dim(2);
  const std::int64_t most = kMaxScratchFloats / std::max<std::int64_t>(1, top_n * row_floats);
  const std::int64_t group = std::min(tokens, std::max(kMinGroupTokens, most));
  float* scratch = ctx.workspace.take_floats(group * top_n * row_floats +
                                             max_threads() * 2 * kRowBlock * kColumnBlock);
  for (std::int64_t first = 0; first < tokens; first += group) {
    const Assignment assignment(args, first, std::min(group, tokens - first));
    run_group(math, args, assignment, scratch);
    if (args.load.empty()) continue;
    auto* load = args.load.data<std::int64_t>();
    for (std::size_t e = 0; e + 1 < assignment.begin.size(); ++e) {
      load[e] += assignment.begin[e + 1] - assignment.begin[e];
    }
  }
}

}  // namespace dsabench::ops::detail
