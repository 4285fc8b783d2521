/// A libcupti.so.13 that invents activities from a script: the file that DSABENCH_FAKE_CUPTI names,
/// read as profiling begins. Under each tag that is pushed one kernel runs from the push to the
/// pop.
///   enable N, flush N, push N    the call ends with that CUptiResult
///   stage S name...              kernels under tags of the stage (its number); "-": none
///   at L S name...               the same of one layer
///   copy N, fill N               a transfer of N bytes under the first tag
///   untagged name                a kernel outside of all tags
///   graph N                      the node that every kernel comes from
///   unfinished N                 so many kernels without times
///   dropped N                    records that were lost
/// As CUPTI does, it delivers on a thread of its own, tells of tags only where calls are recorded,
/// and drops what it gets no buffer for.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/profile/cupti_records.h"

namespace {

using namespace dsabench::cupti;
using Result = int;
using RequestBuffer = void (*)(std::uint8_t**, std::size_t*, std::size_t*);
using CompleteBuffer = void (*)(void*, std::uint32_t, std::uint8_t*, std::size_t, std::size_t);
using Names = std::vector<std::string>;

struct Script {
  std::map<std::string, long> numbers;
  std::map<int, Names> of_stage;
  std::map<std::pair<int, int>, Names> of_layer;
  Names untagged;
};

Script read_script() {
  Script script;
  const char* path = std::getenv("DSABENCH_FAKE_CUPTI");
  std::ifstream stream(path == nullptr ? "" : path);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string key, name;
    int layer = 0, stage = 0;
    if (!(words >> key)) continue;
    if (key == "stage" || key == "at") {
      if (key == "at") words >> layer;
      words >> stage;
      Names& names = key == "at" ? script.of_layer[{layer, stage}] : script.of_stage[stage];
      while (words >> name) {
        if (name != "-") names.push_back(name);
      }
    } else if (key == "untagged") {
      while (words >> name) script.untagged.push_back(name);
    } else {
      words >> script.numbers[key];
    }
  }
  return script;
}

template <class Value>
std::vector<std::uint8_t> bytes_of(const Value& value) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
  return {begin, begin + sizeof value};
}

class Device {
 public:
  Result enable(int kind) {
    if (enabled_.empty()) {
      script_ = read_script();
      records_.clear();
      correlation_ = 0;
      transfers_done_ = false;
    }
    if (const Result refused = number("enable"); refused != 0) return refused;
    enabled_.insert(kind);
    return kSuccess;
  }
  void disable(int kind) { enabled_.erase(kind); }

