#pragma once
/// Which process runs a trial or a run, and whether it still does. Private to results/.
#include "results/record.h"

namespace dsabench::store {

ProcessMark current_process();

/// Whether the process still runs, on this machine. Another machine's boot id differs, so its
/// processes count as gone.
bool is_alive(const ProcessMark& mark);

}  // namespace dsabench::store
