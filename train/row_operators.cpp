#include "train/row_operators.h"

#include "train/layer_math.h"

#ifdef DSABENCH_TRAIN_CUDA
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/csrc/autograd/custom_function.h>

#include "train/row_kernels.h"
#endif

namespace dsabench::train {

#ifdef DSABENCH_TRAIN_CUDA
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Whether there are kernels for matrices whose last dimension are these keys.
bool has_kernels(const at::Tensor& matrices) {
  const std::int64_t length = matrices.size(-1);
  const auto type = matrices.scalar_type();
  return matrices.is_cuda() && length % 2 == 0 && length <= kLongestRow &&
         (type == at::kFloat || type == at::kBFloat16);
}

Rows rows_of(std::int64_t count, std::int64_t length) {
  return {count, length, c10::cuda::getCurrentCUDAStream().stream()};
}

/// Calls run(null pointer of the tensor's element type).
template <class Run>
void by_type(const at::Tensor& tensor, Run run) {
  if (tensor.scalar_type() == at::kFloat) {
    run(static_cast<float*>(nullptr));
  } else {
    run(static_cast<cuda::Bf16*>(nullptr));
  }
}

template <class T>
T* data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

struct Mask {
  explicit Mask(const at::Tensor& bools)
      : one(bools.size(0) == 1 || bools.stride(0) == 0),
        rows(one ? bools.select(0, 0).contiguous() : bools.contiguous()) {}
  const std::uint8_t* data() const { return static_cast<const std::uint8_t*>(rows.data_ptr()); }

  bool one;  ///< of one sequence for all
  at::Tensor rows;
};

struct WeightedRelu : torch::autograd::Function<WeightedRelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& all_products,
                            const at::Tensor& all_weights) {
    const at::Tensor products = all_products.contiguous(), weights = all_weights.contiguous();
    context->save_for_backward({products, weights});
    const std::int64_t rows = products.size(0), heads = products.size(1), keys = products.size(2);
    at::Tensor scores = at::empty({rows, keys}, products.options().dtype(at::kFloat));
    by_type(products, [&]<class T>(T*) {
      C10_CUDA_CHECK(weighted_relu_rows<T>(rows_of(rows, keys), data<T>(products), data<T>(weights),
                                           heads, data<float>(scores)));
    });
    return scores;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &products = saved[0], &weights = saved[1];
    const at::Tensor gradient = gradients[0].contiguous();
    at::Tensor of_products = at::empty_like(products), of_weights = at::empty_like(weights);
    by_type(products, [&]<class T>(T*) {
      C10_CUDA_CHECK(weighted_relu_gradient_rows<T>(
          rows_of(products.size(0), products.size(2)), data<T>(products), data<T>(weights),
          products.size(1), data<float>(gradient), data<T>(of_products), data<T>(of_weights)));
    });
    return {of_products, of_weights};
  }
};

struct Divergence : torch::autograd::Function<Divergence> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& p,
                            const at::Tensor& all_scores, const at::Tensor& bools) {
    const at::Tensor scores = all_scores.contiguous();
    const Mask mask(bools);
    at::Tensor gradient = at::empty_like(scores);
    at::Tensor losses = at::empty({scores.size(0), scores.size(1)}, scores.options());
    C10_CUDA_CHECK(divergence_rows(rows_of(losses.numel(), scores.size(2)), data<float>(scores),
                                   mask.data(), mask.one, data<float>(p.contiguous()),
                                   data<float>(losses), data<float>(gradient)));
    context->save_for_backward({gradient});
    return losses.sum();
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {at::Tensor(), context->get_saved_variables()[0] * gradients[0], at::Tensor()};
  }
};

}  // namespace
#endif

at::Tensor weighted_relu(const at::Tensor& products, const at::Tensor& weights) {
#ifdef DSABENCH_TRAIN_CUDA
  if (has_kernels(products)) return WeightedRelu::apply(products, weights);
#endif
  return at::bmm(weights.unsqueeze(1), at::relu(products)).squeeze(1);
}

at::Tensor selected_keys(const at::Tensor& scores, const at::Tensor& causal, std::int64_t top_k) {
  const at::NoGradGuard no_gradient;
#ifdef DSABENCH_TRAIN_CUDA
  if (has_kernels(scores) && scores.scalar_type() == at::kFloat) {
    const at::Tensor rows = scores.contiguous();
    at::Tensor mask = at::empty(rows.sizes(), rows.options().dtype(at::kBool));
    C10_CUDA_CHECK(select_rows(rows_of(rows.size(0) * rows.size(1), rows.size(2)),
                               data<float>(rows), top_k, data<std::uint8_t>(mask)));
    return mask;
  }
#endif
  const std::int64_t tokens = scores.size(-1);
  if (top_k >= tokens) return causal.expand_as(scores);
  const at::Tensor allowed = scores.masked_fill(~causal, kMinusInfinity);
  const at::Tensor last = std::get<0>(at::topk(allowed, top_k, -1)).narrow(-1, top_k - 1, 1);
  const at::Tensor above = allowed > last;
  const at::Tensor equal = (allowed == last) & causal;
  const at::Tensor room = top_k - above.sum(-1, /*keepdim=*/true, at::kInt);
  return above | (equal & (equal.cumsum(-1, at::kInt) <= room));
}

at::Tensor mean_softmax(const at::Tensor& products, double scale, const at::Tensor& mask) {
  const at::NoGradGuard no_gradient;
#ifdef DSABENCH_TRAIN_CUDA
  if (has_kernels(products)) {
    const std::int64_t batch = products.size(0), heads = products.size(1), keys = products.size(3);
    const at::Tensor rows = products.contiguous();
    const Mask bytes(mask);
    at::Tensor p = at::empty({batch, keys, keys}, rows.options().dtype(at::kFloat));
    by_type(rows, [&]<class T>(T*) {
      C10_CUDA_CHECK(mean_softmax_rows<T>(rows_of(batch * keys, keys), data<T>(rows), heads,
                                          float(scale), bytes.data(), bytes.one, data<float>(p)));
    });
    return p;
  }
#endif
  return softmax_over(products.detach() * scale, mask.unsqueeze(1)).mean(1);
}

at::Tensor divergence(const at::Tensor& p, const at::Tensor& scores, const at::Tensor& mask) {
#ifdef DSABENCH_TRAIN_CUDA
  if (has_kernels(scores) && scores.scalar_type() == at::kFloat) {
    return Divergence::apply(p, scores, mask);
  }
#endif
  // Not minus infinity: no probability times that would be no number.
  constexpr double kNever = -1e30;
  const at::Tensor log_q = at::log_softmax(scores.masked_fill(~mask, kNever), -1, at::kFloat);
  return at::xlogy(p, p).sum() - at::dot(p.flatten(), log_q.flatten());
}

}  // namespace dsabench::train
