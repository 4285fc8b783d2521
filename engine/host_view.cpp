#include "engine/host_view.h"

#include "kernels/base/context.h"
#include "kernels/base/float_formats.h"
#include "kernels/cuda/device_queue.h"
#include "kernels/ops/embedding.h"

namespace dsabench {
namespace {

/// A contiguous view's elements on the host, bf16 as f32.
Tensor fetch(ConstTensorView view) {
  DeviceQueue& queue = *cuda::device_queue(view.device());
  Tensor host(view.dtype(), {view.shape().begin(), view.shape().end()});
  queue.copy(host.view().raw(), view.raw(), view.bytes());
  queue.wait();
  if (view.dtype() != DType::bf16) return host;
  Tensor wide(DType::f32, {view.shape().begin(), view.shape().end()});
  const auto* from = host.data<std::uint16_t>();
  float* to = wide.data<float>();
  const std::int64_t count = view.num_elements();
#pragma omp parallel for schedule(static) if (count > 1 << 16)
  for (std::int64_t i = 0; i < count; ++i) to[i] = bf16_to_f32(from[i]);
  return wide;
}

}  // namespace

ConstTensorView HostView::all() const& {
  if (view_.empty() || view_.device().is_cpu()) return view_;
  Tensor& all = fetched().all;
  if (all.empty()) all = fetch(view_);
  return all;
}

const Tensor& HostView::fetched_row(std::int64_t i) const {
  Tensor& row = fetched().rows[i];
  if (row.empty()) row = fetch(view_.rows(i, 1));
  return row;
}

HostView::Fetched& HostView::fetched() const {
  if (!fetched_) fetched_ = std::make_shared<Fetched>();
  return *fetched_;
}

Tensor gathered_rows(ConstTensorView matrix, std::span<const std::int32_t> chosen) {
  const auto count = std::ssize(chosen);
  Tensor ids(DType::i32, {count});
  std::copy(chosen.begin(), chosen.end(), ids.data<std::int32_t>());
  DeviceQueue* queue = cuda::device_queue(matrix.device());
  Tensor rows(matrix.dtype(), {count, matrix.dim(1)}, queue);
  Context ctx;
  ctx.device = matrix.device();
  if (queue == nullptr) {
    ops::embedding(ctx, {.table = matrix, .tokens = ids, .out = rows});
    return rows;
  }
  ctx.stream = queue->stream();
  Tensor device_ids(DType::i32, {count}, queue);
  device_ids.copy_bytes(ids, ids.bytes());
  ops::embedding(ctx, {.table = matrix, .tokens = device_ids, .out = rows});
  return fetch(rows);
}

}  // namespace dsabench
