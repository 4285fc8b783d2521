#pragma once
/// Which process a trial runs in, and whether it still does. Private to results/.
#include "results/record.h"

namespace dsabench::store {

/// Fills in the process, its start and the boot of this machine.
void set_current_process(RunningTrial& trial);

/// Whether the process that began the trial still runs on this machine. Another machine's boot id
/// differs, so its processes count as gone.
bool is_alive(const RunningTrial& trial);

}  // namespace dsabench::store
