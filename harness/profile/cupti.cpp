#include "harness/profile/cupti.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <unordered_map>

#include "harness/profile/cupti_records.h"

namespace dsabench {
namespace {

namespace fs = std::filesystem;
using Result = int;

constexpr const char* kNames[] = {"libcupti.so.13", "libcupti.so.12"};
constexpr std::size_t kBufferBytes = std::size_t{4} << 20;
constexpr std::size_t kBufferAlignment = 8;  // of records

/// What one refusal asks for.
const char* remedy_of(Result result) {
  switch (result) {
    case cupti::kInsufficientPrivileges:
    case cupti::kVirtualInsufficientPrivileges:
      return "; profiling is kept for administrators here: run as root, give the container "
             "CAP_SYS_ADMIN, or load the driver with NVreg_RestrictProfilingToAdminUsers=0";
    case cupti::kMultipleSubscribers:
      return "; another profiler watches this process (Nsight, a debugger, an injected library): "
             "run without it";
    case cupti::kNotInitialized:
      return "; CUPTI must be no newer than the driver: see nvidia-smi for the CUDA version that "
             "it takes";
    default:
      return "";
  }
}

/// Folders of a toolkit in which the library lies, by installer.
std::vector<std::string> folders_of(const std::string& toolkit) {
  std::vector<std::string> folders = {toolkit + "/extras/CUPTI/lib64", toolkit + "/lib64"};
  std::error_code none;
  for (const fs::directory_entry& target : fs::directory_iterator(toolkit + "/targets", none)) {
    folders.push_back(target.path().string() + "/lib");
  }
  return folders;
}

}  // namespace

/// The entry points, and what CUPTI's own threads bring. Callbacks carry no context: the started
/// library is found through `receiver`.
class Cupti::Library {
 public:
  explicit Library(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_ == nullptr) continue;
      name_ = name;
      break;
    }
    if (handle_ == nullptr) {
      throw ProfilerError(fmt::format(
          "profiling a GPU needs CUPTI of the CUDA toolkit: none of {} can be loaded; install it "
          "(cuda-cupti) or point CUDA_HOME to a toolkit that has it",
          fmt::join(names, ", ")));
    }
    load("cuptiGetVersion", get_version);
    load("cuptiGetResultString", result_string);
    load("cuptiActivityRegisterCallbacks", register_callbacks);
    load("cuptiActivityRegisterTimestampCallback", register_clock);
    load("cuptiActivityEnable", enable);
    load("cuptiActivityDisable", disable);
    load("cuptiActivityFlushAll", flush_all);
    load("cuptiActivityGetNextRecord", next_record);
    load("cuptiActivityGetNumDroppedRecords", num_dropped);
    load("cuptiActivityPushExternalCorrelationId", push_tag);
    load("cuptiActivityPopExternalCorrelationId", pop_tag);
  }

  void check(Result result, const char* call) const {
    if (result == cupti::kSuccess) return;
    const char* text = nullptr;
    if (result_string(result, &text) != cupti::kSuccess || text == nullptr) text = "failed";
    throw ProfilerError(fmt::format("{}: {} ended with {} (CUptiResult {}){}", name_, call, text,
                                    result, remedy_of(result)));
  }

  using RequestBuffer = void (*)(std::uint8_t** buffer, std::size_t* bytes, std::size_t* records);
  using CompleteBuffer = void (*)(void* context, std::uint32_t stream, std::uint8_t* buffer,
                                  std::size_t bytes, std::size_t valid_bytes);
  Result (*get_version)(std::uint32_t* version) = nullptr;
  Result (*result_string)(Result result, const char** text) = nullptr;
  Result (*register_callbacks)(RequestBuffer request, CompleteBuffer complete) = nullptr;
  Result (*register_clock)(std::uint64_t (*clock)()) = nullptr;
  Result (*enable)(int kind) = nullptr;
  Result (*disable)(int kind) = nullptr;
  Result (*flush_all)(std::uint32_t flag) = nullptr;
  Result (*next_record)(std::uint8_t* buffer, std::size_t bytes, cupti::Record** record) = nullptr;
  Result (*num_dropped)(void* context, std::uint32_t stream, std::size_t* dropped) = nullptr;
  Result (*push_tag)(int kind, std::uint64_t tag) = nullptr;
  Result (*pop_tag)(int kind, std::uint64_t* tag) = nullptr;

  void forget() {
    const std::lock_guard lock(mutex_);
    trace_ = {};
    correlations_.clear();
    tags_.clear();
  }
  ActivityTrace take();

  static void request(std::uint8_t** buffer, std::size_t* bytes, std::size_t* records) {
    *buffer = static_cast<std::uint8_t*>(std::aligned_alloc(kBufferAlignment, kBufferBytes));
    *bytes = *buffer == nullptr ? 0 : kBufferBytes;
    *records = 0;  // as many as fit
  }
  static void complete(void*, std::uint32_t, std::uint8_t* buffer, std::size_t,
                       std::size_t valid_bytes) {
    const std::lock_guard lock(receiver_mutex);
    if (receiver != nullptr) receiver->read(buffer, valid_bytes);
    std::free(buffer);
  }
  static std::uint64_t clock() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  static inline std::mutex receiver_mutex;
  static inline Library* receiver = nullptr;

 private:
  template <class Function>
  void load(const char* entry, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle_, entry));
    if (function == nullptr) {
      throw ProfilerError(fmt::format(
          "{} (CUPTI) has no entry point {}: CUDA 12 or newer is needed", name_, entry));
    }
  }

  void read(std::uint8_t* buffer, std::size_t bytes);
  void count_dropped();
  void add(const cupti::Record& record);
  template <class Timed>
  void add_activity(const Timed& record, DeviceActivity::Kind kind, const char* name,
                    std::uint64_t bytes);

  std::string name_;
  void* handle_ = nullptr;  // never unloaded: it has hooked the driver

  std::mutex mutex_;  // of what follows, which CUPTI's thread writes
  ActivityTrace trace_;
  std::vector<std::uint32_t> correlations_;  ///< of the activities
  std::unordered_map<std::uint32_t, std::uint64_t> tags_;
};

