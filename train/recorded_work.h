#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "train/tensors.h"

namespace dsabench::train {

/// Work on a device that is done again and again, with other inputs.
///
/// A step of a small model is thousands of short kernels, which the host cannot launch as fast as a
/// GPU runs them. On CUDA, work on inputs of shapes that were met before is recorded as a graph,
/// and replayed from then on; elsewhere, and where the build has no headers of CUDA, it is called.
/// From the first of these objects to its end all work of its thread goes to a stream of its own.
class RecordedWork {
 public:
  /// Must neither read anything back nor wait, and do the same for all inputs of the same shapes.
  using Work = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

  RecordedWork(const at::Device& device, Work work);
  ~RecordedWork();
  RecordedWork(const RecordedWork&) = delete;
  RecordedWork& operator=(const RecordedWork&) = delete;

  /// What the work makes of `inputs` [host], on the device; valid until the next call.
  at::Tensor run(const std::vector<at::Tensor>& inputs);

 private:
  at::Device device_;
  Work work_;
  class Recordings;
  std::unique_ptr<Recordings> recordings_;  ///< null where nothing is recorded
};

}  // namespace dsabench::train
