#pragma once
/// Between LibTorch's tensors and dsabench's.
#include <vector>

#include "kernels/base/tensor_view.h"
#include "train/tensors.h"

namespace dsabench::test {

/// A tensor's elements, wherever they are.
inline std::vector<double> doubles(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kCPU, at::kDouble).contiguous().view(-1);
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

/// One sequence [1, tokens].
inline at::Tensor token_tensor(const std::vector<std::int32_t>& tokens) {
  at::Tensor tensor = at::empty({1, std::ssize(tokens)}, at::kLong);
  std::copy(tokens.begin(), tokens.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
}

/// The mean over all tokens but the first of each sequence: weights of a language loss.
inline at::Tensor equal_weights(const at::Tensor& tokens) {
  return at::full(tokens.sizes(), 1.0 / double(tokens.size(0) * (tokens.size(1) - 1)), at::kFloat);
}

}  // namespace dsabench::test
