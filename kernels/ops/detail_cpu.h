#pragma once
/// The CPU bodies of the operators: float32, arguments already checked by <op>.cpp.
#include "kernels/base/context.h"

namespace dsabench::ops {

struct AddArgs;
struct AppendIndexKeysArgs;
struct AppendLatentsArgs;
struct ArgmaxArgs;
struct CopyRowsArgs;
struct DenseMlaArgs;
struct DequantizeFp8Args;
struct EmbeddingArgs;
struct FillNormalArgs;
struct HadamardArgs;
struct HeadLinearArgs;
struct IndexerTopkArgs;
struct LayerNormArgs;
struct LinearArgs;
struct MoeExpertsArgs;
struct MoeRouterArgs;
struct QuantizeFp8Args;
struct RmsNormArgs;
struct RopeAnglesArgs;
struct RopeArgs;
struct SampleArgs;
struct ScaleArgs;
struct SparseMlaArgs;
struct SwigluArgs;

namespace detail {

/// Elements below which a loop stays on one thread: waking the others costs more than the work.
inline constexpr std::int64_t kMinParallelElements = 32768;

void add_cpu(const AddArgs& args);
void append_index_keys_cpu(const Context& ctx, const AppendIndexKeysArgs& args);
void append_latents_cpu(const Context& ctx, const AppendLatentsArgs& args);
void argmax_cpu(const ArgmaxArgs& args);
void copy_rows_cpu(const CopyRowsArgs& args);
void dense_mla_cpu(const Context& ctx, const DenseMlaArgs& args);
void dequantize_fp8_cpu(const DequantizeFp8Args& args);
void embedding_cpu(const EmbeddingArgs& args);
void fill_normal_cpu(const FillNormalArgs& args);
void hadamard_cpu(const HadamardArgs& args);
void head_linear_cpu(const HeadLinearArgs& args);
void indexer_topk_cpu(const Context& ctx, const IndexerTopkArgs& args);
void layer_norm_cpu(const LayerNormArgs& args);
void linear_cpu(const LinearArgs& args);
void moe_experts_cpu(const Context& ctx, const MoeExpertsArgs& args);
void moe_router_cpu(const MoeRouterArgs& args);
void quantize_fp8_cpu(const QuantizeFp8Args& args);
void rms_norm_cpu(const RmsNormArgs& args);
void rope_angles_cpu(const RopeAnglesArgs& args);
void rope_cpu(const RopeArgs& args);
void sample_cpu(const Context& ctx, const SampleArgs& args);
void scale_cpu(const ScaleArgs& args);
void sparse_mla_cpu(const Context& ctx, const SparseMlaArgs& args);
void swiglu_cpu(const SwigluArgs& args);

}  // namespace detail
}  // namespace dsabench::ops
