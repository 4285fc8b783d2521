#pragma once
#include <string>

namespace dsabench {

/// Writes down that this process aborts a run: its running trial becomes `interrupted`, and so does
/// the run. Through a connection of its own, so that any thread may call it, with little patience:
/// a trial that cannot be written down is found as crashed when the run is resumed. Throws nothing.
void record_abort(const std::string& database, const std::string& run_id) noexcept;

}  // namespace dsabench
