#define XXH_INLINE_ALL
#include "engine/model/tensor_source.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "engine/model/tensor_conversion.h"
#include "kernels/base/error.h"

namespace dsabench {
namespace {

/// By the exponent's bits: a compiler may take no shortcut past NaN here.
std::int64_t count_not_finite(const float* values, std::int64_t count) {
  std::int64_t found = 0;
#pragma omp parallel for simd schedule(static) reduction(+ : found)
  for (std::int64_t i = 0; i < count; ++i) {
    found += (std::bit_cast<std::uint32_t>(values[i]) & 0x7f800000u) == 0x7f800000u ? 1 : 0;
  }
  return found;
}

bool same_shape(ConstTensorView view, std::span<const std::int64_t> shape) {
  return std::equal(view.shape().begin(), view.shape().end(), shape.begin(), shape.end());
}

/// Feeds a hash with lengths before bytes, so that no two inputs run together alike.
class ContentHash {
 public:
  ContentHash() : state_(XXH3_createState()) {
    if (!state_) throw OutOfMemory("cannot allocate a hash state", sizeof(XXH3_state_t));
    XXH3_128bits_reset(state_.get());
  }
  void add(const void* bytes, std::size_t size) { XXH3_128bits_update(state_.get(), bytes, size); }
  void add_number(std::int64_t number) {
    unsigned char bytes[8];  // little-endian whatever the host
    for (int i = 0; i < 8; ++i) {
      bytes[i] = static_cast<unsigned char>(std::uint64_t(number) >> (8 * i) & 0xff);
    }
    add(bytes, sizeof bytes);
  }
  void add_text(std::string_view text) {
    add_number(std::int64_t(text.size()));
    add(text.data(), text.size());
  }
  std::string hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace

TensorSource::TensorSource(CheckpointFiles files, std::int64_t fp8_block_rows,
                           std::int64_t fp8_block_columns)
    : files_(std::move(files)),
      fp8_block_rows_(fp8_block_rows),
      fp8_block_columns_(fp8_block_columns) {}

ConstTensorView TensorSource::find(const std::string& name, std::span<const std::int64_t> shape) {
  if (!files_.contains(name)) {
    throw InvalidArgument(fmt::format("{}: tensor missing, expected [{}]: {}", files_.directory(),
                                      fmt::join(shape, ", "), name));
  }
  const ConstTensorView view = files_.tensor(name);
  if (!same_shape(view, shape)) {
    throw InvalidArgument(fmt::format("{}: {} must have shape [{}], got [{}]", files_.file_of(name),
                                      name, fmt::join(shape, ", "), fmt::join(view.shape(), ", ")));
  }
  taken_.insert(name);
  return view;
}

Tensor TensorSource::take(const std::string& name, std::vector<std::int64_t> shape) {
  // Looked up before anything is allocated: the size may be a typing error in the config.
  static_cast<void>(find(name, shape));
  Tensor tensor(DType::f32, shape);
  take_into(name, shape, tensor.data<float>());
  return tensor;
}

void TensorSource::take_into(const std::string& name, std::span<const std::int64_t> shape,
                             float* destination) {
  const ConstTensorView view = find(name, shape);
  if (view.dtype() == DType::f8_e4m3) {
    dequantize(name, view, destination);
  } else {
    convert(name, view, destination);
  }
  const std::int64_t count = count_not_finite(destination, view.num_elements());
  if (count > 0) {
    not_finite_.push_back(
        fmt::format("{}: {} of {} values are NaN or infinite", name, count, view.num_elements()));
  }
}

void TensorSource::convert(const std::string& name, ConstTensorView view,
                           float* destination) const {
  if (!converts_to_f32(view.dtype()) || view.dtype() == DType::f8_e8m0) {
    throw InvalidArgument(fmt::format("{}: {} must be F32, BF16, F16 or F8_E4M3, got {}",
                                      files_.file_of(name), name, view.shape_string()));
  }
  copy_as_f32(view, destination);
}

/// Scales of a matrix are [row blocks, column blocks]; of fused experts, one such matrix each.
void TensorSource::dequantize(const std::string& name, ConstTensorView codes, float* destination) {
  if (codes.rank() != 2 && codes.rank() != 3) {
    throw InvalidArgument(fmt::format("{}: {} is FP8 and must be a matrix, got {}",
                                      files_.file_of(name), name, codes.shape_string()));
  }
  const int first = codes.rank() - 2;
  const std::int64_t rows = codes.dim(first), columns = codes.dim(first + 1);
  std::vector<std::int64_t> shape(codes.shape().begin(), codes.shape().end());
  shape[std::size_t(first)] = (rows + fp8_block_rows_ - 1) / fp8_block_rows_;
  shape[std::size_t(first) + 1] = (columns + fp8_block_columns_ - 1) / fp8_block_columns_;
  const std::string scale_name = name + "_scale_inv";
  const ConstTensorView scales = find(scale_name, shape);
  if (scales.dtype() == DType::f8_e4m3 || !converts_to_f32(scales.dtype())) {
    throw InvalidArgument(fmt::format("{}: {} must be F32 or F8_E8M0, got {}",
                                      files_.file_of(scale_name), scale_name,
                                      scales.shape_string()));
  }
  const std::int64_t matrices = first == 0 ? 1 : codes.dim(0);
  for (std::int64_t m = 0; m < matrices; ++m) {
    const auto matrix = [&](ConstTensorView all) {
      const std::int64_t r = all.dim(first), c = all.dim(first + 1);
      return ConstTensorView(all.raw() + m * r * c * dtype_bytes(all.dtype()), all.dtype(), {r, c});
    };
    dequantize_blocks(matrix(codes), matrix(scales), fp8_block_rows_, fp8_block_columns_,
                      destination + m * rows * columns);
  }
}

std::vector<std::string> TensorSource::unused() const {
  std::vector<std::string> names;
  for (std::string& name : files_.names()) {
    if (!taken_.contains(name)) names.push_back(std::move(name));
  }
  return names;
}

std::string TensorSource::content_id() const {
  ContentHash hash;
  for (const std::string& name : taken_) {
    const ConstTensorView view = files_.tensor(name);
    hash.add_text(name);
    hash.add_text(dtype_name(view.dtype()));
    hash.add_number(view.rank());
    for (const std::int64_t dim : view.shape()) hash.add_number(dim);
    hash.add(view.raw(), std::size_t(view.bytes()));
  }
  return hash.hex();
}

}  // namespace dsabench
