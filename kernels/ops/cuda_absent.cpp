#include "kernels/base/check.h"
#include "kernels/ops/detail_cuda.h"

namespace dsabench::ops::detail {

void add_cuda(const Context& ctx, const AddArgs&) { throw_unsupported_device("add", ctx); }
void append_index_keys_cuda(const Context& ctx, const AppendIndexKeysArgs&) {
  throw_unsupported_device("append_index_keys", ctx);
}
void append_latents_cuda(const Context& ctx, const AppendLatentsArgs&) {
  throw_unsupported_device("append_latents", ctx);
}
void argmax_cuda(const Context& ctx, const ArgmaxArgs&) { throw_unsupported_device("argmax", ctx); }
void copy_rows_cuda(const Context& ctx, const CopyRowsArgs&) {
  throw_unsupported_device("copy_rows", ctx);
}
void dense_mla_cuda(const Context& ctx, const DenseMlaArgs&) {
  throw_unsupported_device("dense_mla", ctx);
}
void dequantize_fp8_cuda(const Context& ctx, const DequantizeFp8Args&) {
  throw_unsupported_device("dequantize_fp8", ctx);
}
void embedding_cuda(const Context& ctx, const EmbeddingArgs&) {
  throw_unsupported_device("embedding", ctx);
}
void fill_normal_cuda(const Context& ctx, const FillNormalArgs&) {
  throw_unsupported_device("fill_normal", ctx);
}
void hadamard_cuda(const Context& ctx, const HadamardArgs&) {
  throw_unsupported_device("hadamard", ctx);
}
void head_linear_cuda(const Context& ctx, const HeadLinearArgs&) {
  throw_unsupported_device("head_linear", ctx);
}
void indexer_topk_cuda(const Context& ctx, const IndexerTopkArgs&) {
  throw_unsupported_device("indexer_topk", ctx);
}
void layer_norm_cuda(const Context& ctx, const LayerNormArgs&) {
  throw_unsupported_device("layer_norm", ctx);
}
void linear_cuda(const Context& ctx, const LinearArgs&) { throw_unsupported_device("linear", ctx); }
void moe_experts_cuda(const Context& ctx, const MoeExpertsArgs&) {
  throw_unsupported_device("moe_experts", ctx);
}
void moe_router_cuda(const Context& ctx, const MoeRouterArgs&) {
  throw_unsupported_device("moe_router", ctx);
}
void quantize_fp8_cuda(const Context& ctx, const QuantizeFp8Args&) {
  throw_unsupported_device("quantize_fp8", ctx);
}
void rms_norm_cuda(const Context& ctx, const RmsNormArgs&) {
  throw_unsupported_device("rms_norm", ctx);
}
void rope_angles_cuda(const Context& ctx, const RopeAnglesArgs&) {
  throw_unsupported_device("rope_angles", ctx);
}
void rope_cuda(const Context& ctx, const RopeArgs&) { throw_unsupported_device("rope", ctx); }
void scale_cuda(const Context& ctx, const ScaleArgs&) { throw_unsupported_device("scale", ctx); }
void sparse_mla_cuda(const Context& ctx, const SparseMlaArgs&) {
  throw_unsupported_device("sparse_mla", ctx);
}
void swiglu_cuda(const Context& ctx, const SwigluArgs&) { throw_unsupported_device("swiglu", ctx); }

}  // namespace dsabench::ops::detail
