#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/run/golden_check.h"
#include "results/report/fields.h"

namespace dsabench {
namespace {

/// JSON has no infinity: a difference that is none prints as the string "inf".
nlohmann::ordered_json number_or_null(const std::optional<double>& value) {
  if (!value) return nullptr;
  if (!std::isfinite(*value)) return "inf";
  return *value;
}

std::string shown(const std::optional<double>& value) {
  return value ? fmt::format("{:.3g}", *value) : "not in the reference";
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.2f} %", 100.0 * *share) : "not in the reference";
}

std::vector<std::string> notes_of(const GoldenReport& report) {
  std::vector<std::string> notes;
  for (const std::string& name : report.skipped) notes.push_back("skipped: " + name);
  notes.insert(notes.end(), report.remarks.begin(), report.remarks.end());
  return notes;
}

}  // namespace

std::string golden_report_json(const GoldenReport& report) {
  nlohmann::ordered_json object;
  object["model"] = report.model;
  object["max_abs_logit_diff"] = number_or_null(report.max_abs_logit_diff);
  object["max_abs_decode_logit_diff"] = number_or_null(report.max_abs_decode_logit_diff);
  object["topk_rows_checked"] = report.topk_rows_checked;
  object["topk_rows_mismatched"] = report.topk_rows_mismatched;
  object["topk_rows_excused"] = report.topk_rows_excused;
  if (report.decode_tokens_equal) {
    object["decode_tokens_equal"] = *report.decode_tokens_equal;
  } else {
    object["decode_tokens_equal"] = nullptr;
  }
  object["topk_recall"] = number_or_null(report.topk_recall);
  object["token_agreement"] = number_or_null(report.token_agreement);
  object["judged"] = report.judged;
  object["pass"] = report.pass;
  object["skipped"] = report.skipped;
  object["remarks"] = report.remarks;
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Table golden_report_list(const GoldenReport& report) {
  Table table;
  table.name = "verify";
  table.title = "Verification of " + report.model;
  table.columns = {{"check", "check", ""}, {"result", "result", ""}};
  const auto add = [&table](const char* check, std::string result) {
    table.rows.push_back({std::string(check), std::move(result)});
  };
  add("largest logit difference, prefill", shown(report.max_abs_logit_diff));
  add("largest logit difference, decode", shown(report.max_abs_decode_logit_diff));
  add("index sets",
      fmt::format("{} rows checked, {} mismatched, {} excused by a small margin",
                  report.topk_rows_checked, report.topk_rows_mismatched, report.topk_rows_excused));
  add("reference picks found", percent(report.topk_recall));
  add("decode tokens", !report.decode_tokens_equal   ? "not in the reference"
                       : *report.decode_tokens_equal ? "equal"
                                                     : "different");
  add("reference tokens chosen", percent(report.token_agreement));
  add("verdict", !report.pass    ? "FAIL"
                 : report.judged ? "pass"
                                 : "finite; bf16 is reported, not judged");
  table.notes = notes_of(report);
  return table;
}

Table golden_report_row(const GoldenReport& report) {
  Table table;
  table.name = "verify";
  table.title = "Verification of " + report.model;
  table.columns = {report::naming("model", "model"),
                   {"max_abs_logit_diff", "largest logit difference, prefill", ""},
                   {"max_abs_decode_logit_diff", "largest logit difference, decode", ""},
                   {"topk_rows_checked", "index sets checked", ""},
                   {"topk_rows_mismatched", "mismatched", ""},
                   {"topk_rows_excused", "excused", ""},
                   {"decode_tokens_equal", "decode tokens equal", ""},
                   {"state", "state", "", 0, Shown::everywhere, Role::state},
                   {"outcome", "outcome", "", 0, Shown::everywhere, Role::outcome}};
  Field tokens_equal;
  if (report.decode_tokens_equal) tokens_equal = std::int64_t{*report.decode_tokens_equal};
  table.rows.push_back(
      {report.model, report::optional_field(report.max_abs_logit_diff),
       report::optional_field(report.max_abs_decode_logit_diff), report.topk_rows_checked,
       report.topk_rows_mismatched, report.topk_rows_excused, tokens_equal,
       std::string(report.pass ? "ok" : "incorrect"),
       std::string(report.pass ? "agrees with the reference" : "differs from the reference")});
  table.notes = notes_of(report);
  return table;
}

}  // namespace dsabench
