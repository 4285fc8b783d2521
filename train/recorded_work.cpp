#include "train/recorded_work.h"

#ifdef DSABENCH_TRAIN_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>

#include <map>
#endif

namespace dsabench::train {
namespace {

std::vector<at::Tensor> moved(const std::vector<at::Tensor>& inputs, const at::Device& device) {
  std::vector<at::Tensor> there;
  for (const at::Tensor& input : inputs) there.push_back(input.to(device));
  return there;
}

}  // namespace

#ifdef DSABENCH_TRAIN_CUDA

class RecordedWork::Recordings {
 public:
  explicit Recordings(const at::Device& device)
      : guard_(c10::cuda::getStreamFromPool(false, device.index())) {
    c10::cuda::device_synchronize();  // what was made before lies on another stream
  }
  ~Recordings() { c10::cuda::device_synchronize(); }

  at::Tensor run(const std::vector<at::Tensor>& inputs, const at::Device& device,
                 const Work& work) {
    Shapes shapes;
    for (const at::Tensor& input : inputs) shapes.push_back(input.sizes().vec());
    const auto [found, is_new] = graphs_.try_emplace(std::move(shapes));
    // Libraries make what they need on first use, which cannot be recorded.
    if (is_new) return work(moved(inputs, device));
    if (!found->second) found->second = record(moved(inputs, device), work);
    Recording& recording = *found->second;
    for (std::size_t i = 0; i < inputs.size(); ++i) recording.inputs[i].copy_(inputs[i]);
    recording.graph.replay();
    return recording.result;
  }

 private:
  using Shapes = std::vector<std::vector<std::int64_t>>;
  struct Recording {
    std::vector<at::Tensor> inputs;  ///< which the graph reads
    at::Tensor result;               ///< which it writes
    at::cuda::CUDAGraph graph;
  };

  std::unique_ptr<Recording> record(std::vector<at::Tensor> inputs, const Work& work) {
    auto recording = std::make_unique<Recording>();
    recording->inputs = std::move(inputs);
    c10::cuda::device_synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();
    // One graph runs at a time, and each result is read before the next: memory can be shared.
    recording->graph.capture_begin(pool_);
    recording->result = work(recording->inputs);
    recording->graph.capture_end();
    return recording;
  }

  c10::cuda::CUDAStreamGuard guard_;
  at::cuda::MempoolId_t pool_ = at::cuda::graph_pool_handle();
  std::map<Shapes, std::unique_ptr<Recording>> graphs_;
};

#else

class RecordedWork::Recordings {};

#endif

RecordedWork::RecordedWork(const at::Device& device, Work work)
    : device_(device), work_(std::move(work)) {
#ifdef DSABENCH_TRAIN_CUDA
  if (device.is_cuda()) recordings_ = std::make_unique<Recordings>(device);
#endif
}

RecordedWork::~RecordedWork() = default;

at::Tensor RecordedWork::run(const std::vector<at::Tensor>& inputs) {
#ifdef DSABENCH_TRAIN_CUDA
  if (recordings_) return recordings_->run(inputs, device_, work_);
#endif
  return work_(moved(inputs, device_));
}

}  // namespace dsabench::train