void Cupti::Library::read(std::uint8_t* buffer, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  cupti::Record* record = nullptr;
  while (next_record(buffer, bytes, &record) == cupti::kSuccess) add(*record);
  count_dropped();
}

/// Since it was asked last.
void Cupti::Library::count_dropped() {
  std::size_t dropped = 0;
  if (num_dropped(nullptr, 0, &dropped) == cupti::kSuccess) {
    trace_.num_dropped += static_cast<std::int64_t>(dropped);
  }
}

template <class Timed>
void Cupti::Library::add_activity(const Timed& record, DeviceActivity::Kind kind, const char* name,
                                  std::uint64_t bytes) {
  DeviceActivity& activity = trace_.activities.emplace_back();
  activity.kind = kind;
  activity.name = name == nullptr ? "?" : name;
  activity.begin_ns = static_cast<std::int64_t>(record.start);
  activity.end_ns = static_cast<std::int64_t>(record.end);
  activity.bytes = static_cast<std::int64_t>(bytes);
  activity.stream = record.stream;
  activity.graph_node = record.graph_node;
  correlations_.push_back(record.correlation);
}

void Cupti::Library::add(const cupti::Record& record) {
  using Kind = DeviceActivity::Kind;
  if (record.kind == cupti::kConcurrentKernel) {
    const auto& kernel = reinterpret_cast<const cupti::KernelRecord&>(record);
    add_activity(kernel, Kind::kernel, kernel.name, 0);
  } else if (record.kind == cupti::kMemcpy) {
    const auto& copy = reinterpret_cast<const cupti::MemcpyRecord&>(record);
    add_activity(copy, Kind::copy, cupti::copy_name(copy.copy_kind), copy.bytes);
  } else if (record.kind == cupti::kMemset) {
    const auto& fill = reinterpret_cast<const cupti::MemsetRecord&>(record);
    add_activity(fill, Kind::fill, "fill", fill.bytes);
  } else if (record.kind == cupti::kExternalCorrelation) {
    const auto& link = reinterpret_cast<const cupti::ExternalCorrelationRecord&>(record);
    if (link.external_kind == cupti::kCustom) tags_[link.correlation] = link.external;
  }
}

