#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace dsabench {

/// Writes down that a run is aborted: trials that run in these processes, which go away with it,
/// become `interrupted`, and so does the run. Through a connection of its own, so that any thread
/// may call it, with little patience: a trial that cannot be written down is found as crashed when
/// the run is resumed. Throws nothing.
void record_abort(const std::string& database, const std::string& run_id,
                  const std::vector<std::int64_t>& process_ids) noexcept;

}  // namespace dsabench
