#pragma once
#include <iosfwd>

#include "harness/profile/profiled_cell.h"

namespace dsabench {

/// Writes the profiled sample as a timeline that Perfetto and chrome://tracing open: the Trace
/// Event Format's JSON object, complete events ("X") in microseconds since the sample began.
/// Process 1 is the host: the sample, its forward passes, their layers and the stages in them, each
/// within the other. Process 2, where work of a device was traced, has a thread for each stream.
/// Work of a device carries layer and stage that gave it.
void write_chrome_trace(std::ostream& out, const ProfiledCell& profiled);

}  // namespace dsabench
