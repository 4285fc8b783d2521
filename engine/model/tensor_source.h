#pragma once
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/safetensors.h"
#include "kernels/base/tensor.h"

namespace dsabench {

/// Takes tensors out of a checkpoint as f32 and remembers which were taken. Not thread-safe; the
/// conversion itself runs on all threads.
class TensorSource {
 public:
  /// `fp8_block_rows` x `fp8_block_columns`: the block of one scale of an FP8 weight.
  TensorSource(CheckpointFiles files, std::int64_t fp8_block_rows, std::int64_t fp8_block_columns);

  bool contains(std::string_view name) const { return files_.contains(name); }

  /// Checks that the tensor is there with this shape, before memory is taken for it: sizes come
  /// from a config that may not be this checkpoint's. Throws as `take` does.
  void require(const std::string& name, std::initializer_list<std::int64_t> shape) {
    static_cast<void>(find(name, std::span(shape.begin(), shape.size())));
  }

  /// The tensor as f32. Throws InvalidArgument naming file, tensor, expected and found shape where
  /// it is missing, of another shape, of a type that is no float, or FP8 without fitting scales.
  Tensor take(const std::string& name, std::vector<std::int64_t> shape);
  /// The same into memory of the caller: `destination` holds the elements of `shape`.
  void take_into(const std::string& name, std::span<const std::int64_t> shape, float* destination);
  void take_into(const std::string& name, std::initializer_list<std::int64_t> shape,
                 float* destination) {
    take_into(name, std::span(shape.begin(), shape.size()), destination);
  }

  /// What was taken and is not finite, in the order of taking: "o_proj.weight: 3 values are NaN or
  /// infinite".
  const std::vector<std::string>& not_finite() const { return not_finite_; }
  /// Names of the checkpoint's tensors that were not taken, sorted.
  std::vector<std::string> unused() const;
  /// XXH3-128, in hex, over name, type, shape and bytes of what was taken, in name order: the same
  /// however the checkpoint is cut into files.
  std::string content_id() const;
  const std::string& directory() const { return files_.directory(); }

 private:
  ConstTensorView find(const std::string& name, std::span<const std::int64_t> shape);
  void convert(const std::string& name, ConstTensorView view, float* destination) const;
  void dequantize(const std::string& name, ConstTensorView codes, float* destination);

  CheckpointFiles files_;
  std::int64_t fp8_block_rows_, fp8_block_columns_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::string> not_finite_;
};

}  // namespace dsabench
