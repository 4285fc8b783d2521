#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/device_queue.h"

namespace dsabench::test {

/// A queue that does nothing, whose marks lie a microsecond apart. It has no memory: nothing may be
/// put there.
class IdleQueue final : public DeviceQueue {
 public:
  Device device() const override { return {Device::Kind::cuda, 0}; }
  void* stream() const override { return nullptr; }
  void* allocate(std::int64_t) override { return nullptr; }
  void release(void*) noexcept override {}
  void fill(void*, int, std::int64_t) override {}
  void copy(void*, const void*, std::int64_t) override {}
  void wait() override {}
  std::int64_t free_bytes() const override { return 0; }
  std::unique_ptr<DeviceTimeline> make_timeline() override {
    return std::make_unique<Timeline>(*this);
  }
  std::unique_ptr<DeviceGraph> record(const std::function<void()>& body) override {
    body();
    return std::make_unique<Graph>();
  }
  std::uint64_t memory_epoch() const override { return epoch; }

  /// That no timeline has forgotten yet.
  std::int64_t num_marks() const { return num_marks_; }

  std::uint64_t epoch = 0;

 private:
  struct Graph final : DeviceGraph {
    void replay() override {}
  };
  class Timeline final : public DeviceTimeline {
   public:
    explicit Timeline(IdleQueue& queue) : queue_(queue) {}
    void mark() override {
      ++own_;
      ++queue_.num_marks_;
    }
    std::vector<std::int64_t> times() const override {
      return std::vector<std::int64_t>(
          static_cast<std::size_t>(std::max<std::int64_t>(own_, 1) - 1), 1000);
    }
    void forget_marks() override {
      queue_.num_marks_ -= own_;
      own_ = 0;
    }

   private:
    IdleQueue& queue_;
    std::int64_t own_ = 0;
  };

  std::int64_t num_marks_ = 0;
};

}  // namespace dsabench::test
