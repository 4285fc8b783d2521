#pragma once
/// What an indexer's training does to each row of [queries, keys] matrices, on CUDA: each of these
/// is one kernel in place of five to ten, which would each go over all of them in memory.
///
/// A row is one query's, row r of a batch the query r % length, and sees keys 0 to that. Matrices
/// lie row by row without gaps, `mask` has one byte a key. Pointers are the device's; T is float or
/// cuda::Bf16. Calls only launch; what they return is the launch's error.
#include <cuda_runtime_api.h>

#include <cstdint>

namespace dsabench::cuda {
struct Bf16;  // kernels/cuda/numeric.cuh
}

namespace dsabench::train {

struct Rows {
  std::int64_t count = 0;   ///< batch * length
  std::int64_t length = 0;  ///< keys, even and at most kLongestRow
  cudaStream_t stream = nullptr;
};
inline constexpr std::int64_t kLongestRow = 1024;

/// scores[r][j] = sum over heads of weights[r][h] * max(products[r][h][j], 0); zero behind the
/// query.
template <class T>
cudaError_t weighted_relu_rows(const Rows& rows, const T* products, const T* weights,
                               std::int64_t heads, float* scores);
/// Of the same, given the gradient of scores.
template <class T>
cudaError_t weighted_relu_gradient_rows(const Rows& rows, const T* products, const T* weights,
                                        std::int64_t heads, const float* gradient, T* of_products,
                                        T* of_weights);
/// 1 for the `top_k` highest scores among the keys that a query sees, equal ones by lower index.
cudaError_t select_rows(const Rows& rows, const float* scores, std::int64_t top_k,
                        std::uint8_t* mask);
/// p = mean over heads of softmax(scale * products[b][h][q][j]) over the keys of the mask, whose
/// rows are those of one sequence for all where `one_mask`.
template <class T>
cudaError_t mean_softmax_rows(const Rows& rows, const T* products, std::int64_t heads, float scale,
                              const std::uint8_t* mask, bool one_mask, float* p);
/// losses[r] = KL(p || softmax of scores over the mask), and its gradient in scores. p sums to 1.
cudaError_t divergence_rows(const Rows& rows, const float* scores, const std::uint8_t* mask,
                            bool one_mask, const float* p, float* losses, float* gradient);

}  // namespace dsabench::train
