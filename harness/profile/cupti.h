#pragma once
/// NVIDIA's profiling library (activity API), loaded when a profile is made: builds need no toolkit
/// and timing runs never see it.
#include <memory>
#include <string>
#include <vector>

#include "harness/profile/activity_tracer.h"

namespace dsabench {

/// Where CUPTI may be, in order: the loader's path, then the toolkits that CUDA_HOME and
/// /usr/local/cuda name; of each the newest version first.
std::vector<std::string> cupti_libraries();

/// Kernels, copies and fills of the process, with the tags as external correlation ids, on the
/// host's steady clock. One at a time is started in a process.
class Cupti final : public ActivityTracer {
 public:
  /// Loads the first of the libraries that is there. Throws ProfilerError naming what is missing.
  explicit Cupti(const std::vector<std::string>& libraries = cupti_libraries());
  ~Cupti() override;
  Cupti(const Cupti&) = delete;
  Cupti& operator=(const Cupti&) = delete;

  std::string name() const override;
  void start() override;
  void set_tag(std::uint64_t tag) noexcept override;
  ActivityTrace finish() override;

 private:
  class Library;
  void stop() noexcept;

  std::unique_ptr<Library> library_;
  std::uint64_t tag_ = 0;
  int tag_result_ = 0;  ///< of the first tag that was refused
  std::vector<int> enabled_;
};

}  // namespace dsabench
