#pragma once
/// The CUDA bodies of the operators: arguments already checked by <op>.cpp, asynchronous on
/// ctx.stream. Builds without CUDA have cuda_absent.cpp in their place, where each throws
/// UnsupportedDevice.
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops::detail {

void add_cuda(const Context& ctx, const AddArgs& args);
void append_index_keys_cuda(const Context& ctx, const AppendIndexKeysArgs& args);
void append_latents_cuda(const Context& ctx, const AppendLatentsArgs& args);
void argmax_cuda(const Context& ctx, const ArgmaxArgs& args);
void copy_rows_cuda(const Context& ctx, const CopyRowsArgs& args);
void dense_mla_cuda(const Context& ctx, const DenseMlaArgs& args);
void dequantize_fp8_cuda(const Context& ctx, const DequantizeFp8Args& args);
void embedding_cuda(const Context& ctx, const EmbeddingArgs& args);
void fill_normal_cuda(const Context& ctx, const FillNormalArgs& args);
void hadamard_cuda(const Context& ctx, const HadamardArgs& args);
void head_linear_cuda(const Context& ctx, const HeadLinearArgs& args);
void indexer_topk_cuda(const Context& ctx, const IndexerTopkArgs& args);
void layer_norm_cuda(const Context& ctx, const LayerNormArgs& args);
void linear_cuda(const Context& ctx, const LinearArgs& args);
void moe_experts_cuda(const Context& ctx, const MoeExpertsArgs& args);
void moe_router_cuda(const Context& ctx, const MoeRouterArgs& args);
void quantize_fp8_cuda(const Context& ctx, const QuantizeFp8Args& args);
void rms_norm_cuda(const Context& ctx, const RmsNormArgs& args);
void rope_angles_cuda(const Context& ctx, const RopeAnglesArgs& args);
void rope_cuda(const Context& ctx, const RopeArgs& args);
void scale_cuda(const Context& ctx, const ScaleArgs& args);
void sparse_mla_cuda(const Context& ctx, const SparseMlaArgs& args);
void swiglu_cuda(const Context& ctx, const SwigluArgs& args);

}  // namespace dsabench::ops::detail
