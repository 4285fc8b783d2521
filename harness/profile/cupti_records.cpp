#include "harness/profile/cupti_records.h"

#if __has_include(<cupti.h>)
#include <cupti.h>

#include <cstddef>
#endif

namespace dsabench::cupti {

#if __has_include(<cupti.h>)
#define DSABENCH_SAME_PLACE(ours, field, theirs, their_field)             \
  static_assert(offsetof(ours, field) == offsetof(theirs, their_field) && \
                sizeof(ours::field) == sizeof(theirs::their_field))

#if CUPTI_API_VERSION >= 130000
using Kernel = CUpti_ActivityKernel10;
#else
using Kernel = CUpti_ActivityKernel9;
#endif
DSABENCH_SAME_PLACE(KernelRecord, kind, Kernel, kind);
DSABENCH_SAME_PLACE(KernelRecord, start, Kernel, start);
DSABENCH_SAME_PLACE(KernelRecord, end, Kernel, end);
DSABENCH_SAME_PLACE(KernelRecord, stream, Kernel, streamId);
DSABENCH_SAME_PLACE(KernelRecord, correlation, Kernel, correlationId);
DSABENCH_SAME_PLACE(KernelRecord, grid, Kernel, gridId);
DSABENCH_SAME_PLACE(KernelRecord, name, Kernel, name);
DSABENCH_SAME_PLACE(KernelRecord, graph_node, Kernel, graphNodeId);

using Memcpy = CUpti_ActivityMemcpy6;
DSABENCH_SAME_PLACE(MemcpyRecord, copy_kind, Memcpy, copyKind);
DSABENCH_SAME_PLACE(MemcpyRecord, bytes, Memcpy, bytes);
DSABENCH_SAME_PLACE(MemcpyRecord, start, Memcpy, start);
DSABENCH_SAME_PLACE(MemcpyRecord, end, Memcpy, end);
DSABENCH_SAME_PLACE(MemcpyRecord, stream, Memcpy, streamId);
DSABENCH_SAME_PLACE(MemcpyRecord, correlation, Memcpy, correlationId);
DSABENCH_SAME_PLACE(MemcpyRecord, graph_node, Memcpy, graphNodeId);

using Memset = CUpti_ActivityMemset4;
DSABENCH_SAME_PLACE(MemsetRecord, bytes, Memset, bytes);
DSABENCH_SAME_PLACE(MemsetRecord, start, Memset, start);
DSABENCH_SAME_PLACE(MemsetRecord, end, Memset, end);
DSABENCH_SAME_PLACE(MemsetRecord, stream, Memset, streamId);
DSABENCH_SAME_PLACE(MemsetRecord, correlation, Memset, correlationId);
DSABENCH_SAME_PLACE(MemsetRecord, graph_node, Memset, graphNodeId);

using External = CUpti_ActivityExternalCorrelation;
DSABENCH_SAME_PLACE(ExternalCorrelationRecord, external_kind, External, externalKind);
DSABENCH_SAME_PLACE(ExternalCorrelationRecord, external, External, externalId);
DSABENCH_SAME_PLACE(ExternalCorrelationRecord, correlation, External, correlationId);

static_assert(kMemcpy == CUPTI_ACTIVITY_KIND_MEMCPY && kMemset == CUPTI_ACTIVITY_KIND_MEMSET &&
              kDriver == CUPTI_ACTIVITY_KIND_DRIVER && kRuntime == CUPTI_ACTIVITY_KIND_RUNTIME &&
              kConcurrentKernel == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL &&
              kExternalCorrelation == CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION &&
              kCustom == CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0 &&
              kForced == CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
static_assert(kNotInitialized == CUPTI_ERROR_NOT_INITIALIZED &&
              kInsufficientPrivileges == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES &&
              kMultipleSubscribers == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED &&
              kVirtualInsufficientPrivileges ==
                  CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES);
#undef DSABENCH_SAME_PLACE
#endif

const char* copy_name(std::uint8_t copy_kind) {
  switch (copy_kind) {
    case 1:
      return "copy to device";
    case 2:
      return "copy to host";
    case 8:
      return "copy within device";
    default:
      return "copy";
  }
}

}  // namespace dsabench::cupti