  Result push(std::uint64_t tag) {
    if (const Result refused = number("push"); refused != 0) return refused;
    tag_ = tag;
    began_ = now();
    return kSuccess;
  }
  Result pop() {
    if (tag_ == 0) return 18;
    const int stage = static_cast<int>(tag_ & 0xff) - 1;
    const int layer = static_cast<int>(tag_ >> 8 & 0xffffff) - 1;
    Names names = {"work_kernel"};
    if (const auto found = script_.of_stage.find(stage); found != script_.of_stage.end()) {
      names = found->second;
    }
    if (const auto found = script_.of_layer.find({layer, stage}); found != script_.of_layer.end()) {
      names = found->second;
    }
    const std::uint64_t ended = now();
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::uint64_t piece = (ended - began_) / names.size();
      add_kernel(names[i], began_ + i * piece, began_ + (i + 1) * piece);
    }
    if (!std::exchange(transfers_done_, true)) add_transfers(ended);
    tag_ = 0;
    return kSuccess;
  }

  Result flush() {
    if (const Result refused = number("flush"); refused != 0) return refused;
    for (const std::string& name : std::exchange(script_.untagged, {})) {
      add_kernel(name, began_, now());
    }
    for (long& left = script_.numbers["unfinished"]; left > 0; --left) add_kernel("late", 0, 0);
    std::thread([this] { deliver(); }).join();
    return kSuccess;
  }
  std::size_t take_dropped() {
    dropped_ += static_cast<std::size_t>(std::exchange(script_.numbers["dropped"], 0));
    return std::exchange(dropped_, 0);
  }

  RequestBuffer request = nullptr;
  CompleteBuffer complete = nullptr;
  std::uint64_t (*clock)() = nullptr;

 private:
  Result number(const std::string& key) { return static_cast<Result>(script_.numbers[key]); }
  std::uint64_t now() const { return clock == nullptr ? 0 : clock(); }
  bool is_on(int kind) const { return enabled_.contains(kind); }

  /// What ties the next activity to the tag.
  std::uint32_t call() {
    ++correlation_;
    if (tag_ != 0 && is_on(kExternalCorrelation) && is_on(kRuntime) && is_on(kDriver)) {
      // Another kind's correlation must not pass for ours.
      records_.push_back(bytes_of(
          ExternalCorrelationRecord{kExternalCorrelation, kCustom + 1, 0x101, correlation_}));
      records_.push_back(
          bytes_of(ExternalCorrelationRecord{kExternalCorrelation, kCustom, tag_, correlation_}));
    }
    return correlation_;
  }
  void add_kernel(const std::string& name, std::uint64_t begin, std::uint64_t end) {
    if (!is_on(kConcurrentKernel)) return;
    KernelRecord record{};
    record.kind = kConcurrentKernel;
    record.correlation = call();
    record.start = begin;
    record.end = end;
    record.stream = 7;
    record.graph_node = static_cast<std::uint64_t>(script_.numbers["graph"]);
    record.name = names_.insert(name).first->c_str();
    records_.push_back(bytes_of(record));
  }
  void add_transfers(std::uint64_t at) {
    if (const long bytes = script_.numbers["copy"]; bytes > 0 && is_on(kMemcpy)) {
      MemcpyRecord record{};
      record.kind = kMemcpy;
      record.copy_kind = 1;
      record.bytes = static_cast<std::uint64_t>(bytes);
      record.start = record.end = at;
      record.stream = 7;
      record.correlation = call();
      records_.push_back(bytes_of(record));
    }
    if (const long bytes = script_.numbers["fill"]; bytes > 0 && is_on(kMemset)) {
      MemsetRecord record{};
      record.kind = kMemset;
      record.bytes = static_cast<std::uint64_t>(bytes);
      record.start = record.end = at;
      record.stream = 7;
      record.correlation = call();
      records_.push_back(bytes_of(record));
    }
  }

  /// In small buffers, so that there are several.
  void deliver() {
    constexpr std::size_t kFull = 4096;
    std::uint8_t* buffer = nullptr;
    std::size_t size = 0, used = 0;
    for (const std::vector<std::uint8_t>& record : records_) {
      if (buffer != nullptr && used + record.size() > std::min(size, kFull)) {
        complete(nullptr, 0, std::exchange(buffer, nullptr), size, used);
      }
      if (buffer == nullptr) {
        std::size_t most = 0;
        request(&buffer, &size, &most);
        used = 0;
      }
      if (buffer == nullptr) {
        ++dropped_;
        continue;
      }
      std::memcpy(buffer + used, record.data(), record.size());
      used += record.size();
    }
    if (buffer != nullptr) complete(nullptr, 0, buffer, size, used);
    records_.clear();
  }

  Script script_;
  std::set<int> enabled_;
  std::set<std::string> names_;
  std::vector<std::vector<std::uint8_t>> records_;
  std::uint32_t correlation_ = 0;
  std::uint64_t tag_ = 0, began_ = 0;
  std::size_t dropped_ = 0;
  bool transfers_done_ = false;
};

Device& device() {
  static Device one;
  return one;
}

std::size_t size_of(const Record& record) {
  switch (record.kind) {
    case kConcurrentKernel:
      return sizeof(KernelRecord);
    case kMemcpy:
      return sizeof(MemcpyRecord);
    case kMemset:
      return sizeof(MemsetRecord);
    default:
      return sizeof(ExternalCorrelationRecord);
  }
}

}  // namespace

extern "C" {
Result cuptiGetVersion(std::uint32_t* version) {
  *version = 130001;
  return kSuccess;
}
Result cuptiGetResultString(Result result, const char** text) {
  *text = result == kInsufficientPrivileges ? "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"
                                            : "CUPTI_ERROR_SCRIPTED";
  return kSuccess;
}
Result cuptiActivityRegisterCallbacks(RequestBuffer request, CompleteBuffer complete) {
  device().request = request;
  device().complete = complete;
  return kSuccess;
}
Result cuptiActivityRegisterTimestampCallback(std::uint64_t (*clock)()) {
  device().clock = clock;
  return kSuccess;
}
Result cuptiActivityEnable(int kind) { return device().enable(kind); }
Result cuptiActivityDisable(int kind) {
  device().disable(kind);
  return kSuccess;
}
Result cuptiActivityFlushAll(std::uint32_t flag) { return flag == kForced ? device().flush() : 1; }
Result cuptiActivityGetNextRecord(std::uint8_t* buffer, std::size_t bytes, Record** record) {
  auto* next =
      *record == nullptr ? buffer : reinterpret_cast<std::uint8_t*>(*record) + size_of(**record);
  if (next >= buffer + bytes) return 12;
  *record = reinterpret_cast<Record*>(next);
  return kSuccess;
}
Result cuptiActivityGetNumDroppedRecords(void*, std::uint32_t, std::size_t* dropped) {
  *dropped = device().take_dropped();
  return kSuccess;
}
Result cuptiActivityPushExternalCorrelationId(int kind, std::uint64_t tag) {
  return kind == kCustom ? device().push(tag) : 1;
}
Result cuptiActivityPopExternalCorrelationId(int kind, std::uint64_t*) {
  return kind == kCustom ? device().pop() : 1;
}
}
