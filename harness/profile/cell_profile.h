#pragma once
/// One sample of a cell looked at closely. Times are those of a watched sample: where it spends
/// them holds, how long it takes does not.
#include <array>
#include <map>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "harness/profile/stage_recorder.h"
#include "harness/run/trial.h"

namespace dsabench {

/// Nanoseconds by layer and stage; row 0: of no layer.
using StageMatrix = std::vector<std::array<std::int64_t, kNumStages>>;

struct CellProfile {
  std::int64_t begin_ns = 0, end_ns = 0;   ///< of the sample, steady clock
  std::vector<std::int64_t> values;        ///< its times, as the trial's metric has them
  std::vector<StageSpan> spans;            ///< in order
  StageMatrix stage_ns;                    ///< of the engine's stage clock
  std::string tracer;                      ///< "CUPTI 130001"; empty: none
  ActivityTrace trace;                     ///< empty without a tracer
  std::vector<std::int64_t> indexer_runs;  ///< by layer, counted where the indexers run
};

/// What the tracer saw in one stage of one layer.
struct StageActivity {
  std::int64_t launches = 0;        ///< kernels
  std::int64_t kernel_ns = 0;       ///< of kernels, added up
  std::int64_t calls = 0;           ///< spans that launched any
  std::int64_t transfer_bytes = 0;  ///< of copies and fills
};
/// By layer (-1: of none) and stage; what was given to the device outside of stages is not in it.
using StageActivities = std::map<std::pair<std::int64_t, Stage>, StageActivity>;
StageActivities activities_by_stage(const ActivityTrace& trace);

/// Kernels of one name in one stage.
struct KernelUse {
  std::string stage;  ///< empty: outside of stages
  std::string name;   ///< see kernel_name
  std::int64_t launches = 0, total_ns = 0, shortest_ns = 0, longest_ns = 0;
};
/// The most time first.
std::vector<KernelUse> kernel_uses(const ActivityTrace& trace);

/// A compiled kernel's name as people know it: demangled, without namespaces of ours, parameters
/// and template arguments.
std::string kernel_name(const std::string& compiled);
bool is_indexer_stage(Stage stage);
/// Whether a compiled kernel is one of the operators that only an indexer has.
bool is_indexer_kernel(const std::string& compiled);

/// Time in which the device did anything.
std::int64_t busy_nanoseconds(const ActivityTrace& trace);
/// Of all layers in which the indexer ran by the tracer's word: how often; by layer.
std::vector<std::int64_t> traced_indexer_calls(const ActivityTrace& trace, std::int64_t num_layers);

/// Throws VerificationError naming the layer where the tracer saw an indexer at work on a Shared
/// layer, or on a Full one another number of calls than the indexers counted themselves. Says
/// nothing where records were lost: then there are too few.
void check_traced_indexers(const CellProfile& profile, const std::string& pattern);

/// Makes a profile of the last sample that it watches. With a tracer two are taken: the first pays
/// for what the profiler does once.
class ProfileWatch final : public SampleWatch {
 public:
  /// `tracer` may be null, else it outlives the watch.
  ProfileWatch(const std::string& pattern, ActivityTracer* tracer);
  std::int64_t num_samples() const override { return tracer_ == nullptr ? 1 : 2; }
  void begin(Engine& engine) override;
  void end(Engine& engine, std::span<const std::int64_t> values) override;

  const CellProfile& profile() const { return profile_; }

 private:
  ActivityTracer* tracer_;
  StageRecorder recorder_;
  CellProfile profile_;
};

}  // namespace dsabench
