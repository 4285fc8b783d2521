#pragma once
#include "kernels/base/device.h"

namespace dsabench::test {

/// Where the engines of this executable run: the host, or in test_<folder>_cuda the first GPU.
/// Defined beside the executable's main function.
Device test_device();

}  // namespace dsabench::test
