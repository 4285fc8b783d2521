#pragma once
/// The records of CUPTI's activity API as far as they are read here. Builds need no toolkit; those
/// with one hold the layouts to its headers (cupti_records.cpp). The fields have been where they
/// are since CUDA 11, newer versions add theirs behind them.
#include <cstdint>

namespace dsabench::cupti {

/// Kinds of records, CUpti_ActivityKind.
inline constexpr std::int32_t kMemcpy = 1, kMemset = 2, kDriver = 4, kRuntime = 5,
                              kConcurrentKernel = 10, kExternalCorrelation = 39;
/// CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0.
inline constexpr std::int32_t kCustom = 3;
/// CUPTI_ACTIVITY_FLAG_FLUSH_FORCED.
inline constexpr std::uint32_t kForced = 1;

/// CUptiResult.
inline constexpr int kSuccess = 0, kNotInitialized = 15, kInsufficientPrivileges = 35,
                     kMultipleSubscribers = 39, kVirtualInsufficientPrivileges = 40;

struct Record {
  std::int32_t kind;
};

struct KernelRecord {
  std::int32_t kind;
  std::uint8_t not_read_1[12];
  std::uint64_t start, end;
  std::uint8_t not_read_2[16];
  std::uint32_t stream;
  std::uint8_t not_read_3[40];
  std::uint32_t correlation;
  std::int64_t grid;
  const char* name;
  std::uint8_t not_read_4[32];
  std::uint64_t graph_node;
};

struct MemcpyRecord {
  std::int32_t kind;
  std::uint8_t copy_kind;
  std::uint8_t not_read_1[3];
  std::uint64_t bytes, start, end;
  std::uint8_t not_read_2[8];
  std::uint32_t stream, correlation;
  std::uint8_t not_read_3[16];
  std::uint64_t graph_node;
};

struct MemsetRecord {
  std::int32_t kind;
  std::uint32_t value;
  std::uint64_t bytes, start, end;
  std::uint8_t not_read_1[8];
  std::uint32_t stream, correlation;
  std::uint8_t not_read_2[16];
  std::uint64_t graph_node;
};

struct ExternalCorrelationRecord {
  std::int32_t kind, external_kind;
  std::uint64_t external;
  std::uint32_t correlation;
};

/// CUpti_ActivityMemcpyKind in words: "copy to device".
const char* copy_name(std::uint8_t copy_kind);

}  // namespace dsabench::cupti
