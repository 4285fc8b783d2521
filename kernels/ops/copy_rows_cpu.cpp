#include <algorithm>

#include "kernels/ops/copy_rows.h"
#include "kernels/ops/detail_cpu.h"

namespace dsabench::ops::detail {

void copy_rows_cpu(const CopyRowsArgs& args) {
  for (std::int64_t t = 0; t < args.from.dim(0); ++t) {
    std::copy_n(args.from.row<float>(t), args.from.dim(1), args.to.row<float>(t));
  }
}

}  // namespace dsabench::ops::detail
