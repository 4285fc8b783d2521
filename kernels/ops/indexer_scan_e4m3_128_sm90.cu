#include "kernels/ops/indexer_scan_launch_sm90.cuh"

namespace dsabench::ops::detail {

template void launch_scan<cuda::E4m3, 128>(const cuda::Launch&, const IndexerTopkArgs&,
                                           const ScoreBatch&, const CandidateLists&);

}  // namespace dsabench::ops::detail
