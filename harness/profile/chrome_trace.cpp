#include "harness/profile/chrome_trace.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

namespace dsabench {
namespace {

constexpr int kHost = 1, kDevice = 2;
constexpr int kHostThread = 1;

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

/// Events one after the other, with the commas between them.
class TraceWriter {
 public:
  TraceWriter(std::ostream& out, std::int64_t origin_ns) : out_(out), origin_ns_(origin_ns) {}

  void name(const char* what, int process, std::int64_t thread, const std::string& name) {
    begin();
    out_ << fmt::format(R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":{}}}}})", what,
                        process, thread, quoted(name));
  }
  /// `args`: JSON members, "" for none.
  void event(int process, std::int64_t thread, const std::string& name, const char* category,
             std::int64_t begin_ns, std::int64_t end_ns, const std::string& args) {
    begin();
    out_ << fmt::format(
        R"({{"ph":"X","name":{},"cat":"{}","pid":{},"tid":{},"ts":{},"dur":{},"args":{{{}}}}})",
        quoted(name), category, process, thread, microseconds(begin_ns - origin_ns_),
        microseconds(end_ns - begin_ns), args);
  }

 private:
  void begin() {
    out_ << (first_ ? "\n" : ",\n");
    first_ = false;
  }
  /// Exact: nanoseconds are its last three digits.
  static std::string microseconds(std::int64_t ns) {
    const char* sign = ns < 0 ? "-" : "";
    const std::int64_t size = ns < 0 ? -ns : ns;
    return fmt::format("{}{}.{:03}", sign, size / 1000, size % 1000);
  }

  std::ostream& out_;
  std::int64_t origin_ns_;
  bool first_ = true;
};

std::string layer_args(const std::string& pattern, std::int64_t layer) {
  if (layer < 0) return R"("layer":-1)";
  return fmt::format(R"("layer":{},"indexer":"{}")", layer,
                     pattern.at(static_cast<std::size_t>(layer)) == 'F' ? "full" : "shared");
}

std::string layer_and_stage(const std::string& pattern, std::int64_t layer, Stage stage) {
  return fmt::format(R"({},"stage":"{}")", layer_args(pattern, layer), stage_name(stage));
}

/// Events of the spans that follow each other with one value of `key`, from the first's begin to
/// the last's end.
template <class Key, class Write>
void write_groups(const std::vector<StageSpan>& spans, Key key, Write write) {
  for (std::size_t first = 0; first < spans.size();) {
    std::size_t last = first;
    while (last + 1 < spans.size() && key(spans[last + 1]) == key(spans[first])) ++last;
    write(spans[first], spans[last]);
    first = last + 1;
  }
}

void write_host(TraceWriter& trace, const ProfiledCell& profiled) {
  const CellProfile& profile = profiled.profile;
  const std::string& pattern = profiled.cell.pattern;
  const auto event = [&](const std::string& name, const char* category, std::int64_t begin_ns,
                         std::int64_t end_ns, const std::string& args) {
    trace.event(kHost, kHostThread, name, category, begin_ns, end_ns, args);
  };
  event(phase_name(profiled.cell.phase), "sample", profile.begin_ns, profile.end_ns,
        fmt::format(R"("cell":{})", quoted(describe(profiled.cell))));
  write_groups(
      profile.spans, [](const StageSpan& span) { return span.pass; },
      [&](const StageSpan& first, const StageSpan& last) {
        event(fmt::format("forward {}", first.pass), "pass", first.begin_ns, last.end_ns,
              fmt::format(R"("pass":{})", first.pass));
      });
  write_groups(
      profile.spans, [](const StageSpan& span) { return std::pair(span.pass, span.layer); },
      [&](const StageSpan& first, const StageSpan& last) {
        if (first.layer < 0) return;
        event(fmt::format("layer {} {}", first.layer,
                          pattern.at(static_cast<std::size_t>(first.layer))),
              "layer", first.begin_ns, last.end_ns, layer_args(pattern, first.layer));
      });
  for (const StageSpan& span : profile.spans) {
    event(stage_name(span.stage), "stage", span.begin_ns, span.end_ns,
          layer_and_stage(pattern, span.layer, span.stage));
  }
}

void write_device(TraceWriter& trace, const ProfiledCell& profiled) {
  std::set<std::int64_t> streams;
  for (const DeviceActivity& activity : profiled.profile.trace.activities) {
    streams.insert(activity.stream);
    const char* category = activity.kind == DeviceActivity::Kind::kernel ? "kernel" : "transfer";
    std::string args = fmt::format(R"("compiled_name":{})", quoted(activity.name));
    if (const auto tag = decode_stage_tag(activity.tag)) {
      args += "," + layer_and_stage(profiled.cell.pattern, tag->layer, tag->stage);
    }
    if (activity.bytes > 0) args += fmt::format(R"(,"bytes":{})", activity.bytes);
    if (activity.graph_node != 0) args += fmt::format(R"(,"graph_node":{})", activity.graph_node);
    trace.event(kDevice, activity.stream, kernel_name(activity.name), category, activity.begin_ns,
                activity.end_ns, args);
  }
  if (streams.empty()) return;
  trace.name("process_name", kDevice, *streams.begin(),
             fmt::format("device ({})", profiled.profile.tracer));
  for (const std::int64_t stream : streams) {
    trace.name("thread_name", kDevice, stream, fmt::format("stream {}", stream));
  }
}

}  // namespace

void write_chrome_trace(std::ostream& out, const ProfiledCell& profiled) {
  out << R"({"displayTimeUnit":"ms","otherData":{"tool":"dsabench","cell":)"
      << quoted(describe(profiled.cell)) << R"(,"cell_id":)"
      << quoted(profiled.planned.cell.cell_id)
      << fmt::format(R"(,"dropped_records":"{}"}},"traceEvents":[)",
                     profiled.profile.trace.num_dropped);
  TraceWriter trace(out, profiled.profile.begin_ns);
  trace.name("process_name", kHost, kHostThread, "host");
  trace.name("thread_name", kHost, kHostThread,
             profiled.cell.device_kind == "cpu" ? "stages" : "stages, as they were queued");
  write_host(trace, profiled);
  write_device(trace, profiled);
  out << "\n]}\n";
}

}  // namespace dsabench
