#pragma once
/// A checkpoint's tensors in memory, to be changed and written again.
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/safetensors.h"
#include "kernels/base/tensor.h"

namespace dsabench::test {

struct Checkpoint {
  std::map<std::string, Tensor> tensors;

  static Checkpoint read(const std::string& directory) {
    const CheckpointFiles files = CheckpointFiles::open(directory);
    Checkpoint checkpoint;
    for (const std::string& name : files.names()) {
      const ConstTensorView view = files.tensor(name);
      Tensor tensor(view.dtype(), {view.shape().begin(), view.shape().end()});
      std::memcpy(tensor.view().raw(), view.raw(), std::size_t(view.bytes()));
      checkpoint.tensors.emplace(name, std::move(tensor));
    }
    return checkpoint;
  }

  void save(const std::string& path) const {
    std::vector<std::pair<std::string, ConstTensorView>> views;
    for (const auto& [name, tensor] : tensors) views.emplace_back(name, tensor);
    write_safetensors(path, views);
  }

  /// Copies an f32 tensor's elements and drops it.
  void move_into(const std::string& name, float* destination) {
    const Tensor& tensor = tensors.at(name);
    std::memcpy(destination, tensor.data<float>(), std::size_t(tensor.bytes()));
    tensors.erase(name);
  }

  void erase_prefix(const std::string& prefix) {
    std::erase_if(tensors, [&](const auto& entry) { return entry.first.starts_with(prefix); });
  }
};

}  // namespace dsabench::test
