#include "engine/host_view.h"

#include <cstring>

#include "kernels/base/context.h"
#include "kernels/base/float_formats.h"
#include "kernels/cuda/device_queue.h"
#include "kernels/ops/block_table.h"
#include "kernels/ops/embedding.h"

namespace dsabench {
namespace {

/// bf16 as f32, anything else as it is.
Tensor widened(Tensor host) {
  if (host.dtype() != DType::bf16) return host;
  Tensor wide(DType::f32, {host.shape().begin(), host.shape().end()});
  const auto* from = host.data<std::uint16_t>();
  float* to = wide.data<float>();
  const std::int64_t count = host.view().num_elements();
#pragma omp parallel for schedule(static) if (count > 1 << 16)
  for (std::int64_t i = 0; i < count; ++i) to[i] = bf16_to_f32(from[i]);
  return wide;
}

}  // namespace

Tensor host_copy(ConstTensorView tensor) {
  Tensor host(tensor.dtype(), {tensor.shape().begin(), tensor.shape().end()});
  if (DeviceQueue* queue = cuda::device_queue(tensor.device())) {
    queue->copy(host.view().raw(), tensor.raw(), tensor.bytes());
    queue->wait();
  } else {
    std::memcpy(host.view().raw(), tensor.raw(), static_cast<std::size_t>(tensor.bytes()));
  }
  return widened(std::move(host));
}

ConstTensorView HostView::all() const& {
  if (view_.empty() || view_.device().is_cpu()) return view_;
  Tensor& all = fetched().all;
  if (all.empty()) all = host_copy(view_);
  return all;
}

const Tensor& HostView::fetched_row(std::int64_t i) const {
  Tensor& row = fetched().rows[i];
  if (row.empty()) row = host_copy(view_.rows(i, 1));
  return row;
}

HostView::Fetched& HostView::fetched() const {
  if (!fetched_) fetched_ = std::make_shared<Fetched>();
  return *fetched_;
}

Tensor cached_rows(ConstTensorView rows, std::span<const std::int32_t> blocks, std::int64_t count) {
  std::vector<std::int64_t> shape(rows.shape().begin(), rows.shape().end());
  shape[0] = count;
  Tensor host(rows.dtype(), std::move(shape));
  DeviceQueue* queue = cuda::device_queue(rows.device());
  const ops::BlockTable table(blocks);
  for (std::int64_t at = 0; at < count;) {
    const std::int64_t next = table.stretch_end(at, count);
    const ConstTensorView from = rows.rows(table.row(at), next - at);
    void* to = host.view().rows(at, next - at).raw();
    if (queue != nullptr) {
      queue->copy(to, from.raw(), from.bytes());
    } else {
      std::memcpy(to, from.raw(), static_cast<std::size_t>(from.bytes()));
    }
    at = next;
  }
  if (queue != nullptr) queue->wait();
  return widened(std::move(host));
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
  return host_copy(rows);
}

}  // namespace dsabench