ActivityTrace Cupti::Library::take() {
  const std::lock_guard lock(mutex_);
  count_dropped();
  for (std::size_t i = 0; i < trace_.activities.size(); ++i) {
    const auto tag = tags_.find(correlations_[i]);
    if (tag != tags_.end()) trace_.activities[i].tag = tag->second;
  }
  // One that was not finished has no times.
  const std::size_t all = trace_.activities.size();
  std::erase_if(trace_.activities, [](const DeviceActivity& activity) {
    return activity.begin_ns == 0 || activity.end_ns < activity.begin_ns;
  });
  trace_.num_dropped += static_cast<std::int64_t>(all - trace_.activities.size());
  std::stable_sort(
      trace_.activities.begin(), trace_.activities.end(),
      [](const DeviceActivity& a, const DeviceActivity& b) { return a.begin_ns < b.begin_ns; });
  correlations_.clear();
  tags_.clear();
  return std::exchange(trace_, {});
}

std::vector<std::string> cupti_libraries() {
  std::vector<std::string> libraries(std::begin(kNames), std::end(kNames));
  std::vector<std::string> toolkits;
  const char* home = std::getenv("CUDA_HOME");
  if (home != nullptr && *home != '\0') toolkits.emplace_back(home);
  toolkits.emplace_back("/usr/local/cuda");
  for (const std::string& toolkit : toolkits) {
    const std::vector<std::string> folders = folders_of(toolkit);
    for (const char* name : kNames) {
      for (const std::string& folder : folders) libraries.push_back(folder + "/" + name);
    }
  }
  return libraries;
}

Cupti::Cupti(const std::vector<std::string>& libraries)
    : library_(std::make_unique<Library>(libraries)) {}

Cupti::~Cupti() { stop(); }

std::string Cupti::name() const {
  std::uint32_t version = 0;
  library_->check(library_->get_version(&version), "cuptiGetVersion");
  return fmt::format("CUPTI {}", version);
}

void Cupti::start() {
  const Library& cupti = *library_;
  {
    const std::lock_guard lock(Library::receiver_mutex);
    if (Library::receiver != nullptr) throw ProfilerError("CUPTI is started already");
    Library::receiver = library_.get();
  }
  library_->forget();
  tag_result_ = 0;
  try {
    // Before anything is enabled, or its first records have another clock.
    cupti.check(cupti.register_clock(Library::clock), "cuptiActivityRegisterTimestampCallback");
    cupti.check(cupti.register_callbacks(Library::request, Library::complete),
                "cuptiActivityRegisterCallbacks");
    // Calls are recorded because only they bring the tags with them.
    for (const int kind : {cupti::kConcurrentKernel, cupti::kMemcpy, cupti::kMemset,
                           cupti::kExternalCorrelation, cupti::kRuntime, cupti::kDriver}) {
      cupti.check(cupti.enable(kind), "cuptiActivityEnable");
      enabled_.push_back(kind);
    }
  } catch (...) {
    stop();
    throw;
  }
}

void Cupti::set_tag(std::uint64_t tag) noexcept {
  const auto note = [this](Result result) {
    if (tag_result_ == cupti::kSuccess) tag_result_ = result;
  };
  if (tag_ != 0) note(library_->pop_tag(cupti::kCustom, nullptr));
  if (tag != 0) note(library_->push_tag(cupti::kCustom, tag));
  tag_ = tag;
}

ActivityTrace Cupti::finish() {
  set_tag(0);
  const Result flushed = library_->flush_all(cupti::kForced);
  stop();
  library_->check(flushed, "cuptiActivityFlushAll");
  library_->check(tag_result_, "cuptiActivityPushExternalCorrelationId");
  return library_->take();
}

void Cupti::stop() noexcept {
  if (tag_ != 0) set_tag(0);
  for (const int kind : enabled_) library_->disable(kind);
  if (!enabled_.empty()) library_->flush_all(cupti::kForced);
  enabled_.clear();
  const std::lock_guard lock(Library::receiver_mutex);
  if (Library::receiver == library_.get()) Library::receiver = nullptr;
}

std::shared_ptr<ActivityTracer> open_tracer(Device device) {
  if (device.is_cpu()) return nullptr;
  return std::make_shared<Cupti>();
}

}  // namespace dsabench
