#include "harness/profile/nvtx_ranges.h"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>

namespace dsabench {
void nvtx_push(const char* name) noexcept { nvtxRangePushA(name); }
void nvtx_pop() noexcept { nvtxRangePop(); }
}  // namespace dsabench

#else

namespace dsabench {
void nvtx_push(const char*) noexcept {}
void nvtx_pop() noexcept {}
}  // namespace dsabench

#endif
