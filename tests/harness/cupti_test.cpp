/// CUPTI by a scripted library: what is recorded, what is lost, and what it refuses.
#include "harness/profile/cupti.h"

#include <chrono>

#include "harness/profile/cell_profile.h"
#include "tests/harness/cupti_script.h"
#include "tests/support/error_message.h"
#include "tests/support/random.h"

namespace dsabench {
namespace {

using test::contains;
using test::CuptiScript;
using test::kFakeCupti;
using test::message_of;
using test::ScratchFolder;
using Kind = DeviceActivity::Kind;

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

std::vector<const DeviceActivity*> of_kind(const ActivityTrace& trace, Kind kind) {
  std::vector<const DeviceActivity*> found;
  for (const DeviceActivity& activity : trace.activities) {
    if (activity.kind == kind) found.push_back(&activity);
  }
  return found;
}

TEST_CASE("every kernel carries the tag it was given under, on the host's clock") {
  DSABENCH_SEEDED(random);
  const CuptiScript script("copy 4096\nfill 64\nuntagged stray\n");
  Cupti cupti({kFakeCupti});
  CHECK(cupti.name() == "CUPTI 130001");
  const std::int64_t before = now_ns();
  cupti.start();
  std::vector<std::uint64_t> tags;
  // More records than one buffer holds.
  for (std::int64_t i = 0; i < 500; ++i) {
    tags.push_back(
        encode({i, random.integer(-1, 60), static_cast<Stage>(random.integer(0, kNumStages - 1))}));
    cupti.set_tag(tags.back());
    if (random.integer(0, 5) == 0) cupti.set_tag(0);
  }
  const ActivityTrace trace = cupti.finish();
  const std::int64_t after = now_ns();
  CHECK(trace.num_dropped == 0);

  std::vector<std::uint64_t> found;
  std::int64_t previous = before;
  for (const DeviceActivity& activity : trace.activities) {
    CHECK(activity.begin_ns >= previous);
    CHECK(activity.end_ns >= activity.begin_ns);
    CHECK(activity.end_ns <= after);
    CHECK(activity.stream == 7);
    previous = activity.begin_ns;
    if (activity.kind == Kind::kernel && activity.tag != 0) found.push_back(activity.tag);
  }
  CHECK(found == tags);
  const auto copies = of_kind(trace, Kind::copy), fills = of_kind(trace, Kind::fill);
  REQUIRE(copies.size() == 1);
  CHECK(copies[0]->name == "copy to device");
  CHECK(copies[0]->bytes == 4096);
  CHECK(copies[0]->tag == tags[0]);
  REQUIRE(fills.size() == 1);
  CHECK(fills[0]->bytes == 64);
  const auto kernels = of_kind(trace, Kind::kernel);
  CHECK(kernels.size() == tags.size() + 1);
  CHECK(std::count_if(kernels.begin(), kernels.end(), [](const DeviceActivity* kernel) {
          return kernel->tag == 0 && kernel->name == "stray";
        }) == 1);
}

TEST_CASE("a second trace begins empty, and nothing comes after its end") {
  const CuptiScript script("");
  Cupti cupti({kFakeCupti});
  for (int i = 0; i < 2; ++i) {
    cupti.start();
    cupti.set_tag(encode({0, 0, Stage::moe}));
    CHECK(cupti.finish().activities.size() == 1);
    cupti.set_tag(encode({1, 0, Stage::moe}));
    cupti.set_tag(0);
  }
}

TEST_CASE("one profile at a time, and a dropped one gives way") {
  const CuptiScript script("");
  Cupti second({kFakeCupti});
  {
    Cupti first({kFakeCupti});
    first.start();
    CHECK(contains(message_of<ProfilerError>([&] { second.start(); }), "already"));
    first.set_tag(encode({0, 0, Stage::moe}));
  }
  second.start();
  CHECK(second.finish().activities.empty());
}

TEST_CASE("lost records and kernels without times are counted") {
  const CuptiScript script("dropped 7\nunfinished 2\n");
  Cupti cupti({kFakeCupti});
  cupti.start();
  cupti.set_tag(encode({0, 0, Stage::moe}));
  const ActivityTrace trace = cupti.finish();
  CHECK(trace.num_dropped == 9);
  CHECK(trace.activities.size() == 1);
}

TEST_CASE("work that a graph repeats keeps its node and takes the replay's tag") {
  const CuptiScript script("graph 99\n");
  Cupti cupti({kFakeCupti});
  cupti.start();
  cupti.set_tag(encode({0, 2, Stage::moe}));
  const ActivityTrace trace = cupti.finish();
  REQUIRE(trace.activities.size() == 1);
  CHECK(trace.activities[0].graph_node == 99);
  CHECK(decode_stage_tag(trace.activities[0].tag)->layer == 2);
}

TEST_CASE("what CUPTI refuses is told with what to do about it") {
  const auto refusal = [](const std::string& script) {
    const CuptiScript set(script);
    return message_of<ProfilerError>([] {
      Cupti cupti({kFakeCupti});
      cupti.start();
      cupti.set_tag(encode({0, 0, Stage::moe}));
      cupti.finish();
    });
  };
  const std::string privileges = refusal("enable 35\n");
  CHECK(contains(privileges, "cuptiActivityEnable"));
  CHECK(contains(privileges, "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"));
  CHECK(contains(privileges, "CUptiResult 35"));
  CHECK(contains(privileges, "NVreg_RestrictProfilingToAdminUsers=0"));
  CHECK(contains(refusal("enable 40\n"), "CAP_SYS_ADMIN"));
  CHECK(contains(refusal("enable 39\n"), "another profiler"));
  CHECK(contains(refusal("enable 15\n"), "nvidia-smi"));
  CHECK(contains(refusal("flush 999\n"), "cuptiActivityFlushAll"));
  CHECK(contains(refusal("push 1\n"), "cuptiActivityPushExternalCorrelationId"));
  CHECK(refusal("").empty());
}

TEST_CASE("a library that is missing, or none, is named") {
  const ScratchFolder folder;
  const std::string missing = folder / "libcupti.so.13";
  const auto message = message_of<ProfilerError>([&] { Cupti cupti({missing}); });
  CHECK(contains(message, missing));
  CHECK(contains(message, "CUDA_HOME"));
  const std::string other = std::string(DSABENCH_FAKE_LIBRARIES) + "/libcuda.so.1";
  CHECK(contains(message_of<ProfilerError>([&] { Cupti cupti({other}); }), "cuptiGetVersion"));
  CHECK(Cupti({missing, kFakeCupti}).name() == "CUPTI 130001");
}

TEST_CASE("CUPTI is looked for in the loader's path, then in the toolkits' folders") {
  const ScratchFolder toolkit;
  std::filesystem::create_directories(toolkit / "targets/some-linux/lib");
  const char* before = std::getenv("CUDA_HOME");
  const std::string kept = before == nullptr ? "" : before;
  setenv("CUDA_HOME", toolkit.path().c_str(), 1);
  const std::vector<std::string> libraries = cupti_libraries();
  before == nullptr ? unsetenv("CUDA_HOME") : setenv("CUDA_HOME", kept.c_str(), 1);
  const auto place = [&](const std::string& path) {
    return std::find(libraries.begin(), libraries.end(), path) - libraries.begin();
  };
  CHECK(place("libcupti.so.13") == 0);
  CHECK(place("libcupti.so.12") == 1);
  const auto in_target = place(toolkit / "targets/some-linux/lib/libcupti.so.13");
  CHECK(in_target < place(toolkit / "extras/CUPTI/lib64/libcupti.so.12"));
  CHECK(in_target < place("/usr/local/cuda/extras/CUPTI/lib64/libcupti.so.13"));
  CHECK(place("/usr/local/cuda/lib64/libcupti.so.12") < std::ssize(libraries));
}

TEST_CASE("the CPU has no activities to trace") { CHECK(open_tracer({}) == nullptr); }

TEST_CASE("tags tell span, layer and stage, and no other number is one") {
  DSABENCH_SEEDED(random);
  for (int i = 0; i < 100; ++i) {
    const StageTag tag{random.integer(0, (std::int64_t{1} << 31) - 1),
                       random.integer(-1, (1 << 24) - 2),
                       static_cast<Stage>(random.integer(0, kNumStages - 1))};
    REQUIRE(encode(tag) != 0);
    const std::optional<StageTag> read = decode_stage_tag(encode(tag));
    REQUIRE(read);
    CHECK(read->span == tag.span);
    CHECK(read->layer == tag.layer);
    CHECK(read->stage == tag.stage);
  }
  CHECK_FALSE(decode_stage_tag(0));
  CHECK_FALSE(decode_stage_tag(kNumStages + 1));
}

TEST_CASE("kernels are called what people call them") {
  const auto name = [](const char* compiled) { return kernel_name(compiled); };
  CHECK(name("_ZN8dsabench3ops6detail12_GLOBAL__N_113select_kernelEPKfPy") == "select_kernel");
  CHECK(name("_ZN8dsabench3ops6detail12_GLOBAL__N_112score_kernelINS_4cuda4E4m3ELb1EEEvT_") ==
        "score_kernel");
  CHECK(name("_ZN7cutlass6KernelINS_4gemm4ImplILi3EEEEEvT_") == "cutlass::Kernel");
  CHECK(name("nvjet_sm90_tst_128x256_64x4") == "nvjet_sm90_tst_128x256_64x4");
  CHECK(is_indexer_kernel("_ZN8dsabench3ops6detail12_GLOBAL__N_113select_kernelEPKfPy"));
  CHECK_FALSE(is_indexer_kernel("_ZN8dsabench3ops6detail12_GLOBAL__N_110add_kernelEPKfPy"));
}

}  // namespace
}  // namespace dsabench
