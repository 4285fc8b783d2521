#include "results/compare/group_ceilings.h"

#include <algorithm>
#include <map>
#include <optional>

#include "results/report/ceilings.h"
#include "results/report/fields.h"

namespace dsabench::compare {

Table group_ceilings(const Grouping& grouping) {
  std::map<std::size_t, const Member*> newest;
  for (const std::vector<Member>& members : grouping.sets) {
    for (const Member& member : members) {
      const Member*& chosen = newest[member.group];
      if (chosen == nullptr || member.origin.run->started_ms > chosen->origin.run->started_ms) {
        chosen = &member;
      }
    }
  }
  Table table;
  table.title = "Ceilings of each machine";
  table.name = "compare_ceilings";
  table.columns = {report::naming("ceiling", "ceiling"),
                   report::naming("group", "machine's device"),
                   {"rate", "rate", "1/s", 0, Shown::in_data},
                   {"rate_text", "rate", "", 0, Shown::in_markdown},
                   {"ratio", "ratio", "", 3, Shown::everywhere},
                   {"unit", "unit", "", 0, Shown::in_data}};
  std::vector<std::string> names;
  for (const auto& [group, member] : newest) {
    for (const Ceiling& ceiling : member->origin.run->ceilings) {
      if (std::find(names.begin(), names.end(), ceiling.name) == names.end()) {
        names.push_back(ceiling.name);
      }
    }
  }
  for (const std::string& name : names) {
    std::optional<double> first;
    for (const auto& [group, member] : newest) {
      const Ceiling* ceiling =
          report::ceiling_of(*member->origin.run, *member->view->ok_trials.front(), name);
      if (ceiling == nullptr) continue;
      const double rate = report::rate_per_s(*ceiling);
      if (!first) first = rate;
      table.rows.push_back({name, grouping.groups[group], rate,
                            report::rate_text(rate, ceiling->unit), rate / *first, ceiling->unit});
    }
  }
  table.notes.push_back("ratios are rates against the first machine that shows one");
  return table;
}

}  // namespace dsabench::compare
